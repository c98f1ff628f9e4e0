/**
 * The payloads of hints. UUIDs of settled writes, or of awaited identities, are 22 base64url characters each, so 350
 * fit into one notification (8,000 bytes). Lanes are decimal numbers between commas. A hint only says where to look.
 */

const bytesPerId = 16;
const charactersPerId = 22;
/** Most ids in one payload. */
export const hintIdsMax = 350;

/** Packs ids into as many payloads as they need. */
export function packIds(ids: readonly string[]): string[] {
  const payloads: string[] = [];
  for (let start = 0; start < ids.length; start += hintIdsMax) {
    const digits = ids
      .slice(start, start + hintIdsMax)
      .join('')
      .replaceAll('-', '');
    // One buffer for all, which costs half as much as one for each id.
    const bytes = Buffer.from(digits, 'hex');
    let payload = '';
    for (let at = 0; at < bytes.length; at += bytesPerId)
      payload += bytes.toString('base64url', at, at + bytesPerId);
    payloads.push(payload);
  }
  return payloads;
}

/** The ids of a payload; malformed ones are left out. */
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

/** Bytes left for lanes after 350 ids. `hintAwaited` has the same limit. */
const laneBytesBehindIdsMax = 250;

/** The lanes of new writes as the payload of a wakeup. */
export function packLanes(lanes: readonly number[]): string {
  return lanes.join(',');
}

/**
 * The lanes that a wakeup names. Null: all lanes. Older nodes send an empty payload. A malformed payload, or one with
 * an unknown lane, may mean any lane.
 * @param lanes Number of lanes.
 */
export function unpackLanes(payload: string, lanes: number): ReadonlySet<number> | null {
  if (!/^\d+(?:,\d+)*$/.test(payload)) return null;
  const named = new Set(payload.split(',').map(Number));
  for (const lane of named) if (lane >= lanes) return null;
  return named;
}

/**
 * Changed ids with the lanes in which they are awaited, in as many payloads as needed. The lanes follow a semicolon,
 * where older writers ignore them, and are left out if they do not fit.
 */
export function packProvided(ids: readonly string[], lanes: Iterable<number>): string[] {
  const named = packLanes([...new Set(lanes)]);
  const suffix = named.length > laneBytesBehindIdsMax ? '' : `;${named}`;
  return packIds(ids).map((payload) => payload + suffix);
}

/** @returns `lanes` is null for a payload without lanes, which may mean any */
export function unpackProvided(
  payload: string,
  lanes: number,
): { ids: string[]; lanes: ReadonlySet<number> | null } {
  const end = payload.indexOf(';');
  if (end < 0) return { ids: unpackIds(payload), lanes: null };
  return { ids: unpackIds(payload.slice(0, end)), lanes: unpackLanes(payload.slice(end + 1), lanes) };
}
