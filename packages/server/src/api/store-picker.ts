/** The pages of a node with many data stores: where a visitor chooses a store, and why the page of a store cannot be shown. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Problem } from './problem.ts';

interface Picker {
  basePath: string;
  /** Null: nobody is told the names without authentication, so the visitor has to know the name. */
  names: readonly string[] | null;
}

/** Links to the pages of the stores, whose names need no escape; or a form that asks for the name. */
export function sendPicker(reply: FastifyReply, { basePath, names }: Picker, message = ''): FastifyReply {
  const links = names?.map((name) => `<li><a href="${basePath}/${name}/dashboard/">${name}</a></li>`);
  const form =
    `<form action="${basePath}/dashboard/"><p><label for="store">Name of the data store</label>` +
    '<p><input id="store" name="store" required autofocus autocomplete="off" spellcheck="false"> <button>Continue</button></form>';
  return sendPage(reply, [
    message === '' ? '' : `<p role="alert">${message}</p>`,
    links === undefined ? form : `<ul>${links.join('')}</ul>`,
  ]);
}

/** Whether a person asks for the page of a store, to whom a sentence says more than JSON. */
export function isVisit({ method, url, headers }: FastifyRequest): boolean {
  return (
    method === 'GET' && /^[^?]*\/dashboard\/?(?:\?|$)/.test(url) && /text\/html/.test(headers.accept ?? '')
  );
}

/**
 * Texts of problems are sentences of this program without values of the request.
 * @param picker Path of the list of stores; null: there is none on this host
 */
export function sendRefusal(
  reply: FastifyReply,
  { status, detail }: Problem,
  picker: string | null,
): FastifyReply {
  return sendPage(reply.code(status), [
    `<p role="alert">${detail}</p>`,
    picker === null ? '' : `<p><a href="${picker}">Data stores</a></p>`,
  ]);
}

function sendPage(reply: FastifyReply, parts: readonly string[]): FastifyReply {
  return reply
    .header(
      'Content-Security-Policy',
      "default-src 'none'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    )
    .type('text/html; charset=utf-8')
    .send(
      [
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">',
        '<link rel="icon" href="data:,"><title>Sluice: data stores</title></head>',
        `<body><main><h1>Data stores</h1>${parts.join('')}</main></body></html>`,
      ].join('\n'),
    );
}
