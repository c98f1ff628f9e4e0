// The files of a deployment as data: which processes they start, with which arguments and variables.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';

export interface Start {
  /** Where it says so. */
  place: string;
  /** Arguments of `sluice`. */
  args: string[];
  environment: Record<string, string>;
}

export function readText(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');
}

export function readYaml(path: string): unknown {
  return parse(readText(path), { merge: true, strict: true });
}

interface Service {
  image: string;
  command?: string[];
  environment?: Record<string, string>;
  volumes?: string[];
  depends_on?: Record<string, unknown> | string[];
  profiles?: string[];
  restart?: string;
  stop_grace_period?: string;
}

export interface Compose {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
}

/** With what the image sets for every process. */
export function composeStarts(compose: Compose): Start[] {
  return Object.entries(compose.services).flatMap(([name, { image, command = [], environment = {} }]) =>
    image === 'sluice'
      ? [{ place: `docker-compose.yml: ${name}`, args: command, environment: interpolated(environment) }]
      : [],
  );
}

/** `${NAME:-text}` as compose reads it where nothing is set. */
function interpolated(environment: Record<string, string>): Record<string, string> {
  const resolve = (text: string): string => text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
  return Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, resolve(value)]));
}

/** Variables that the image sets. */
export function imageEnvironment(): Record<string, string> {
  const lines = [...readText('deploy/Dockerfile').matchAll(/^ENV (.*)$/gm)].map(([, line]) => line!);
  const pairs = lines.flatMap((line) => line.split(' ').map((pair) => pair.split('=') as [string, string]));
  return Object.fromEntries(pairs.filter(([name]) => name.startsWith('SLUICE_')));
}

export interface KubernetesObject {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  data?: Record<string, string>;
  spec?: {
    replicas?: number;
    selector?: { matchLabels?: Record<string, string> } & Record<string, unknown>;
    template?: {
      metadata?: { labels?: Record<string, string> };
      spec: { containers: Container[]; terminationGracePeriodSeconds?: number };
    };
  };
}

interface Probe {
  httpGet: { path: string; port: string };
}

interface Container {
  image: string;
  args: string[];
  readinessProbe?: Probe;
  livenessProbe?: Probe;
  lifecycle?: { preStop: { exec: { command: string[] } } };
  env?: { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[];
  envFrom?: { configMapRef: { name: string } }[];
  ports?: { name: string; containerPort: number }[];
}

export function readKubernetes(path: string): KubernetesObject[] {
  return parseAllDocuments(readText(path), { strict: true }).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    return document.toJS() as KubernetesObject;
  });
}

export function kubernetesStarts(objects: readonly KubernetesObject[]): Start[] {
  const maps = new Map(
    objects
      .filter(({ kind }) => kind === 'ConfigMap')
      .map(({ metadata, data }) => [metadata.name, data ?? {}]),
  );
  return objects.flatMap(({ kind, metadata, spec }) =>
    (spec?.template?.spec.containers ?? []).map(({ args, env = [], envFrom = [] }) => ({
      place: `${kind} ${metadata.name}`,
      args,
      environment: {
        ...Object.assign({}, ...envFrom.map(({ configMapRef }) => maps.get(configMapRef.name) ?? {})),
        // A secret's value is not in the file; its name is.
        ...Object.fromEntries(
          env.map(({ name, value, valueFrom }) => [
            name,
            value ?? `${valueFrom?.secretKeyRef.name}.${valueFrom?.secretKeyRef.key}`,
          ]),
        ),
      },
    })),
  );
}

/** Sections of a unit file; a key that comes several times keeps all its values. */
export function parseUnit(text: string): Record<string, Record<string, string[]>> {
  const unit: Record<string, Record<string, string[]>> = {};
  let section: Record<string, string[]> | null = null;
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const [, name] = /^\[(\w+)\]$/.exec(line) ?? [];
    const [, key, value] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined) section = unit[name] = {};
    else if (key !== undefined && section !== null) (section[key] ??= []).push(value!);
    else throw new Error(`Cannot read a unit file: a line has no form: ${line}`);
  }
  return unit;
}

/** Values as they stand, or in single quotes. */
export function parseEnvironmentFile(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => /^(\w+)='?(.*?)'?$/.exec(line)!.slice(1) as [string, string]),
  );
}
