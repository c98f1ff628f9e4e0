-- A role that may read the views and nothing else may also ask who leads: the function sees sluice.lane for it.
alter function sluice.led_lanes() security definer;

-- In a lane whose leader died, what is ready is tried apart: that is trying again, too.
create or replace view sluice.lane_reason as
select l.lane, l.lane = any ((select sluice.led_lanes())::integer[]) as is_led,
       case when l.paused_at is not null then 'lane_paused'
            when l.lane <> all ((select sluice.led_lanes())::integer[]) then 'lane_without_leader'
            when l.suspect_since is not null
              or exists (select from sluice.lane_retry_now r where r.lane = l.lane) then 'retrying'
            else 'ready' end as reason
from sluice.lane l;

create or replace view sluice.lane_status as
select l.lane, s.reason, s.is_led, l.term,
       coalesce(l.writer_id, l.last_writer_id) as writer_id, w.host, w.process_id,
       case when s.is_led then l.led_since end as led_since,
       case when s.is_led then null
            when l.writer_id is null then l.left_at
            else greatest(l.led_since, w.seen_at) end as leaderless_since,
       l.paused_at, l.paused_by,
       r.error_code as retry_error, r.attempt as retry_attempt, r.since as retry_since, r.next_at as retry_next_at,
       (select count(*) from sluice.intake i where i.lane = l.lane and i.blocked_at is null) as ready,
       (select count(*) from sluice.intake i where i.lane = l.lane and i.blocked_at is not null) as blocked,
       least(
         (select i.accepted_at from sluice.intake i where i.lane = l.lane and i.blocked_at is null
          order by i.position limit 1),
         (select i.accepted_at from sluice.intake i where i.lane = l.lane and i.blocked_at is not null
          order by i.position limit 1)) as oldest_accepted_at,
       l.suspect_since
from sluice.lane l
join sluice.lane_reason s on s.lane = l.lane
left join sluice.writer w on w.writer_id = coalesce(l.writer_id, l.last_writer_id)
left join sluice.lane_retry_now r on r.lane = l.lane;
