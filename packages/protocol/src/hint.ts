/**
 * The payload of a hint: UUIDs of settled writes, or of identities that were awaited, 22 base64url characters each, so that some 350 fit into
 * one notification (8,000 bytes). A hint is believed for nothing but where to look.
 */

const charactersPerId = 22;
/** Ids in one payload, at most. */
export const hintIdsMax = 350;

/** Packs ids into as many payloads as they need. */
export function packIds(ids: readonly string[]): string[] {
  const payloads: string[] = [];
  for (let start = 0; start < ids.length; start += hintIdsMax) {
    let payload = '';
    for (const id of ids.slice(start, start + hintIdsMax)) {
      payload += Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
    }
    payloads.push(payload);
  }
  return payloads;
}

/** The ids of a payload; what is not of the form is left out. */
export function unpackIds(payload: string): string[] {
  const ids: string[] = [];
  for (let start = 0; start + charactersPerId <= payload.length; start += charactersPerId) {
    const hex = Buffer.from(payload.slice(start, start + charactersPerId), 'base64url').toString('hex');
    if (hex.length !== 32) continue;
    ids.push(
      `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`,
    );
  }
  return ids;
}
