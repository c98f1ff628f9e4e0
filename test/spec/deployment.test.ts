// The files that a deployment is made of say what the command line takes and the processes tell, so that neither drifts.

import { operatorUrlOf, readSettings, settingsOf } from '@sluice/server/cli';
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
  type Compose,
  type Start,
} from '../support/deployment.ts';
import { parseCommand, program } from '../support/told-commands.ts';

const compose = readYaml('docker-compose.yml') as Compose;
const kubernetes = readKubernetes('deploy/kubernetes/sluice.yaml');
const unitFiles = readdirSync(fileURLToPath(new URL('../../deploy/systemd', import.meta.url)))
  .filter((name) => name.endsWith('.service'))
  .map((name) => ({ name, unit: parseUnit(readText(`deploy/systemd/${name}`)) }));
/** What the files of a unit set, of which the later ones win. */
const environmentOf = (files: readonly string[]): Record<string, string> =>
  Object.assign(
    {},
    ...files.map((file) =>
      parseEnvironmentFile(readText(file.replace(/^\/etc\/sluice\//, 'deploy/systemd/'))),
    ),
  ) as Record<string, string>;

const allVariables = new Set([
  // The driver's own, in place of a URL.
  'PGHOST',
  'PGPORT',
  'PGUSER',
  'PGPASSWORD',
  'PGDATABASE',
  ...program.commands
    .flatMap((command) => [command, ...command.commands])
    .flatMap((command) => Object.values(settingsOf(command)).flatMap(({ variables = [] }) => variables)),
]);

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
    const [, args = ''] = /^\/usr\/bin\/node packages\/server\/bin\/sluice\.js (.*)$/.exec(line) ?? [];
    const environment = environmentOf(unit['Service']?.['EnvironmentFile'] ?? []);
    return { place: name, args: args.replaceAll('%i', '8080').split(' '), environment };
  }),
);
const inImage = [...composeStarts(compose), ...kubernetesStarts(kubernetes)].map((start) => ({
  ...start,
  environment: { ...imageEnvironment(), ...start.environment },
}));

describe('a process that a file of the deployment starts', () => {
  test.each([...inImage, ...unitStarts])(
    'a process of the deployment is a command that the command line takes: $place',
    (start) => {
      expect(faultOf(start)).toBeNull();
    },
  );

  test('every kind of deployment file starts processes', () => {
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
    expect(commands(kubernetesStarts(kubernetes))).toEqual(['api', 'migrate', 'roles', 'writer']);
    expect(commands(unitStarts)).toEqual(['api', 'migrate', 'writer']);
    expect(Object.keys(imageEnvironment())).toContain('SLUICE_METRICS_PORT');
  });

  test.each([...inImage, ...unitStarts])(
    'a process of the deployment logs in as its own role: $place',
    ({ args, environment }) => {
      const [command = ''] = args;
      const logins: Record<string, string> = {
        api: 'sluice_api sluice-api.username',
        writer: 'sluice_writer sluice-writer.username',
        status: 'sluice_ops',
        roles: 'postgres sluice-superuser.username',
        // In compose it makes the schema before there are roles.
        migrate: 'postgres sluice_migrate sluice-migrate.username',
      };
      expect(logins[command]?.split(' ')).toContain(environment['PGUSER']);
      expect(environment['PGPASSWORD']).toBeDefined();
      // Signs that a URL has a meaning for may be in any password.
      expect(Object.values(environment).filter((value) => /:\/\/[^/]*:[^/]*@/.test(value))).toEqual([]);
      const operator = operatorUrlOf({
        operatorUrl: environment['SLUICE_OPERATOR_URL'],
        operatorPassword: environment['SLUICE_OPERATOR_PASSWORD'],
      });
      const operatorOfNodes = expect.stringMatching(/^postgres:\/\/sluice_ops:.+@.+\/\w+$/) as string;
      expect(operator).toEqual(command === 'api' ? operatorOfNodes : undefined);
    },
  );

  test('a process of the deployment with an unknown option or variable is refused', () => {
    const start = { place: '', args: ['api'], environment: { SLUICE_MODEL: 'a' } };
    const withVariable = (name: string, value: string): Start => ({
      ...start,
      environment: { ...start.environment, [name]: value },
    });
    expect(faultOf(start)).toBeNull();
    expect(faultOf({ ...start, args: [...start.args, '--mode', 'none'] })).toContain('--mode');
    expect(faultOf(start)).toBeNull();
    expect(faultOf({ ...start, args: ['api', '--prot', '1'] })).toContain('--prot');
    expect(faultOf({ ...start, args: ['apis'] })).toContain('no command');
    expect(faultOf(withVariable('SLUICE_LANE', '1'))).toBe('SLUICE_LANE');
    expect(faultOf(withVariable('SLUICE_LANES', 'x'))).toContain('not a whole number');
  });
});

