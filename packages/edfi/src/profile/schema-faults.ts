/** Faults against a schema in the sentences of Ed-Fi. */
import { pathOf, type SchemaFault } from '@sluice/server/profile';
import type { Resource } from 'sluice/model';
import { rulesOf } from '../model/api-rules.ts';
import { placesAt } from './places.ts';
import type { ValidationErrors } from './problem.ts';

/** Most messages for one document. */
const MESSAGES_MAX = 1_000;

export function addError(errors: ValidationErrors, path: string, message: string): void {
  const messages = (errors[path] ??= []);
  if (!messages.includes(message)) messages.push(message);
}

export function describeFaults(faults: readonly SchemaFault[], document: unknown): ValidationErrors {
  const errors: ValidationErrors = {};
  for (const fault of faults.slice(0, MESSAGES_MAX)) {
    if (fault.keyword === 'required') {
      const { missingProperty } = fault.params as { missingProperty: string };
      addError(errors, `${pathOf(fault.instancePath)}.${missingProperty}`, `${missingProperty} is required.`);
    } else {
      const path = pathOf(fault.instancePath);
      const place = placeOf(document, fault.instancePath);
      addError(errors, path === '$' ? '$.' : path, `${nameOf(path)} ${sentence(fault, place)}`.trim());
    }
  }
  return errors;
}

/** `$.addresses[0].city` is called `city`. */
function nameOf(path: string): string {
  return /([^.[\]]*)(?:\[\d+\])*$/.exec(path)?.[1]?.replace('$', '') ?? '';
}

function placeOf(document: unknown, pointer: string): unknown {
  let here = document;
  for (const step of pointer.split('/').slice(1)) {
    here = (here as Record<string, unknown>)[step.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return here;
}

function sentence({ keyword, params, message, parentSchema }: SchemaFault, value: unknown): string {
  const { limit, type, format } = params as { limit: number; type: string | string[]; format: string };
  switch (keyword) {
    case 'type':
      return `Value is "${typeOf(value)}" but should be "${String(type)}"`;
    case 'maxLength':
      return `Value should be at most ${limit} characters`;
    case 'minLength':
      return `Value should be at least ${limit} characters`;
    case 'pattern':
      return value === ''
        ? 'is required and should not be left empty.'
        : 'cannot contain leading or trailing spaces.';
    case 'format':
      return `Value does not match format "${format}"`;
    case 'minimum':
    case 'maximum': {
      const { type, minimum, maximum } = (parentSchema ?? {}) as {
        type?: string;
        minimum?: number;
        maximum?: number;
      };
      if (type === 'number' && minimum !== undefined && maximum !== undefined)
        return `must be between ${minimum} and ${maximum}.`;
      return `${String(value)} should be at ${keyword === 'minimum' ? 'least' : 'most'} ${limit}`;
    }
    case 'minItems':
      return `Value has less than ${limit} items`;
    case 'maxItems':
      return `Value has more than ${limit} items`;
    default:
      return message ?? 'is not valid.';
  }
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

/** Decimals with more digits than the model allows. */
export function decimalFaults(resource: Resource, document: unknown): ValidationErrors {
  const errors: ValidationErrors = {};
  for (const { path, totalDigits, decimalPlaces } of rulesOf(resource).decimals) {
    const max = Number((10 ** (totalDigits - decimalPlaces) - 10 ** -decimalPlaces).toFixed(decimalPlaces));
    for (const place of placesAt(document, path)) {
      if (typeof place.value !== 'number' || Math.abs(place.value) <= max) continue;
      addError(errors, place.path, `${nameOf(place.path)} must be between ${-max} and ${max}.`);
    }
  }
  return errors;
}
