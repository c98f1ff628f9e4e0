/** Reads the model of a command, and says what is wrong with it in the sentence of a setting. */
import { ModelError, readModel, type Model, type ReferentialIdLayout } from 'sluice/model';
import { SluiceError } from 'sluice/internal/protocol';

/** @throws {SluiceError} `configuration_invalid` */
export async function readModelFiles(
  files: readonly string[],
  referentialIdLayout: ReferentialIdLayout = '2026',
): Promise<Model> {
  try {
    return await readModel(files, { referentialIdLayout });
  } catch (cause) {
    if (cause instanceof ModelError) throw new SluiceError('configuration_invalid', cause.message, { cause });
    const { code, path } = cause as NodeJS.ErrnoException;
    if (code === undefined) throw cause;
    const reason = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
    throw new SluiceError(
      'configuration_invalid',
      `Cannot read the model as ${reason}: ${path ?? files.join()}`,
      {
        cause,
      },
    );
  }
}
