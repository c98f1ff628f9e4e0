/**
 * The projections of a process: those of its model, and those of the given modules. All processes of a deployment
 * need the same; the database enforces it.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { isAbsolute, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { assertProjections, defineProjection, type Projection } from 'sluice/internal/batch';
import type { Model } from 'sluice/model';
import { SluiceError } from 'sluice/internal/protocol';
import { projectionsOfFormat } from './format-package.ts';
import { listOf } from './setting-forms.ts';
import { setting } from './setting.ts';
import * as z from 'zod';

export const projectionModules = setting<string[]>({
  flags: '--projection <module>',
  variables: ['SLUICE_PROJECTION'],
  description:
    'path or package of a module that exports projections, by default or by name; repeat the option for others, or separate ' +
    'them by commas in the variable; all processes must agree',
  form: 'the path of a module, or the name of a package',
  path: 'dotted',
  schema: listOf(z.string().min(1)),
  fallback: [],
  isList: true,
});

/** @throws {SluiceError} `configuration_invalid` for an unusable module */
export async function projectionsOf(model: Model, modules: readonly string[]): Promise<Projection[]> {
  const projections = await projectionsOfFormat(model);
  for (const module of modules) projections.push(...(await loadProjections(module)));
  assertProjections(projections, model);
  return projections;
}

async function loadProjections(module: string): Promise<Projection[]> {
  const exported = await importModule(module);
  const candidates = candidatesOf(exported);
  if (candidates.length === 0) {
    throw refusal('names a module that exports no projection', module);
  }
  return candidates.map(([place, candidate]) => {
    const { name, resources, apply } = candidate;
    const missing =
      typeof name !== 'string'
        ? 'string `name`'
        : !isListOfTexts(resources)
          ? 'list of endpoints `resources`'
          : typeof apply !== 'function'
            ? 'function `apply`'
            : null;
    if (missing !== null) throw refusal(`names a module whose export ${place} has no ${missing}`, module);
    try {
      return defineProjection(candidate as unknown as Projection);
    } catch (cause) {
      if (!(cause instanceof SluiceError)) throw cause;
      throw refusal(`names a module whose export ${place} cannot be used (${cause.message})`, module);
    }
  });
}

/** A path is relative to the working folder; a package is found as by a program in that folder. */
async function importModule(module: string): Promise<Record<string, unknown>> {
  const isPath = /^\.{0,2}[/\\]/.test(module) || isAbsolute(module) || existsSync(resolve(module));
  const place = isPath ? pathToFileURL(resolve(module)).href : placeOfPackage(module);
  if (isPath && !existsSync(resolve(module))) throw refusal('names no file', module);
  try {
    return (await import(place)) as Record<string, unknown>;
  } catch (cause) {
    const { code, name, message } = cause as NodeJS.ErrnoException;
    if (code === 'ERR_MODULE_NOT_FOUND' && !isPath && message.includes(`'${module}'`))
      throw refusal('names neither a file nor a package that is installed here', module);
    const [reason = ''] = message.split('\n');
    throw refusal(`names a module that cannot be loaded (${code ?? name}: ${reason})`, module);
  }
}

function placeOfPackage(name: string): string {
  try {
    return pathToFileURL(createRequire(resolve('here.js')).resolve(name)).href;
  } catch {
    // A package for `import` only is found from the place of this program.
    return name;
  }
}

type Candidate = readonly [place: string, candidate: Record<string, unknown>];

/** Any export with a member of a projection counts as one. */
function candidatesOf({ default: byDefault, ...named }: Record<string, unknown>): Candidate[] {
  if (Array.isArray(byDefault)) {
    return byDefault.map((each: unknown, index) => [`default[${index}]`, isRecord(each) ? each : {}]);
  }
  if (looksMeant(byDefault)) return [['default', byDefault]];
  // A CommonJS module also has its exports under `default`.
  const all = { ...(isRecord(byDefault) ? byDefault : {}), ...named };
  return Object.entries(all).flatMap(([name, value]) => (looksMeant(value) ? [[name, value] as const] : []));
}

function looksMeant(value: unknown): value is Record<string, unknown> {
  return isRecord(value) && ['name', 'resources', 'apply'].some((member) => member in value);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOfTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string');
}

function refusal(reason: string, module: string): SluiceError {
  return new SluiceError(
    'configuration_invalid',
    `Cannot start because --projection (SLUICE_PROJECTION) ${reason}: ${module}`,
    { detail: { setting: '--projection' } },
  );
}
