// What the JSON reports of vitest say: `files REPORT` prints the test files that failed, a line each; `count FIRST
// [SECOND]` prints the closing line of CI, and the tests that failed in the first run and passed in the second.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [, , command, ...paths] = process.argv;
const reports = paths.map((path) => JSON.parse(readFileSync(path, 'utf8') || '{}'));
const filesOf = ({ testResults = [] }) => testResults;
const isFailed = ({ status }) => status === 'failed';
/** A file that fails before its first test, by a wrong import for example, has no tests to count: it counts as one. */
const failuresOf = (report) =>
  filesOf(report)
    .filter(isFailed)
    .flatMap(({ name, assertionResults }) => {
      const file = relative(process.cwd(), name);
      const tests = assertionResults.filter(isFailed).map(({ fullName }) => `${file}: ${fullName}`);
      return tests.length > 0 ? tests : [file];
    });

if (command === 'files') {
  for (const { name } of filesOf(reports[0]).filter(isFailed)) console.log(relative(process.cwd(), name));
} else {
  const [first, second] = reports;
  const failed = failuresOf(second ?? first);
  const mended = failuresOf(first).filter((name) => !failed.includes(name));
  for (const name of mended) console.log(`Passed at the second try: ${name}`);
  const passed = (first.numPassedTests ?? 0) + mended.length;
  console.log(`Tests: ${passed} passed, ${failed.length} failed`);
}
