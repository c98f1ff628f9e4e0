/** The pages of the site: its Markdown files, their order, and the links between them. */

import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';

export interface Page {
  /** Path in the repository; for a generated page, in the folder of the site. */
  file: string;
  title: string;
}

export interface Group {
  text: string;
  pages: Page[];
}

const page = (file: string, title: string): Page => ({ file, title });

export const groups: Group[] = [
  {
    text: 'Start',
    pages: [
      page('README.md', 'Sluice'),
      page('docs/choosing.md', 'When to use it'),
      page('docs/model.md', 'Resource model'),
      page('docs/tables.md', 'Tables and functions'),
      page('docs/rest.md', 'Rows over HTTP'),
      page('docs/outbox.md', 'In your transaction'),
      page('docs/projections.md', 'Projections'),
      page('docs/edfi.md', 'Ed-Fi'),
      page('packages/sluice/README.md', 'The library'),
      page('packages/edfi/README.md', 'Ed-Fi package'),
      page('packages/server/README.md', 'The server'),
    ],
  },
  {
    text: 'Operations',
    pages: [
      page('docs/operations.md', 'Operations'),
      page('docs/alerts.md', 'Alerts'),
      page('docs/dashboard.md', 'Dashboard'),
      page('docs/observability.md', 'Metrics, traces and logs'),
      page('docs/failure.md', 'Failures'),
      page('docs/backup.md', 'Backup and restore'),
      page('docs/security.md', 'Security'),
      page('docs/modes.md', 'Modes'),
      page('docs/stores.md', 'Data stores'),
      page('docs/scaling.md', 'Scaling'),
      page('docs/performance.md', 'Performance'),
    ],
  },
  {
    text: 'How it works',
    pages: [
      page('ARCHITECTURE.md', 'Architecture'),
      page('docs/leadership.md', 'Leadership'),
      page('docs/plan.md', 'Plan'),
      page('docs/blocked-writes.md', 'Blocked writes'),
      page('docs/completion.md', 'Completion'),
      page('sql/README.md', 'Schema'),
    ],
  },
  {
    text: 'Reference',
    pages: [
      page('docs/reference/settings.md', 'Settings'),
      page('docs/reference/metrics.md', 'Metrics'),
      page('docs/reference/access.md', 'Routes and rights'),
      page('docs/reference/rest-calls.md', 'Calls of postgrest-js'),
      page('reference/commands.md', 'Commands'),
      page('reference/http.md', 'HTTP API'),
      page('reference/api/index.md', 'TypeScript API'),
    ],
  },
  {
    text: 'Project',
    pages: [
      page('CONTRIBUTING.md', 'Contributing'),
      page('docs/contributing/add-a-target.md', 'Add a target'),
      page('docs/contributing/add-a-projection.md', 'Add a projection'),
      page('docs/contributing/add-a-check.md', 'Add a check'),
      page('.github/SUPPORT.md', 'Support'),
      page('.github/CODE_OF_CONDUCT.md', 'Code of conduct'),
      page('SECURITY.md', 'Security policy'),
      page('CHANGELOG.md', 'Changes'),
    ],
  },
];

export const isGenerated = ({ file }: Page): boolean => file.startsWith('reference/');

/** The file of the site for a Markdown file of the repository. Folders whose name begins with a dot are not served. */
export function siteFileOf(file: string): string {
  return file.replace(/^\.github\//, 'project/').replace(/(^|\/)README\.md$/, '$1index.md');
}

/**
 * Copies the pages, and the files that they link to, into the folder of the site. Links to pages stay links, links to
 * other files lead to their copies, and a link to a folder becomes its text.
 */
export function copyPages(root: string, site: string): void {
  const sources = groups.flatMap(({ pages }) => pages.filter((each) => !isGenerated(each)));
  const shown = new Set(sources.map(({ file }) => file));
  for (const { file } of sources) {
    const text = readFileSync(join(root, file), 'utf8')
      .replaceAll(/(!?)\[([^\]]*)\]\(([^)\s]+)\)/g, (link, image: string, label: string, target: string) => {
        if (image !== '') return `![${label}](${copyImage(file, target)})`;
        return /^([a-z]+:|#)/.test(target) ? link : linkTo(file, label, target);
      })
      .replaceAll(/(src|srcset)="([^":]+)"/g, (_, attribute: string, target: string) => {
        return `${attribute}="${copyImage(file, target)}"`;
      });
    write(join(site, siteFileOf(file)), text);
  }

  function linkTo(file: string, label: string, target: string): string {
    const [path = '', anchor] = target.split('#');
    const goal = normalize(join(file, '..', path)).replace(/\/$/, '');
    const page = [goal, join(goal, 'README.md')].find((each) => shown.has(each));
    if (page !== undefined) {
      const to = relative(dirname(siteFileOf(file)), siteFileOf(page));
      return `[${label}](${to}${anchor === undefined ? '' : `#${anchor}`})`;
    }
    if (!existsSync(join(root, goal)) || statSync(join(root, goal)).isDirectory()) return label;
    copy(join(root, goal), join(site, 'public/files', goal));
    return `[${label}](/files/${goal}){target="_self"}`;
  }

  /** Beside the page, where the build finds it by a relative path. */
  function copyImage(file: string, target: string): string {
    copy(join(root, file, '..', target), join(site, siteFileOf(file), '..', target));
    return target.startsWith('.') ? target : `./${target}`;
  }
}

export function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  cpSync(from, to);
}

/** The address of a page in the site, for its sidebar. */
export const addressOf = (file: string): string =>
  `/${siteFileOf(file)
    .replace(/\.md$/, '')
    .replace(/(^|\/)index$/, '$1')}`;
