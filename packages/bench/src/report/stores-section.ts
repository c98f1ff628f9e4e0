/** What deployments with many data stores could write at the costs of a run, and their connections: tables and plots of predictions. */
import { exampleMachines, predictExample } from '../example-stores.ts';
import type { Costs } from '../sizing.ts';
import { chart } from './chart.ts';

const serverCounts = [1, 2, 4, 8, 16];
const skews = [0, 0.5, 1];
const stores = 200;
/** Enough that PostgreSQL is the limit. */
const processesPerServer = 4;

const storeCounts = [100, 200, 500, 1000, 2000, 5000, 10_000];
const openShares = [0.02, 0.1];
const countServers = 10;

const number = (value: number): string => Math.round(value).toLocaleString('en');

export function storesSection(costs: Costs): string {
  const rates = skews.map((skew) =>
    serverCounts.map((servers) => {
      const shape = { servers, stores, skew, open: stores / 10, processes: processesPerServer * servers };
      return { servers, skew, ...predictExample(costs, shape) };
    }),
  );
  const sizes = openShares.map((share) =>
    storeCounts.map((count) => {
      const shape = { servers: countServers, stores: count, skew: 0, open: count * share, processes: 2 };
      return { count, share, ...predictExample(costs, shape) };
    }),
  );
  const rows = rates.flat().map(({ servers, skew, documentsPerSecond, limitedBy, busyCores }) => {
    const { nodes, writers, postgres } = busyCores;
    const cores = [nodes, writers, postgres].map((each) => each.toFixed(1)).join(' + ');
    return [String(servers), String(skew), number(documentsPerSecond), limitedBy, cores];
  });
  const sizeRows = sizes
    .flat()
    .map(({ count, share, connectionsPerServer, seriesPerProcess, lookSeconds }) => [
      number(count),
      `${share * 100} %`,
      number(connectionsPerServer),
      number(seriesPerProcess),
      number(lookSeconds),
    ]);
  return `<h3>Predictions for many data stores</h3>
<p>From the costs of this run: nobody has measured these deployments. ${exampleMachines} With skew 1, the store of rank n has
1 ÷ n of the writes of the first one. The busy cores are those of nodes, of writers, and of PostgreSQL on the busiest server.</p>
<div class="plots">
${chart({
  title: `Documents per second, ${stores} stores`,
  xLabel: 'PostgreSQL servers',
  yLabel: 'documents/s',
  series: rates.map((each, index) => ({
    name: `skew ${skews[index]}`,
    points: each.map(({ servers, documentsPerSecond }) => ({ x: servers, y: documentsPerSecond })),
  })),
})}
${chart({
  title: `Connections of each of ${countServers} servers, 2 nodes and 2 writers`,
  xLabel: 'stores',
  yLabel: 'connections',
  series: sizes.map((each, index) => ({
    name: `${openShares[index]! * 100} % open`,
    points: each.map(({ count, connectionsPerServer }) => ({ x: count, y: connectionsPerServer })),
  })),
})}
</div>
${table(['servers', 'skew', 'documents/s', 'limited by', 'busy cores'], rows)}
${table(['stores', 'open', 'connections of a server', 'series of a node', 'seconds until a writer has looked into each'], sizeRows)}`;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], kind: 'td' | 'th'): string =>
    `<tr>${cells.map((cell) => `<${kind}>${cell}</${kind}>`).join('')}</tr>`;
  return `<table>${line(header, 'th')}\n${rows.map((row) => line(row, 'td')).join('\n')}</table>`;
}
