/** The tables of the workloads of rows, and the rows that are stored before a measurement. */
import pg from 'pg';
import type { PrefillOptions } from './prefill.ts';
import { prose } from './workload/bench-model.ts';
import { counterName, customers } from './workload/rows.ts';

const schema = `
  create table public.customers (id integer primary key, name text not null);
  create table public.orders (
    id bigint primary key,
    customer_id integer not null references public.customers,
    status text not null,
    placed_at timestamptz not null,
    amount numeric(12, 2) not null,
    note text not null
  );
  create index orders_customer_id on public.orders (customer_id);
  create index orders_placed_at on public.orders (placed_at);
  create table public.counter (name text primary key, n bigint not null);
  insert into public.counter values ('${counterName}', 0);
  insert into public.customers select i, 'Customer ' || i from generate_series(0, ${customers - 1}) as i;
  create function public.count_up(writes jsonb) returns table (answer bigint) language plpgsql as $$
  begin
    update public.counter c set n = n + counted.count
    from (select value -> 'body' ->> 'name' as name, count(*) from jsonb_array_elements(writes) group by 1) counted
    where c.name = counted.name;
    return query
      select c.n from jsonb_array_elements(writes) with ordinality w (value, place)
      join public.counter c on c.name = w.value -> 'body' ->> 'name' order by w.place;
  end $$`;

/** Creates the tables, and stores this many orders. */
export async function prefillRows({ url, documents, onProgress }: PrefillOptions): Promise<void> {
  const session = new pg.Client({ connectionString: url, application_name: 'sluice bench prefill' });
  await session.connect();
  try {
    await session.query(schema);
    await session.query(
      `insert into public.orders
       select i, i % ${customers}, 'open', now() - i * interval '1 second', i % 10000 / 100.0,
              substr($1, (i * 40503 % (length($1) - 400))::integer + 1, 400)
       from generate_series(1, $2::bigint) as i`,
      [prose, documents],
    );
    onProgress(documents);
    await session.query('vacuum (analyze)');
    await session.query('checkpoint');
  } finally {
    await session.end();
  }
}
