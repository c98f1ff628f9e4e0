/** Reads the model of a command, and reports its fault like that of a setting. */
import {
  emptyModel,
  loadModelFiles,
  ModelError,
  parseModelFiles,
  unreadableModel,
  type Model,
  type ReferentialIdLayout,
} from 'sluice/model';
import { SluiceError } from 'sluice/internal/protocol';
import { formatOf } from './format-package.ts';

/**
 * Without files: a model without documents.
 * @throws {SluiceError} `configuration_invalid`
 */
export async function readModelFiles(
  files: readonly string[] | undefined,
  referentialIdLayout: ReferentialIdLayout = '2026',
): Promise<Model> {
  if (files === undefined) return emptyModel;
  try {
    const loaded = await loadModelFiles(files);
    return parseModelFiles(loaded, { referentialIdLayout, format: await formatOf(loaded) });
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    if (cause instanceof ModelError) throw new SluiceError('configuration_invalid', cause.message, { cause });
    const reason = unreadableModel(cause, files);
    if (reason === null) throw cause;
    throw new SluiceError('configuration_invalid', `Cannot read the model: ${reason}`, { cause });
  }
}
