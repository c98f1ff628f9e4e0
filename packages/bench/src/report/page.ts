/** The report as one HTML page with nothing outside of it. */
import type { BenchReport } from '../bench.ts';

export function reportPage(reports: readonly BenchReport[]): string {
  return `<!doctype html><pre>${JSON.stringify(reports)}</pre>`;
}
