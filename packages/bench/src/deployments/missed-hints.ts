/** How often the writers of a deployment found work without a hint, by their metrics. */

const line = /^sluice_wakeups_total\{found_by="missed_hint"\} (\d+)$/m;

export async function countMissedHints(metricsUrls: readonly string[]): Promise<number> {
  const counts = await Promise.all(
    metricsUrls.map(async (url) => {
      const text = await (await fetch(new URL('/metrics', url))).text();
      return Number(line.exec(text)?.[1] ?? Number.NaN);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
