/** Answers that contain JSON texts of PostgreSQL. They are sent unparsed, because JavaScript would round their numbers. */
import { randomUUID } from 'node:crypto';

/** Marks where a text goes, until the rest of the answer is written. No request can contain it. */
const mark = randomUUID();
const marked = new RegExp(`"${mark}:(\\d+)"`, 'g');
let texts: string[] | null = null;

/** A JSON text as a part of an answer. */
export class ExactJson {
  readonly text: string;

  /** Line breaks of the text become spaces, because each answer in NDJSON is one line. Within strings they are escaped. */
  constructor(text: string) {
    this.text = text.replaceAll(/[\r\n]+/g, ' ');
  }

  toJSON(): unknown {
    return texts === null ? (JSON.parse(this.text) as unknown) : `${mark}:${texts.push(this.text) - 1}`;
  }
}

/** As `JSON.stringify`, with each {@link ExactJson} as it is. */
export function exactJson(value: unknown): string {
  const own: string[] = (texts = []);
  try {
    const json = JSON.stringify(value);
    return own.length === 0 ? json : json.replace(marked, (_, place: string) => own[Number(place)]!);
  } finally {
    texts = null;
  }
}
