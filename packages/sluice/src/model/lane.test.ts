import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { laneOf } from './lane.ts';
import { uuidOfName } from './referential-id.ts';

const id = '05374602-2715-517e-8f08-56f877843b57';

describe('a lane', () => {
  it('a lane is the last hex digit of the id when there are sixteen', () => {
    fc.assert(
      fc.property(fc.uuid(), (uuid) => {
        expect(laneOf(uuid, null, 16)).toBe(Number.parseInt(uuid.at(-1)!, 16));
      }),
    );
    expect(laneOf(id, null, 16)).toBe(7);
  });

  it('a lane follows the superclass where there is one', () => {
    expect(laneOf(id, '3af6ad85-1212-5833-be6f-f8df6f4d6402', 16)).toBe(2);
  });

  it('a lane is the last four bytes as an unsigned integer modulo any number of lanes', () => {
    expect(laneOf('00000000-0000-5000-8000-0000ffffffff', null, 1000)).toBe(4294967295 % 1000);
    fc.assert(
      fc.property(fc.uuid(), fc.integer({ min: 1, max: 1024 }), (uuid, lanes) => {
        const lane = laneOf(uuid, null, lanes);
        expect(Number.isInteger(lane) && lane >= 0 && lane < lanes).toBe(true);
      }),
    );
  });

  it.each([3, 16, 50])('a lane gets an even share of documents when there are %i', (lanes) => {
    const documents = lanes * 1000;
    const counts = Array.from({ length: lanes }, () => 0);
    for (let index = 0; index < documents; index++) {
      const lane = laneOf(uuidOfName(`Student${index}`), null, lanes);
      counts[lane] = (counts[lane] ?? 0) + 1;
    }
    // Six standard deviations of a fair draw: a sound hash stays within them, a lopsided one does not.
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(6 * Math.sqrt(1000));
  });
});
