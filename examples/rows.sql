-- The tables and the function of the examples with rows: run it once, before `sluice writer --config rows.config.js`.
create table orders (
  id bigint generated always as identity primary key,
  customer text not null,
  total numeric(10, 2) not null check (total >= 0),
  paid boolean not null default false
);

create table event (device integer, number integer, reading numeric not null, primary key (device, number));

create table page_view (page text primary key, views bigint not null);

-- One call counts all views of a batch: one row update for each page.
create function count_views(writes jsonb) returns table (answer bigint) language plpgsql as $$
begin
  insert into page_view as v (page, views)
  select value -> 'body' ->> 'page', count(*) from jsonb_array_elements(writes) group by 1 order by 1
  on conflict (page) do update set views = v.views + excluded.views;
  return query
    select v.views from jsonb_array_elements(writes) with ordinality w (value, place)
    join page_view v on v.page = w.value -> 'body' ->> 'page' order by w.place;
end $$;
