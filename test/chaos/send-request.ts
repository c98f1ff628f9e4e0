// One HTTP request, and its whole answer.

import { request, type Agent, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  body: string;
}

/** @throws {Error} with the `code` of what broke; `timeout`: nothing was heard for `timeoutMs` */
export function sendRequest(
  url: string,
  options: {
    method: string;
    agent: Agent;
    timeoutMs: number;
    headers: OutgoingHttpHeaders;
    body: string | null;
  },
): Promise<Answer> {
  const { method, agent, timeoutMs, headers, body } = options;
  const ofBody =
    body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { method, agent, timeout: timeoutMs, headers: { ...ofBody, ...headers } },
      (response) => {
        const parts: string[] = [];
        response.setEncoding('utf8');
        response.on('data', (part: string) => parts.push(part));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: parts.join('') }),
        );
      },
    );
    sent.on('timeout', () => sent.destroy(Object.assign(new Error('no answer'), { code: 'timeout' })));
    sent.on('error', reject);
    sent.end(body ?? undefined);
  });
}
