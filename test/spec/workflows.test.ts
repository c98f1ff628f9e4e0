// The workflows of the repository run what it has: its scripts, its files, its commands, on the versions that it supports.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readText, readYaml } from '../support/deployment.ts';
import { root } from '../support/documents.ts';
import { parseCommand, toldCommands } from '../support/told-commands.ts';

interface Workflow {
  permissions: unknown;
  jobs: Record<string, Job>;
}

interface Job {
  'timeout-minutes'?: number;
  strategy?: { matrix: { include: { node: number; postgres: number }[] } };
  steps: { run?: string; uses?: string; with?: Record<string, unknown> }[];
}

const workflows = readdirSync(join(root, '.github/workflows')).map((name) => ({
  name,
  workflow: readYaml(`.github/workflows/${name}`) as Workflow,
}));
const manifest = JSON.parse(readText('package.json')) as {
  engines: { node: string };
  scripts: Record<string, string>;
};

test.each(workflows)('$name runs scripts, files and commands that exist', ({ workflow }) => {
  const lines = Object.values(workflow.jobs)
    .flatMap(({ steps }) => steps.flatMap(({ run }) => run ?? []))
    .join('\n');
  const scripts = [...lines.matchAll(/\bnpm (?:run (?:--?\w+ )*([\w:]+)|(test)\b)/g)].map(
    (found) => found[1] ?? found[2]!,
  );
  expect(scripts.filter((name) => manifest.scripts[name] === undefined)).toEqual([]);
  const files = [...lines.matchAll(/(?<![\w/.@])(?:\.ci|test|packages|deploy)\/[\w/.-]+/g)].map(
    ([path]) => path,
  );
  expect(files.length).toBeGreaterThan(0);
  expect(files.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  const commands = toldCommands(
    lines.replaceAll(/docker compose run --rm (?:-T )?operator /g, 'sluice ').replaceAll('$(', '\n'),
  );
  for (const args of commands) expect(() => parseCommand(args)).not.toThrow();
});

test.each(workflows)(
  '$name has a limit of time, and may write nothing unless a job says so',
  ({ workflow }) => {
    expect([{}, { contents: 'read' }]).toContainEqual(workflow.permissions);
    const unlimited = Object.entries(workflow.jobs).filter(([, job]) => !job['timeout-minutes']);
    expect(unlimited.map(([name]) => name)).toEqual([]);
  },
);

test('package.json has at most a dozen scripts', () => {
  expect(Object.keys(manifest.scripts).length).toBeLessThanOrEqual(12);
});

test('the workflows test each supported version of Node.js and PostgreSQL', () => {
  const job = workflows.find(({ name }) => name === 'ci.yml')?.workflow.jobs['test'];
  const include = job?.strategy?.matrix.include ?? [];
  const versions = (part: 'node' | 'postgres'): number[] =>
    [...new Set(include.map((each) => each[part]))].toSorted((one, other) => one - other);
  expect(versions('node')).toEqual([20, 22, 24]);
  expect(`>=${versions('node')[0]}.19`).toBe(manifest.engines.node);
  expect(versions('postgres')).toEqual([15, 16, 17, 18]);
});

test('each template of an issue and of a pull request is well formed', () => {
  const folder = '.github/ISSUE_TEMPLATE';
  for (const name of readdirSync(join(root, folder)).filter((each) => each !== 'config.yml')) {
    const template = readYaml(`${folder}/${name}`) as {
      name: string;
      description: string;
      body: { id?: string }[];
    };
    expect(template).toMatchObject({
      name: expect.any(String) as string,
      description: expect.any(String) as string,
    });
    const ids = template.body.flatMap(({ id }) => id ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.length).toBeGreaterThan(0);
  }
});
