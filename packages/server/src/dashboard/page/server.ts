/**
 * Sends requests to the server of the page. A header that only this page sets has the key, which is kept while this
 * tab is open, for each data store. There is no cookie that a forged request could use.
 */
import type { Problem } from './messages.ts';

const keyName = `sluice-key ${location.pathname}`;

export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor({ detail, status, code }: Problem) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

export function setKey(key: string | null): void {
  if (key === null) sessionStorage.removeItem(keyName);
  else sessionStorage.setItem(keyName, key);
}

export function hasKey(): boolean {
  return sessionStorage.getItem(keyName) !== null;
}

function headers(): Record<string, string> {
  const key = sessionStorage.getItem(keyName);
  return key === null ? {} : { Authorization: `Bearer ${key}` };
}

type Query = Record<string, string | number | null | undefined>;

/** @throws {Refusal} if the server refuses or does not answer */
export async function read<T>(path: string, query: Query = {}): Promise<T> {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  const response = await ask(text === '' ? path : `${path}?${text}`, {});
  return (await response.json()) as T;
}

/** @throws {Refusal} */
export async function change<T>(path: string, body: unknown): Promise<T> {
  const response = await ask(path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'Content-Type': 'application/json' },
  });
  return (await response.json()) as T;
}

type Asked = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> };

/** @throws {Refusal} */
export async function ask(path: string, options: Asked): Promise<Response> {
  const response = await fetch(path, {
    ...options,
    headers: { ...headers(), ...options.headers },
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
  }).catch((error: unknown) => {
    if (options.signal?.aborted === true) throw error;
    throw new Refusal({
      title: 'No answer',
      detail: 'The server does not answer.',
      status: 0,
      code: 'no_answer',
    });
  });
  if (response.ok) return response;
  throw new Refusal(await problemOf(response));
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem;
  } catch {
    const { status } = response;
    return { title: 'Refused', detail: `The server answered ${status}.`, status, code: 'unknown' };
  }
}
