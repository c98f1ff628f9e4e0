import { readAudit } from 'sluice/operator';
import { databaseSettings } from '../config/database-settings.ts';
import { numberSetting } from '../config/setting-forms.ts';
import { counted, tableLines } from '../operate/text.ts';
import { withDatabase } from '../operate/with-database.ts';
import { printJson, printLine } from '../process/output.ts';
import { createCommand } from './command.ts';

const limit = numberSetting('--limit <number>', [], 'largest number of lines', {
  from: 1,
  to: 10_000,
  fallback: 50,
});

export const auditCommand = () =>
  createCommand({
    name: 'audit',
    summary: 'show the actions of operators',
    description:
      'Shows the actions of operators, the latest first: the operator, the action, its time, its objects and their number.',
    settings: { ...databaseSettings, limit },
    async run(values, flags) {
      const entries = await withDatabase(values, (database) => readAudit(database, { limit: values.limit }));
      if (flags['json'] === true) return printJson({ entries });
      if (entries.length === 0) return printLine('No operator has done anything');
      const rows = entries.map(({ doneAt, actor, databaseRole, action, target, writes }) => [
        doneAt,
        `${actor} (${databaseRole})`,
        action,
        `${target}${writes > 0 ? `, ${counted(writes, 'write')}` : ''}`,
      ]);
      for (const line of tableLines(['WHEN', 'WHO', 'WHAT', 'TO WHICH'], rows)) printLine(line);
    },
  });
