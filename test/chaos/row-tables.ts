// The user's own tables in the deployment under attack, and the function. Triggers, and the function, write each change into a plain
// table, in the transaction of the change: no write of a client can be there twice, or be missing, without a trace.

import type { TargetDefinition } from 'sluice/internal/targets';

export const rowTargets: readonly TargetDefinition[] = [
  { table: 'public.shelf' },
  { table: 'public.entry' },
  { table: 'public.event' },
  { table: 'public.account' },
  { table: 'public.gauge' },
  { function: 'public.count_up', key: ['$.counter'] },
];

/**
 * `event` has a key of the database: nothing would refuse a second copy of a row. `gauge` has no trigger, so upserts of one row become one
 * row write; its rows alone tell what became of them.
 */
export const rowTables = `
  create table ledger (seq bigint generated always as identity primary key, target text not null, key text not null,
    op text not null, token bigint not null);
  create table shelf (name text primary key, token bigint not null, text text);
  create table entry (name text primary key, shelf text not null references shelf, token bigint not null, text text);
  create index on entry (shelf);
  create table event (id bigint generated always as identity primary key, token bigint not null, part integer not null, text text);
  create table account (name text primary key, token bigint not null, text text);
  create table gauge (name text primary key, token bigint not null, text text);
  create table counter (counter text primary key, n bigint not null);

  create function note_change() returns trigger language plpgsql as $$ begin
    insert into ledger (target, key, op, token)
      values (tg_table_name, coalesce(new.name, old.name), tg_op, coalesce(new.token, old.token));
    return null; end $$;
  create trigger noted after insert or update or delete on shelf for each row execute function note_change();
  create trigger noted after insert or update or delete on entry for each row execute function note_change();
  create trigger noted after insert or update or delete on account for each row execute function note_change();
  create function note_events() returns trigger language plpgsql as $$ begin
    insert into ledger (target, key, op, token) select 'event', token || '/' || part, tg_op, token from added order by id;
    return null; end $$;
  create trigger noted after insert on event referencing new table as added for each statement execute function note_events();

  create function count_up(writes jsonb) returns table (answer bigint) language plpgsql as $$ begin
    insert into counter as c select value -> 'body' ->> 'counter', count(*) from jsonb_array_elements(writes) group by 1 order by 1
      on conflict (counter) do update set n = c.n + excluded.n;
    insert into ledger (target, key, op, token)
      select 'counter', value -> 'body' ->> 'counter', 'INSERT', (value -> 'body' ->> 'token')::bigint
      from jsonb_array_elements(writes) with ordinality w (value, place) order by place;
    return query select c.n from jsonb_array_elements(writes) with ordinality w (value, place)
      join counter c on c.counter = w.value -> 'body' ->> 'counter' order by w.place;
  end $$;
`;
