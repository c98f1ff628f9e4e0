/** The generated district as the lines of a load. */
import type { LoadLine } from '@sluice/server/cli';
import { generateDistrict } from '../sample/district.ts';

const studentsPerSchool = 150;

/**
 * @param students Number of students in all
 * @param schools Number of schools. @default as many as the students need
 */
export function* sampleLines(
  seed: number,
  students: number,
  schools = Math.max(1, Math.ceil(students / studentsPerSchool)),
): Iterable<LoadLine> {
  let number = 0;
  const district = generateDistrict({ seed, schools, studentsPerSchool: Math.round(students / schools) });
  for (const { endpoint, document } of district) {
    number += 1;
    const source = `sample district:${number}`;
    yield { source, endpoint: endpoint.replace(/^\//, ''), body: JSON.stringify(document), document };
  }
}
