/** Pauses and resumes lanes, if the operator is sure. */
import { confirm, tell } from './confirm.ts';
import { counted } from './format.ts';
import type { LaneView } from './messages.ts';
import type { PageContext } from './page.ts';
import { change } from './server.ts';

export async function changeLanes(
  page: PageContext,
  action: 'pause' | 'resume',
  lanes: readonly LaneView[],
): Promise<void> {
  const wanted = lanes.filter(({ pausedAt }) => (pausedAt === null) === (action === 'pause'));
  if (wanted.length === 0)
    return tell(
      action === 'pause' ? 'Nothing to pause' : 'Nothing to resume',
      'All of them already have this state.',
    );
  const what = wanted.length === 1 ? `lane ${wanted[0]!.lane}` : counted(wanted.length, 'lane', 'lanes');
  const verb = action === 'pause' ? 'Pause' : 'Resume';
  const isSure = await confirm({
    title: `${verb} ${what}?`,
    contents: [
      action === 'pause'
        ? 'Their writes and clients wait until the lanes are resumed.'
        : 'Their leaders continue with the waiting writes.',
    ],
    action: verb,
    isDangerous: action === 'pause',
  });
  if (!isSure) return;
  try {
    const done = await change<{ lanes: number[] }>(action, { lanes: wanted.map(({ lane }) => lane) });
    page.announce(
      `${counted(done.lanes.length, 'lane', 'lanes')} ${action === 'pause' ? 'paused' : 'resumed'}.`,
    );
  } catch (error) {
    await tell(`Cannot ${action}`, (error as Error).message);
  }
}
