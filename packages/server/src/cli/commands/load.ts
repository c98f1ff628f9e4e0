import { readModelFiles } from '../config/read-model-files.ts';
import { numberSetting } from '../config/setting-forms.ts';
import {
  concurrency,
  nodeUrls,
  optionalModelFiles,
  seed,
  token,
  waitForReferences,
} from '../config/settings.ts';
import { progressText, summaryLines } from '../load/describe-tally.ts';
import { load } from '../load/load.ts';
import { countLines, findLoadFiles, readLoadLines } from '../load/read-lines.ts';
import { shuffle } from '../load/shuffle.ts';
import { stoppedExitCode } from '../operate/exit-codes.ts';
import { complain, printJson, printLine } from '../process/output.ts';
import { ProgressLine } from '../process/progress-line.ts';
import { awaitStopRequest } from '../process/stop-request.ts';
import { createCommand } from './command.ts';
import { addShuffle, readsShuffle } from './shuffle-flag.ts';

const retrySeconds = numberSetting(
  '--retry-seconds <seconds>',
  ['SLUICE_RETRY_SECONDS'],
  'how long to repeat one document while no node gives a definite answer',
  { from: 0, to: 3600, fallback: 60 },
);

export const loadCommand = () =>
  createCommand({
    name: 'load',
    summary: 'send NDJSON files through the API',
    description:
      'Sends the documents of NDJSON files, each line {"endpoint": "/shop/orders", "document": {…}}, through the API ' +
      'of one or several nodes. Folders give their *.ndjson files in the order of their names.\n\n' +
      'With --model, many documents are under way at once, and each waits only for those earlier documents of the load that it ' +
      'refers to. Without --model, the program cannot know the references: it sends one document at a time, in order.\n\n' +
      'With --wait-for-references, documents may come in any order, with or without a model: each is submitted once and ' +
      'waits in the database for those it refers to, at most this long. Then the command names the missing documents.\n\n' +
      'If a node does not answer, or answers 429, 502, 503 or 504, the command sends the document to the next node with the ' +
      'same Idempotency-Key, so that no document is stored twice. A refusal is final. The exit code is 0 only if every ' +
      'document was accepted.',
    settings: {
      nodeUrls,
      token,
      model: optionalModelFiles,
      concurrency,
      waitForReferences,
      seed,
      retrySeconds,
    },
    extend: (command) =>
      addShuffle(command).argument('<paths...>', 'NDJSON files, or folders that hold them'),
    async run(values, flags, args) {
      const waitForReferencesSeconds = values.waitForReferences ?? null;
      const isShuffled = readsShuffle(flags, waitForReferencesSeconds);
      const files = await findLoadFiles(args);
      const model = values.model === undefined ? null : await readModelFiles(values.model);
      const progress = new ProgressLine();
      const total = process.stderr.isTTY ? await countLines(files) : null;
      const isJson = flags['json'] === true;
      if (model === null && waitForReferencesSeconds === null)
        complain(
          'Without --model, documents are sent one at a time. The model tells which document refers to which.',
        );
      const lines = readLoadLines(files);
      const report = await load(isShuffled ? shuffle(lines, values.seed) : lines, {
        nodes: values.nodeUrls,
        token: values.token ?? null,
        concurrency: values.concurrency,
        model,
        waitForReferencesSeconds,
        retryMs: values.retrySeconds * 1000,
        signal: awaitStopRequest().signal,
        onProgress: (readTally) => progress.show(() => progressText(readTally(), total)),
      });
      progress.clear();
      if (isJson) printJson(report);
      else for (const line of summaryLines(report)) printLine(line);
      if (report.isInterrupted) process.exitCode = stoppedExitCode;
      else if (report.failed > 0) process.exitCode = 1;
    },
  });
