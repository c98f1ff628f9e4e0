/** Waits until all of these have ended, well or not, up to a limit. Returns false if some are still under way. */
export async function settleWithin(
  work: readonly (Promise<unknown> | null | undefined)[],
  milliseconds: number,
): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => (timer = setTimeout(resolve, milliseconds, false)));
  const settled = Promise.allSettled(work.map((each) => Promise.resolve(each))).then(() => true);
  const isSettled = await Promise.race([settled, timeout]);
  clearTimeout(timer);
  return isSettled;
}
