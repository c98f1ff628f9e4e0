/** Retries and discards one write, or all that match: first a preview, then a question, then the action. */
import type { DiscardReport, RetryRefusal, RetryReport } from 'sluice/operator';
import { confirm, tell } from './confirm.ts';
import { h } from './dom.ts';
import { count, counted } from './format.ts';
import type { ActionTarget } from './messages.ts';
import type { PageContext } from './page.ts';
import { change } from './server.ts';

const writes = (number: number): string => counted(number, 'write', 'writes');

const refusals: Record<RetryRefusal, string> = {
  document_changed: 'the document has changed since',
  document_pending: 'the intake has another write of the document or row',
};

/** Returns whether anything was done. */
export async function retry(page: PageContext, target: ActionTarget): Promise<boolean> {
  return attempt('Cannot retry', async () => {
    const preview = await change<RetryReport>('retry', { target, dryRun: true });
    const isRefused = preview.matched > preview.retried;
    const force = h('input', { type: 'checkbox', id: 'force' });
    const isSure = await confirm({
      title: `Retry ${writes(preview.retried)}?`,
      contents: [
        h('p', {}, 'Each becomes a new write of the same client, in the order of the dead letters.'),
        ...refusedParts(preview),
        isRefused &&
          h(
            'p',
            { class: 'check' },
            force,
            h(
              'label',
              { for: 'force' },
              'Retry also if the document has changed, or the intake has another write of it',
            ),
          ),
      ],
      action: 'Retry',
    });
    if (!isSure) return false;
    const report = await change<RetryReport>('retry', { target, force: force.checked });
    const [only] = report.writes;
    page.announce(`${writes(report.retried)} retried.`);
    await tell(
      `${writes(report.retried)} retried`,
      ...refusedParts(report),
      report.writes.length === 1 &&
        only?.newWriteId !== null &&
        only !== undefined &&
        h(
          'p',
          {},
          'The new write: ',
          h('a', { href: `#/write/${only.newWriteId}`, class: 'id' }, only.newWriteId),
        ),
    );
    return report.retried > 0;
  });
}

/** Returns whether anything was done. */
export async function discard(page: PageContext, target: ActionTarget): Promise<boolean> {
  return attempt('Cannot discard', async () => {
    const preview = await change<DiscardReport>('discard', { target, dryRun: true });
    const isSure = await confirm({
      title: `Discard ${writes(preview.matched)}?`,
      contents: [
        preview.discarded > 0 &&
          h(
            'p',
            {},
            `${count(preview.discarded)} waiting writes are settled as not applied, and their clients learn it. ` +
              'Writes that wait for them are checked again.',
          ),
        preview.removed > 0 &&
          h('p', {}, `${count(preview.removed)} dead letters are deleted with their documents and rows.`),
        preview.notFound > 0 && h('p', {}, `${count(preview.notFound)} were settled in the meantime.`),
        h('p', {}, h('strong', {}, 'This cannot be undone.')),
      ],
      action: 'Discard',
      isDangerous: true,
    });
    if (!isSure) return false;
    const report = await change<DiscardReport>('discard', { target });
    const done = report.discarded + report.removed;
    page.announce(`${writes(done)} discarded.`);
    await tell(
      `${writes(done)} discarded`,
      report.settledElsewhere > 0 &&
        h('p', {}, `${count(report.settledElsewhere)} were settled before; their outcome stands.`),
    );
    return true;
  });
}

function refusedParts({ refused, notFound }: RetryReport): HTMLElement[] {
  const parts = Object.entries(refused).map(([why, number]) =>
    h('p', {}, `${counted(number, 'is', 'are')} refused: ${refusals[why as RetryRefusal]}.`),
  );
  if (notFound === 0) return parts;
  return [
    ...parts,
    h('p', {}, `${counted(notFound, 'is', 'are')} no dead letter, so there is nothing to retry.`),
  ];
}

async function attempt(title: string, work: () => Promise<boolean>): Promise<boolean> {
  try {
    return await work();
  } catch (error) {
    await tell(title, h('p', {}, (error as Error).message));
    return false;
  }
}
