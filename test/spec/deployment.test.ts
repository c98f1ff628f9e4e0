// The files that a deployment is made of say what the command line takes and the processes tell, so that neither drifts.

import { createProgram, readSettings, settingsOf } from '@sluice/cli';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import {
  composeStarts,
  imageEnvironment,
  kubernetesStarts,
  parseEnvironmentFile,
  parseUnit,
  readKubernetes,
  readText,
  readYaml,
  toldCommands,
  type Compose,
  type Start,
} from '../support/deployment.ts';

const compose = readYaml('docker-compose.yml') as Compose;
const kubernetes = readKubernetes('deploy/kubernetes/sluice.yaml');
const unitFiles = readdirSync(fileURLToPath(new URL('../../deploy/systemd', import.meta.url)))
  .filter((name) => name.endsWith('.service'))
  .map((name) => ({ name, unit: parseUnit(readText(`deploy/systemd/${name}`)) }));
const environmentFile = parseEnvironmentFile(readText('deploy/systemd/sluice.env'));

/** The command of these arguments and what it was told; throws for what it does not take. */
function parseCommand(args: readonly string[]) {
  let command = createProgram();
  let rest = [...args];
  for (;;) {
    const next = command.commands.find((each) => each.name() === rest[0]);
    if (next === undefined) break;
    command = next;
    rest = rest.slice(1);
  }
  if (command.parent === null) throw new Error(`Cannot run what is no command: ${args.join(' ')}`);
  const { unknown } = command.parseOptions(rest);
  if (unknown.length > 0)
    throw new Error(`Cannot run \`${args.join(' ')}\` as it does not take ${unknown[0]}`);
  return command;
}

const allVariables = new Set(
  createProgram()
    .commands.flatMap((command) => [command, ...command.commands])
    .flatMap((command) => Object.values(settingsOf(command)).flatMap(({ variables = [] }) => variables)),
);

/** Why the command line would not take it; null: each setting has a known name and a value of its form. */
function faultOf({ args, environment }: Start): string | null {
  try {
    const command = parseCommand(args);
    readSettings(settingsOf(command), command.opts(), environment);
  } catch (error) {
    return (error as Error).message;
  }
  return Object.keys(environment).find((name) => !allVariables.has(name)) ?? null;
}

const unitStarts = unitFiles.flatMap(({ name, unit }) =>
  (unit['Service']?.['ExecStart'] ?? []).map((line) => {
    const [, args = ''] = /^\/usr\/bin\/node packages\/cli\/bin\/sluice\.js (.*)$/.exec(line) ?? [];
    return { place: name, args: args.replaceAll('%i', '8080').split(' '), environment: environmentFile };
  }),
);
const inImage = [...composeStarts(compose), ...kubernetesStarts(kubernetes)].map((start) => ({
  ...start,
  environment: { ...imageEnvironment(), ...start.environment },
}));

describe('a process that a file of the deployment starts', () => {
  test.each([...inImage, ...unitStarts])('is one that the command line takes: $place', (start) => {
    expect(faultOf(start)).toBeNull();
  });

  test('is told by every kind of file', () => {
    const commands = (starts: readonly Start[]): string[] => starts.map(({ args }) => args[0]!).toSorted();
    expect(commands(composeStarts(compose))).toEqual([
      'api',
      'api',
      'api',
      'migrate',
      'roles',
      'status',
      'writer',
      'writer',
    ]);
    expect(commands(kubernetesStarts(kubernetes))).toEqual(['api', 'migrate', 'writer']);
    expect(commands(unitStarts)).toEqual(['api', 'migrate', 'writer']);
    expect(Object.keys(imageEnvironment())).toContain('SLUICE_METRICS_PORT');
  });

  test('is refused with an option or a variable that nobody knows', () => {
    const start = { place: '', args: ['api'], environment: { SLUICE_MODEL: 'a' } };
    const withVariable = (name: string, value: string): Start => ({
      ...start,
      environment: { ...start.environment, [name]: value },
    });
    expect(faultOf(start)).toBeNull();
    expect(faultOf({ ...start, args: ['api', '--prot', '1'] })).toContain('--prot');
    expect(faultOf({ ...start, args: ['apis'] })).toContain('no command');
    expect(faultOf(withVariable('SLUICE_LANE', '1'))).toBe('SLUICE_LANE');
    expect(faultOf(withVariable('SLUICE_LANES', 'x'))).toContain('not a whole number');
  });
});

