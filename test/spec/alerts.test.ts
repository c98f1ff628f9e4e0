// Alerts and dashboard ask only for what is told: each expression is parsed, each name looked for in real scrapes.

import { parser } from '@prometheus-io/lezer-promql';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { readText, readYaml } from '../support/deployment.ts';
import { scrape } from '../support/scrape.ts';
import { startSluice } from '../support/sluice.ts';

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string };
}

const { groups } = readYaml('deploy/prometheus/alerts.yml') as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const { panels } = JSON.parse(readText('deploy/grafana/dashboards/sluice.json')) as {
  panels: { id: number; title: string; type: string; targets?: { expr: string }[] }[];
};
const shown = panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr })));

/** Names of metrics, and the labels that each is asked for or grouped by. */
function readExpression(expr: string): { names: string[]; faults: string[] } {
  const text = expr.replaceAll('$__rate_interval', '5m');
  const names: string[] = [];
  const faults: string[] = [];
  parser.parse(text).iterate({
    enter(node) {
      const part = text.slice(node.from, node.to);
      if (node.type.isError) faults.push(part);
      if (node.name === 'VectorSelector') names.push(/^[\w:]+/.exec(part)?.[0] ?? part);
    },
  });
  return { names, faults };
}

describe('an expression', () => {
  test('an expression is read as PromQL, and its metrics are found', () => {
    expect(readExpression('sum by (a) (rate(x_total{b="c"}[5m])) > max(y)')).toEqual({
      names: ['x_total', 'y'],
      faults: [],
    });
    expect(readExpression('sum(rate(x[5m])').faults).not.toEqual([]);
  });

  test.each([...rules.map(({ alert, expr }) => ({ title: alert, expr })), ...shown])(
    'an expression is well formed: $title',
    ({ expr }) => {
      const { names, faults } = readExpression(expr);
      expect(faults).toEqual([]);
      expect(names).not.toEqual([]);
    },
  );

  test('an expression names only metrics that nodes and writers expose', { timeout: 60_000 }, async () => {
    const modelFile = new URL('../../packages/dev/src/sample/sample-model.json', import.meta.url);
    const settings = { DATABASE_URL: database.url, SLUICE_MODEL: fileURLToPath(modelFile) };
    const node = startSluice(['api', '--port', '0', '--metrics-port', '0'], settings);
    const writer = startSluice(['writer', '--metrics-port', '0'], settings);
    const ready = await Promise.all([node.event('ready'), writer.event('ready')]);
    const scrapes = await Promise.all(
      ready.map(({ metricsUrl }) => scrape(`${metricsUrl as string}/metrics`)),
    );
    // What Prometheus adds itself.
    const told = new Set(['up']);
    for (const { families } of scrapes) {
      for (const [name, { type }] of families) {
        told.add(name);
        if (type === 'histogram') for (const part of ['bucket', 'sum', 'count']) told.add(`${name}_${part}`);
      }
    }
    const asked = [...rules, ...shown].flatMap(({ expr }) => readExpression(expr).names);
    expect(asked.filter((name) => !told.has(name))).toEqual([]);
    const used = new Set(asked.map((name) => name.replace(/_(?:bucket|sum|count)$/, '')));
    const unseen = scrapes
      .flatMap(({ families }) => [...families.keys()])
      .filter((name) => name.startsWith('sluice_') && !used.has(name));
    expect(unseen).toEqual([]);
  });
});

const database = useDatabase();

describe('an alert', () => {
  test.each(rules)(
    'an alert has its severity, its sentence, and its place in the runbook: $alert',
    (rule) => {
      expect(rule.alert).toMatch(/^Sluice[A-Z]\w+$/);
      expect(['critical', 'warning', 'info']).toContain(rule.labels.severity);
      expect(rule.annotations.summary.length).toBeGreaterThan(20);
      expect(readText('docs/alerts.md')).toContain(`\n### ${rule.alert}\n`);
    },
  );
});

describe('the dashboard', () => {
  test('the dashboard has panels with unique ids and titles', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const titles = panels.map(({ title }) => title);
    expect(new Set(titles).size).toBe(titles.length);
  });
});
