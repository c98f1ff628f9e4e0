// The schema as text, read from the catalogs: what the migrations have made, in an order that never changes. There is no
// pg_dump beside every server; and this says what a reader of the schema wants to know, no more.

import pg from 'pg';

interface Column {
  relation: string;
  name: string;
  type: string;
  is_required: boolean;
  default_value: string | null;
  identity: string;
}

/** Describes everything in the schema `sluice`. */
export async function describeSchema(url: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    // Names outside the search path are printed with their schema.
    await client.query(`select set_config('search_path', '', false)`);
    const { rows: relations } = await client.query<{ name: string; kind: string; options: string | null }>(
      `select c.relname as name, c.relkind as kind, array_to_string(c.reloptions, ', ') as options
       from pg_class c where c.relnamespace = 'sluice'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S')
         and not exists (select from pg_depend d
                         where d.objid = c.oid and d.classid = 'pg_class'::regclass and d.deptype = 'i')
       order by c.relname collate "C"`,
    );
    const { rows: columns } = await client.query<Column>(
      `select c.relname as relation, a.attname as name, a.attnotnull as is_required, a.attidentity as identity,
              format_type(a.atttypid, a.atttypmod)
                || case when l.collname <> 'default' then format(' collate %I', l.collname) else '' end as type,
              pg_get_expr(d.adbin, d.adrelid) as default_value
       from pg_attribute a join pg_class c on c.oid = a.attrelid
       left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
       left join pg_collation l on l.oid = a.attcollation
       where c.relnamespace = 'sluice'::regnamespace and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
       order by c.relname collate "C", a.attnum`,
    );
    const { rows: constraints } = await client.query<{ relation: string; text: string }>(
      // 'n' is not-null, which stands at the column.
      `select c.relname as relation, format('constraint %I %s', x.conname, pg_get_constraintdef(x.oid)) as text
       from pg_constraint x join pg_class c on c.oid = x.conrelid
       where c.relnamespace = 'sluice'::regnamespace and x.contype <> 'n'
       order by c.relname collate "C", array_position(array['p','u','x','f','c'], x.contype::text), x.conname collate "C"`,
    );
    const { rows: indexes } = await client.query<{ relation: string; text: string }>(
      `select c.relname as relation, pg_get_indexdef(i.indexrelid) as text
       from pg_index i join pg_class c on c.oid = i.indrelid join pg_class n on n.oid = i.indexrelid
       where c.relnamespace = 'sluice'::regnamespace
         and not exists (select from pg_constraint x where x.conindid = i.indexrelid)
       order by c.relname collate "C", n.relname collate "C"`,
    );
    const { rows: views } = await client.query<{ name: string; text: string }>(
      `select c.relname as name, pg_get_viewdef(c.oid, true) as text from pg_class c
       where c.relnamespace = 'sluice'::regnamespace and c.relkind in ('v', 'm')`,
    );
    const { rows: functions } = await client.query<{ text: string }>(
      `select pg_get_functiondef(p.oid) as text from pg_proc p
       where p.pronamespace = 'sluice'::regnamespace order by p.proname collate "C", pg_get_function_arguments(p.oid)`,
    );
    const { rows: triggers } = await client.query<{ relation: string; text: string }>(
      `select c.relname as relation, pg_get_triggerdef(t.oid, true) as text
       from pg_trigger t join pg_class c on c.oid = t.tgrelid
       where c.relnamespace = 'sluice'::regnamespace and not t.tgisinternal order by t.tgname collate "C"`,
    );

    const of = <T extends { relation: string }>(rows: T[], name: string): T[] =>
      rows.filter(({ relation }) => relation === name);
    const parts = relations.map(({ name, kind, options }) => {
      if (kind === 'S') return `create sequence sluice.${name};`;
      const view = views.find((each) => each.name === name);
      if (view !== undefined) return `create view sluice.${name} as\n${view.text}`;
      const lines = [
        ...of(columns, name).map(describeColumn),
        ...of(constraints, name).map(({ text }) => text),
      ];
      const storage = options === null ? '' : ` with (${options})`;
      const table = `create table sluice.${name} (\n${lines.map((line) => `  ${line}`).join(',\n')}\n)${storage};`;
      const rest = [...of(indexes, name), ...of(triggers, name)].map(({ text }) => `${text};`);
      return [table, ...rest].join('\n');
    });
    return [...parts, ...functions.map(({ text }) => `${text.trimEnd()};`)].join('\n\n') + '\n';
  } finally {
    await client.end();
  }
}

function describeColumn({ name, type, is_required, default_value, identity }: Column): string {
  const words = [name, type];
  if (is_required) words.push('not null');
  if (identity !== '') words.push(`generated ${identity === 'a' ? 'always' : 'by default'} as identity`);
  if (default_value !== null) words.push(`default ${default_value}`);
  return words.join(' ');
}
