-- Waits until a session that shares the lanes has ended, for less than a second: whoever waits for a lock keeps a snapshot
-- and holds back VACUUM, and after a second (deadlock_timeout) the server looks for deadlocks and may log the wait. A wait
-- that is over is no error, which the server would log.
create function sluice.await_session_end(session_pid integer) returns boolean
language plpgsql set lock_timeout = '900ms' as $$
begin
  -- Shared, and until the end of this statement only: who counts sessions does not count it.
  perform pg_catalog.pg_advisory_xact_lock_shared(1936486758, session_pid);
  return true;
exception
  when lock_not_available then
    return false;
end
$$;
revoke execute on function sluice.await_session_end(integer) from public;
