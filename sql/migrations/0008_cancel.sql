-- Cancels writes whose wait is over, for nodes, which may neither settle writes nor take them out of the intake in any
-- other way. A batch like any other: it locks the rows of the lanes first, and the key of the outcome decides.
create function sluice.cancel_writes(batch_id uuid, write_ids uuid[], lanes smallint[], resources text[], clients text[])
returns table (write_id uuid, result text, code text, resource text, document_id uuid, version bigint,
               content_hash text, detail jsonb)
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
begin
  -- In a statement of its own: what is read after it sees every batch that was before.
  perform from sluice.lane l where l.lane = any(cancel_writes.lanes) order by l.lane for no key update;
  with cancelled as (
    insert into sluice.outcome (write_id, batch_id, ordinal, lane, result, code, resource, client)
    select w.write_id, cancel_writes.batch_id, w.ordinal - 1, w.lane, 'not_applied', 'cancelled', w.resource, w.client
    from unnest(cancel_writes.write_ids, cancel_writes.lanes, cancel_writes.resources, cancel_writes.clients)
      with ordinality as w (write_id, lane, resource, client, ordinal)
    where not exists (select from sluice.outcome o where o.write_id = w.write_id)
    returning write_id
  ),
  -- One whose insert is still on its way finds its outcome there.
  removed as (delete from sluice.intake i using cancelled c where i.write_id = c.write_id)
  delete from sluice.awaited a using cancelled c where a.write_id = c.write_id;
  return query
    select o.write_id, o.result, o.code, o.resource, o.document_id, o.version, o.content_hash, o.detail
    from sluice.outcome o where o.write_id = any(cancel_writes.write_ids);
end
$$;
revoke execute on function sluice.cancel_writes(uuid, uuid[], smallint[], text[], text[]) from public;