const { stopTimeoutMs } = readSettings(settingsOf(parseCommand(['writer'])), {}, { SLUICE_MODEL: 'a' }) as {
  stopTimeoutMs: number;
};

describe('the image', () => {
  test('the image holds exactly what a release holds', () => {
    const copied = readText('deploy/Dockerfile')
      .split('\n')
      .filter((line) => line.startsWith('COPY --from'));
    expect(copied).toEqual(['COPY --from=build /release ./']);
  });

  test('is built without history, results of builds and local databases, by every builder', () => {
    // Docker without BuildKit reads only the file in the root; BuildKit would prefer one beside the Dockerfile.
    expect(readText('.dockerignore').split('\n')).toEqual(
      expect.arrayContaining(['.git', '.sluice', '**/dist', '**/node_modules']),
    );
    expect(existsSync('deploy/Dockerfile.dockerignore')).toBe(false);
  });
});

describe('docker-compose.yml', () => {
  test('docker-compose.yml mounts files that exist, and uses volumes and services that it declares', () => {
    const services = Object.values(compose.services);
    const sources = services
      .flatMap(({ volumes = [] }) => volumes)
      .map((volume) => volume.replace(/\$\{\w+:-([^}]*)\}/, '$1').split(':')[0]!);
    const files = sources.filter((source) => source.startsWith('.'));
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
    expect(sources.filter((source) => !files.includes(source) && !(source in compose.volumes))).toEqual([]);
    const awaited = services.flatMap(({ depends_on = {} }) =>
      Array.isArray(depends_on) ? depends_on : Object.keys(depends_on),
    );
    expect(awaited.filter((name) => !(name in compose.services))).toEqual([]);
  });

  test('docker-compose.yml has a proxy that knows every node, and a Prometheus that knows every process', () => {
    const names = Object.keys(compose.services);
    const nodes = names.filter((name) => name.startsWith('api-'));
    const writers = names.filter((name) => name.startsWith('writer-'));
    const proxied = [...readText('deploy/nginx/nginx.conf').matchAll(/^ +server ([\w-]+):8080 resolve /gm)];
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

  test('docker-compose.yml runs one-time services no more than once, however they end', () => {
    const restarts = ['migrate', 'roles', 'operator'].map((name) => compose.services[name]?.restart);
    expect(restarts).toEqual(['no', 'no', 'no']);
  });

  test('docker-compose.yml has an operator service that starts no other service', () => {
    expect(compose.services['operator']?.depends_on).toEqual({});
  });

  test('docker-compose.yml has a proxy that waits for no node, and lets nodes and writers finish', () => {
    expect(compose.services['proxy']?.depends_on).toEqual(['api-1', 'api-2', 'api-3']);
    const graces = Object.values(compose.services).flatMap(({ stop_grace_period: grace }) => grace ?? []);
    expect(graces.length).toBeGreaterThan(4);
    for (const grace of graces) expect(Number.parseInt(grace, 10) * 1000).toBeGreaterThan(stopTimeoutMs);
  });

  test('docker-compose.yml keeps monitoring in a profile of its own', () => {
    const observing = Object.entries(compose.services).filter(([, { profiles }]) =>
      profiles?.includes('observability'),
    );
    expect(observing.map(([name]) => name)).toEqual(['prometheus', 'grafana']);
  });
});

describe('nginx.conf', () => {
  test('nginx.conf resolves the names of nodes while it runs, with a version that can', () => {
    const text = readText('deploy/nginx/nginx.conf');
    expect(text).toMatch(/^ +resolver 127\.0\.0\.11 valid=\ds/m);
    expect(text).toMatch(/^ +zone sluice /m);
    const [, major, minor] = /^nginx:(\d+)\.(\d+)/.exec(compose.services['proxy']?.image ?? '') ?? [];
    expect(Number(major) * 100 + Number(minor)).toBeGreaterThan(127);
  });

  test('nginx.conf closes every block, and ends each directive', () => {
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
  test.each(unitFiles)(
    'a unit file has a description and a command, and lets it finish: $name',
    ({ unit }) => {
      expect(Object.keys(unit)).toEqual(['Unit', 'Service', 'Install']);
      expect(unit['Unit']?.['Description']).toHaveLength(1);
      const [common, own] = unit['Service']?.['EnvironmentFile'] ?? [];
      expect(common).toBe('/etc/sluice/sluice.env');
      expect(own).toMatch(/^\/etc\/sluice\/(api|writer|migrate)\.env$/);
      const isService = unit['Service']?.['Type'] === undefined;
      const patience = isService ? Number(unit['Service']?.['TimeoutStopSec']) * 1000 : Infinity;
      expect(patience).toBeGreaterThan(stopTimeoutMs);
    },
  );

  test.each(unitFiles)(
    'a unit file tries again for as long as the database is away: $name',
    ({ name, unit }) => {
      expect(unit['Unit']).toMatchObject({ StartLimitIntervalSec: ['0'] });
      // What a failed migration would end for good.
      expect(Object.keys(unit['Unit'] ?? {})).not.toContain('Requires');
      const [order = ''] = unit['Unit']?.['After'] ?? [];
      const [wants = ''] = unit['Unit']?.['Wants'] ?? [];
      const isMigration = name === 'sluice-migrate.service';
      for (const list of isMigration ? [] : [order, wants]) expect(list).toContain('sluice-migrate.service');
      expect(unit['Service']?.['Restart']).toEqual([isMigration ? 'on-failure' : 'always']);
    },
  );

  test.each(unitFiles)('a unit file may read the addresses of its machine: $name', ({ unit }) => {
    const [families = ''] = unit['Service']?.['RestrictAddressFamilies'] ?? [];
    expect(families.split(' ')).toEqual(['AF_INET', 'AF_INET6', 'AF_UNIX', 'AF_NETLINK']);
  });
});

describe('the Kubernetes example', () => {
  const deployments = kubernetes.filter(({ kind }) => kind === 'Deployment');

  test('the Kubernetes example selects the pods that it creates, through ports that they have', () => {
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

  test('the Kubernetes example keeps nodes in the service while the database is away, and awaits writers', () => {
    const probes = deployments.flatMap(({ spec }) => spec?.template?.spec.containers ?? []);
    expect(probes.map(({ readinessProbe }) => readinessProbe?.httpGet)).toEqual([
      { path: '/healthz', port: 'http' },
      { path: '/healthz', port: 'metrics' },
    ]);
    expect(probes.map(({ livenessProbe }) => livenessProbe?.httpGet.path)).toEqual(['/healthz', '/healthz']);
  });

  test('the Kubernetes example drains clients before a node stops, and lets each process finish', () => {
    const [api, writer] = deployments.map(({ spec }) => spec?.template?.spec);
    const [, leaveSeconds] = api?.containers[0]?.lifecycle?.preStop.exec.command ?? [];
    expect(Number(leaveSeconds)).toBeGreaterThan(0);
    const graceMs = (spec = api): number => (spec?.terminationGracePeriodSeconds ?? 0) * 1000;
    expect(graceMs()).toBeGreaterThan(Number(leaveSeconds) * 1000 + stopTimeoutMs);
    expect(graceMs(writer)).toBeGreaterThan(stopTimeoutMs);
  });

  test('the Kubernetes example names the image of this version', () => {
    const containers = kubernetes.flatMap(({ spec }) => spec?.template?.spec.containers ?? []);
    const { version } = JSON.parse(readText('package.json')) as { version: string };
    expect(containers.map(({ image }) => image)).toEqual(containers.map(() => `sluice:${version}`));
  });
});
