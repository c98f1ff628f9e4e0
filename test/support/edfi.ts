// A node that speaks Ed-Fi, on a database of its own, in each mode; and the few documents that most scenarios stand on.

import { readModel } from '@sluice/edfi';
import { profile } from '@sluice/edfi/profile';
import { createApi, type ApiOptions } from '@sluice/server/api';
import { createClient } from 'sluice/internal/client';
import type { Model, ModelOptions } from 'sluice/model';
import type { Mode } from 'sluice/internal/protocol';
import { createWriter } from 'sluice/internal/writer';
import { afterAll, beforeAll } from 'vitest';
import { edFiPath, isAbsent } from './edfi-data.ts';
import { useDatabase } from './database.ts';
import { patient } from './patient.ts';
import { nodeUrl } from './postgres.ts';

export const schemaFile = edFiPath('ApiSchema.json');
export const isEdFiAbsent = isAbsent(schemaFile);

export type Body = Record<string, unknown>;

export interface EdFiAnswer {
  status: number;
  headers: Record<string, string>;
  text: string;
  /** Parsed; null: there was none. */
  body: Body;
  /** Last part of `Location`. */
  id: string;
}

export interface EdFiOptions extends ModelOptions {
  /** Instead of the core schema alone. */
  model?: () => Promise<Model>;
  api?: Omit<ApiOptions, 'client'>;
}

type Headers = Record<string, string>;

export class EdFiNode {
  app!: ReturnType<typeof createApi>;
  model!: Model;
  basePath = '';
  url!: string;
  #number = 0;

  /** A number that no document has yet. */
  fresh(): number {
    return ++this.#number + 1_000;
  }

