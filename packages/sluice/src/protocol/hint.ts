/**
 * The payloads of hints. UUIDs of settled writes, or of identities that were awaited, are 22 base64url characters each, so
 * that 350 fit into one notification (8,000 bytes). Lanes are decimal numbers with commas between them. A hint is believed
 * for nothing but where to look.
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

/** Behind 350 ids. The same limit stands in `hintAwaited`. */
const laneBytesBehindIdsMax = 250;

/** The lanes of new writes as the payload of a wakeup. */
export function packLanes(lanes: readonly number[]): string {
  return lanes.join(',');
}

/**
 * The lanes that a wakeup names. Null: all of them. An empty payload says so, and older nodes send no other; what is not
 * of the form, or names a lane that is not there, may mean any lane.
 * @param lanes How many lanes there are.
 */
export function unpackLanes(payload: string, lanes: number): ReadonlySet<number> | null {
  if (!/^\d+(?:,\d+)*$/.test(payload)) return null;
  const named = new Set(payload.split(',').map(Number));
  for (const lane of named) if (lane >= lanes) return null;
  return named;
}

/**
 * Ids that have changed, and the lanes in which they are awaited, in as many payloads as they need: the lanes behind a
 * semicolon, where older writers do not see them, and left out where they do not fit.
 */
export function packProvided(ids: readonly string[], lanes: Iterable<number>): string[] {
  const named = packLanes([...new Set(lanes)]);
  const suffix = named.length > laneBytesBehindIdsMax ? '' : `;${named}`;
  return packIds(ids).map((payload) => payload + suffix);
}

/** @returns `lanes` null: those of a payload that names none, and may mean any */
export function unpackProvided(
  payload: string,
  lanes: number,
): { ids: string[]; lanes: ReadonlySet<number> | null } {
  const end = payload.indexOf(';');
  if (end < 0) return { ids: unpackIds(payload), lanes: null };
  return { ids: unpackIds(payload.slice(0, end)), lanes: unpackLanes(payload.slice(end + 1), lanes) };
}
