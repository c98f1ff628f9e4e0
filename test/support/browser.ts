// A Chromium for tests of pages: the one CHROMIUM_PATH names, else the one that comes with the packages, libraries and
// fonts included, so that a fresh machine needs nothing else. It is unpacked once, into node_modules/.cache.

import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach } from 'vitest';

const cache = resolve(import.meta.dirname, '../../node_modules/.cache');

export interface TestBrowser {
  /** A page in a window of its own. */
  open(options: BrowserContextOptions): Promise<Page>;
}

/** One for the calling test file. Where none starts, its tests are passed over and say why; in CI they fail. */
export function useBrowser(): TestBrowser {
  let browser: Browser | null = null;
  let fault = '';
  beforeAll(async () => {
    try {
      browser = await startBrowser();
    } catch (error) {
      if (process.env['CI']) throw error;
      fault = `no Chromium starts here, CHROMIUM_PATH may name one: ${(error as Error).message.split('\n')[0]}`;
      console.error(`Passed over: ${fault}`);
    }
  });
  beforeEach((context) => {
    if (browser === null) context.skip(fault);
  });
  afterAll(() => browser?.close());
  return { open: (options) => browser!.newPage(options) };
}

/** @throws {Error} where no Chromium starts on this machine */
async function startBrowser(): Promise<Browser> {
  const named = process.env['CHROMIUM_PATH'];
  if (named !== undefined) return chromium.launch({ executablePath: named, args: ['--no-sandbox'] });
  const folder = await unpack();
  return chromium.launch({
    executablePath: join(folder, 'chromium'),
    // The sandbox needs rights that root in a container has not; the pages are our own.
    args: ['--no-sandbox', '--no-zygote', '--disable-gpu', '--font-render-hinting=none'],
    env: {
      ...process.env,
      LD_LIBRARY_PATH: join(folder, 'al2023/lib'),
      FONTCONFIG_PATH: folder,
    },
  });
}

const require = createRequire(import.meta.url);

async function unpack(): Promise<string> {
  const manifest = join(dirname(require.resolve('@sparticuz/chromium')), '../../package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  const folder = join(cache, `chromium-${version}`);
  if (existsSync(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const unpacked = await mkdtemp(join(cache, 'chromium-'));
  // The package unpacks into the folder for temporary files, and its libraries only where it believes to be in a Lambda:
  // a process of its own is told both, and another run sees all of it or nothing.
  await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', "await (await import('@sparticuz/chromium')).default.executablePath()"],
    {
      cwd: import.meta.dirname,
      env: { ...process.env, TMPDIR: unpacked, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' },
    },
  );
  await writeFile(join(unpacked, 'fonts.conf'), fontsOf(join(folder, 'fonts')));
  await rename(unpacked, folder).catch(() => rm(unpacked, { recursive: true }));
  return folder;
}

function fontsOf(folder: string): string {
  return `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>${folder}</dir><dir>/usr/share/fonts</dir><cachedir>${folder}-cache</cachedir></fontconfig>
`;
}
