import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { v5 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { referentialIdOf, uuidOfName, uuidOfReferredName, type IdentityElement } from './referential-id.ts';
import { edFiPath, isAbsent } from '../../../../test/support/edfi-data.ts';

const namespace = Uint8Array.from(Buffer.from('edf1edf13df13df13df13df1edf1edf1', 'hex'));

const school: IdentityElement[] = [{ path: '$.schoolId', value: '123' }];
const section: IdentityElement[] = [
  { path: '$.localCourseCode', value: 'abc' },
  { path: '$.schoolReference.schoolId', value: '123' },
  { path: '$.sessionReference.schoolYear', value: '2030' },
  { path: '$.sectionIdentifier', value: 'sectionId' },
  { path: '$.sessionReference.sessionName', value: 'd' },
];

describe('a referentialId', () => {
  it('a referentialId in the layout of 2026 is the published one', () => {
    expect(referentialIdOf('Ed-Fi', 'School', school)).toBe('3af6ad85-1212-5833-be6f-f8df6f4d6402');
    expect(referentialIdOf('Ed-Fi', 'Section', section)).toBe('7400934a-8a00-551b-a1ba-4db0b3a4d556');
  });

  it('a referentialId in the layout of 2025 is the published one', () => {
    expect(referentialIdOf('Ed-Fi', 'School', school, '2025')).toBe('05374602-2715-517e-8f08-56f877843b57');
    expect(referentialIdOf('Ed-Fi', 'Section', section, '2025')).toBe('9bb7c8d3-7154-5952-9ff3-1766185ca40e');
  });

  it('a referentialId depends on the order of the identity', () => {
    expect(referentialIdOf('Ed-Fi', 'Section', section.toReversed())).not.toBe(
      referentialIdOf('Ed-Fi', 'Section', section),
    );
  });

  it('a referentialId is the UUIDv5 of the name, of whatever characters and length', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(300), (text, times) => {
        const name = text.repeat(times);
        expect(uuidOfName(name) === v5(name, namespace)).toBe(true);
      }),
    );
  });

  it('a cached referentialId is the same, even after many others', () => {
    const ids = Array.from({ length: 20_000 }, (_, index) => uuidOfReferredName(`name ${index}`));
    for (const index of [0, 9_999, 19_999, 0]) {
      expect(uuidOfReferredName(`name ${index}`)).toBe(ids[index]);
      expect(ids[index]).toBe(uuidOfName(`name ${index}`));
    }
  });
});

const vectorsFile = edFiPath('referentialid-vectors.json');
interface Vector {
  name2025: string;
  uuid2025: string;
  name2026: string;
  uuid2026: string;
}

describe.skipIf(isAbsent(vectorsFile))(`the vectors in ${vectorsFile}`, () => {
  it('referentialIds equal the published vectors in both layouts', () => {
    const { vectors } = JSON.parse(readFileSync(vectorsFile, 'utf8')) as { vectors: Vector[] };
    expect(vectors.length).toBeGreaterThan(0);
    for (const vector of vectors) {
      expect(uuidOfName(vector.name2025)).toBe(vector.uuid2025);
      expect(uuidOfName(vector.name2026)).toBe(vector.uuid2026);
    }
  });
});
