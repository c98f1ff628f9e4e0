// Cuts a stream of PostgreSQL's protocol into messages: a type, unless there is none yet, then a length and the rest.

/** @param isTyped Asked before each message: those of a client have no type until its session has begun. */
export function messages(
  isTyped: () => boolean,
  onMessage: (type: string, bytes: Buffer) => void,
): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const typeBytes = isTyped() ? 1 : 0;
      if (rest.length < typeBytes + 4) return;
      const length = typeBytes + rest.readUInt32BE(typeBytes);
      if (rest.length < length) return;
      const bytes = rest.subarray(0, length);
      rest = rest.subarray(length);
      onMessage(typeBytes === 0 ? '' : String.fromCharCode(bytes[0]!), bytes);
    }
  };
}