  async send(method: string, url: string, body?: unknown, headers: Headers = {}): Promise<EdFiAnswer> {
    const payload = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body);
    const response = await this.app.inject({
      method: method as 'GET',
      url,
      headers: { ...(payload === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(payload === undefined ? {} : { payload }),
    });
    const known = response.headers as Record<string, string>;
    let parsed: unknown = null;
    try {
      parsed = JSON.parse(response.body);
    } catch {
      // No body, or none that is JSON.
    }
    return {
      status: response.statusCode,
      headers: known,
      text: response.body,
      body: parsed as Body,
      id: known['location']?.split('/').at(-1) ?? '',
    };
  }

  post(resource: string, body: unknown, headers?: Headers): Promise<EdFiAnswer> {
    return this.send('POST', this.at(resource), body, headers);
  }

  /** @param place `schools/<id>`, or a Location. */
  put(place: string, body: unknown, headers?: Headers): Promise<EdFiAnswer> {
    return this.send('PUT', this.at(place), body, headers);
  }

  get(place: string, headers?: Headers): Promise<EdFiAnswer> {
    return this.send('GET', this.at(place), undefined, headers);
  }

  remove(place: string, headers?: Headers): Promise<EdFiAnswer> {
    return this.send('DELETE', this.at(place), undefined, headers);
  }

  at(place: string): string {
    if (place.startsWith('/') || place.startsWith('http')) return place;
    return `${this.basePath}/data/ed-fi/${place}`;
  }

  /** Creates a document; fails if it was not. Gives its Location. */
  async create(resource: string, body: unknown): Promise<string> {
    const answer = await this.post(resource, body);
    if (answer.status !== 201)
      throw new Error(`Cannot create of ${resource}: ${answer.status} ${answer.text}`);
    return answer.headers['location'] as string;
  }

  /** Creates a descriptor unless it is there, and gives its URI. */
  async descriptor(name: string, codeValue = 'One'): Promise<string> {
    const namespace = `uri://ed-fi.org/${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    const answer = await this.post(`${name}s`, { namespace, codeValue, shortDescription: codeValue });
    if (answer.status > 201) throw new Error(`Cannot create of ${name}: ${answer.text}`);
    return `${namespace}#${codeValue}`;
  }

  /** A school's body, with the descriptors that it needs. */
  async school(schoolId: number, more: Body = {}): Promise<Body> {
    const category = await this.descriptor('educationOrganizationCategoryDescriptor', 'School');
    const grade = await this.descriptor('gradeLevelDescriptor', 'Ninth grade');
    return {
      schoolId,
      nameOfInstitution: `School ${schoolId}`,
      educationOrganizationCategories: [{ educationOrganizationCategoryDescriptor: category }],
      gradeLevels: [{ gradeLevelDescriptor: grade }],
      ...more,
    };
  }

  async newSchool(more: Body = {}): Promise<{ schoolId: number; location: string }> {
    const schoolId = this.fresh();
    return { schoolId, location: await this.create('schools', await this.school(schoolId, more)) };
  }

  student(more: Body = {}): Body {
    return {
      studentUniqueId: String(this.fresh()),
      birthDate: '2012-03-04',
      firstName: 'Ada',
      lastSurname: 'Byron',
      ...more,
    };
  }

  /** A school year, unless it is there. */
  async schoolYear(schoolYear = 2025): Promise<number> {
    await this.post('schoolYearTypes', {
      schoolYear,
      currentSchoolYear: false,
      schoolYearDescription: `${schoolYear - 1}-${schoolYear}`,
    });
    return schoolYear;
  }

  /** A session of a new school. */
  async newSession(more: Body = {}): Promise<{ schoolId: number; session: Body; location: string }> {
    const { schoolId } = await this.newSchool();
    const schoolYear = await this.schoolYear();
    const session = {
      sessionName: 'Fall',
      schoolReference: { schoolId },
      schoolYearTypeReference: { schoolYear },
      beginDate: '2024-08-01',
      endDate: '2024-12-20',
      termDescriptor: await this.descriptor('termDescriptor', 'Fall Semester'),
      totalInstructionalDays: 80,
      ...more,
    };
    return { schoolId, session, location: await this.create('sessions', session) };
  }
}

/** Starts a node for the calling `describe`, on a database of its own. */
export function useEdFi(mode: Mode, options: EdFiOptions = {}): EdFiNode {
  const database = useDatabase();
  const node = new EdFiNode();
  let stop = async (): Promise<void> => {};
  beforeAll(async () => {
    const model = await (options.model?.() ?? readModel(schemaFile, options));
    const client = createClient({ ...patient, url: nodeUrl(database.url, { mode }), model, mode });
    const writer = mode === 'coordinated' ? createWriter({ url: database.writerUrl, model }) : null;
    await Promise.all([client.start(), writer?.start()]);
    node.app = createApi({ client, ...(model.format === null ? {} : { profile }), ...options.api });
    node.model = model;
    node.url = database.url;
    node.basePath = options.api?.basePath ?? '';
    stop = async () => {
      await node.app.close();
      await client.stop();
      await writer?.stop();
    };
  });
  afterAll(() => stop());
  return node;
}

/** Members that every problem has. */
export function problem(status: number, type: string, title: string, detail: string, more: Body = {}): Body {
  return {
    detail,
    type: `urn:ed-fi:api:${type}`,
    title,
    status,
    validationErrors: {},
    errors: [],
    ...more,
  };
}

export function invalid(validationErrors: Record<string, string[]>): Body {
  return problem(
    400,
    'bad-request:data-validation-failed',
    'Data Validation Failed',
    "Data validation failed. See 'validationErrors' for details.",
    { validationErrors },
  );
}

export function badRequest(...errors: string[]): Body {
  return problem(
    400,
    'bad-request',
    'Bad Request',
    "The request could not be processed. See 'errors' for details.",
    { errors },
  );
}

/** The problem of an answer, whose status must be the body's, without its `correlationId`, which must be there. */
export function told({ status, body }: EdFiAnswer): Body {
  const { correlationId, ...rest } = body;
  if (typeof correlationId !== 'string' || rest['status'] !== status)
    throw new Error(`Cannot take for a problem: ${status} ${JSON.stringify(body)}`);
  return rest;
}
