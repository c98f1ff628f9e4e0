// A writer process for tests that kill or freeze one. It ends at once, as by a defect of its own, when a batch holds the
// write that POISON names.

import { setFailpoint, type OwnershipForm } from 'sluice/internal/protocol';
import { createWriter } from 'sluice/internal/writer';
import { model } from './model.ts';

const { DATABASE_URL: url = '', OWNERSHIP: ownership = 'lock', POISON: poison } = process.env;

if (poison !== undefined) {
  setFailpoint('facts_read', (_lanes, writeIds) => {
    if (writeIds.includes(poison)) process.kill(process.pid, 'SIGKILL');
  });
}

const writer = createWriter({ url, model, ownership: ownership as OwnershipForm });
await writer.start();
process.stdin.resume();
process.stdin.once('end', () => void writer.stop());