describe('docker-compose.yml', () => {
  test('mounts files that exist, and names volumes and services that it has', () => {
    const services = Object.values(compose.services);
    const sources = services
      .flatMap(({ volumes = [] }) => volumes)
      .map((volume) => volume.replace(/\$\{\w+:-([^}]*)\}/, '$1').split(':')[0]!);
    const files = sources.filter((source) => source.startsWith('.'));
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
    expect(sources.filter((source) => !files.includes(source) && !(source in compose.volumes))).toEqual([]);
    const awaited = services.flatMap(({ depends_on = {} }) => Object.keys(depends_on));
    expect(awaited.filter((name) => !(name in compose.services))).toEqual([]);
  });

  test('has a proxy that knows every node, and a Prometheus that knows every process', () => {
    const names = Object.keys(compose.services);
    const nodes = names.filter((name) => name.startsWith('api-'));
    const writers = names.filter((name) => name.startsWith('writer-'));
    const proxied = [...readText('deploy/nginx/nginx.conf').matchAll(/^ +server ([\w-]+):8080 /gm)];
    expect(proxied.map(([, name]) => name)).toEqual(nodes);
    const { scrape_configs, rule_files } = readYaml('deploy/prometheus/prometheus.yml') as {
      rule_files: string[];
      scrape_configs: { job_name: string; static_configs: { targets: string[] }[] }[];
    };
    const targets = scrape_configs.map(({ static_configs }) =>
      static_configs.flatMap((each) => each.targets),
    );
    const port = imageEnvironment()['SLUICE_METRICS_PORT'];
    expect(targets).toEqual([nodes, writers].map((group) => group.map((name) => `${name}:${port}`)));
    for (const file of rule_files) expect(existsSync(`deploy/prometheus/${file}`)).toBe(true);
  });

  test('keeps what observes apart, in a profile', () => {
    const observing = Object.entries(compose.services).filter(([, { profiles }]) =>
      profiles?.includes('observability'),
    );
    expect(observing.map(([name]) => name)).toEqual(['prometheus', 'grafana']);
  });
});

describe('nginx.conf', () => {
  test('closes what it opens, and ends each directive', () => {
    const lines = readText('deploy/nginx/nginx.conf')
      .split('\n')
      .map((line) => line.replace(/#.*/, '').trim())
      .filter((line) => line !== '');
    let depth = 0;
    for (const line of lines) {
      expect(line).toMatch(/[{};]$/);
      depth += line.endsWith('{') ? 1 : line === '}' ? -1 : 0;
      expect(depth).toBeGreaterThanOrEqual(0);
    }
    expect(depth).toBe(0);
  });
});

describe('a unit file', () => {
  test.each(unitFiles)('says what it is, what it runs, and lets it finish: $name', ({ unit }) => {
    expect(Object.keys(unit)).toEqual(['Unit', 'Service', 'Install']);
    expect(unit['Unit']?.['Description']).toHaveLength(1);
    expect(unit['Service']?.['EnvironmentFile']).toEqual(['/etc/sluice/sluice.env']);
    const { stopTimeoutMs } = readSettings(settingsOf(parseCommand(['writer'])), {}, { SLUICE_MODEL: 'a' });
    const isService = unit['Service']?.['Type'] === undefined;
    const patience = isService ? Number(unit['Service']?.['TimeoutStopSec']) * 1000 : Infinity;
    expect(patience).toBeGreaterThan(stopTimeoutMs as number);
  });
});

describe('the Kubernetes example', () => {
  test('selects the pods that it makes, through ports that they have', () => {
    const deployments = kubernetes.filter(({ kind }) => kind === 'Deployment');
    expect(deployments.map(({ metadata }) => metadata.name)).toEqual(['sluice-api', 'sluice-writer']);
    for (const { spec } of deployments) {
      expect(spec?.selector?.matchLabels).toEqual(spec?.template?.metadata?.labels);
      const ports = spec?.template?.spec.containers.flatMap(({ ports = [] }) => ports) ?? [];
      expect(ports).toContainEqual({
        name: 'metrics',
        containerPort: Number(imageEnvironment()['SLUICE_METRICS_PORT']),
      });
    }
  });
});

describe('a command that a page tells', () => {
  const pages = ['README.md', 'docs/operations.md', 'docker-compose.yml'];

  test.each(pages)('is one that the command line takes: %s', (page) => {
    const commands = toldCommands(readText(page)).filter(([first]) =>
      createProgram().commands.some((command) => command.name() === first),
    );
    expect(commands).not.toEqual([]);
    const faults = commands.map((args) => {
      try {
        return void parseCommand(args);
      } catch (error) {
        return (error as Error).message;
      }
    });
    expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
  });
});
