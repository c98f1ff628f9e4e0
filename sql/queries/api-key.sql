-- name: createApiKey
-- A new key of a client; its hash comes as hexadecimal digits. Recorded in the audit with its prefix.
with created as (
  insert into sluice.api_key (prefix, hash, client, scopes, expires_at)
  values ($1, decode($2, 'hex'), $3, $4::text[], clock_timestamp() + $5::double precision * interval '1 day')
  returning prefix, client, scopes, expires_at
),
noted as (
  insert into sluice.audit (action, actor, target, detail)
  select 'create_key', $6, 'key ' || prefix,
         jsonb_build_object('client', client, 'scopes', scopes, 'expiresAt', expires_at) from created
)
select expires_at from created;

-- name: readApiKeys
-- The keys that are valid now, and for how long.
select prefix, hash, client, scopes,
       extract(epoch from expires_at - clock_timestamp())::double precision as seconds_left
from sluice.api_key
where revoked_at is null and (expires_at is null or expires_at > clock_timestamp());

-- name: listApiKeys
-- All keys, without their hashes.
select prefix, client, scopes, created_at, expires_at, revoked_at,
       revoked_at is null and (expires_at is null or expires_at > clock_timestamp()) as is_valid
from sluice.api_key
order by client, created_at;

-- name: revokeApiKey
-- Ends a key now, or ($2) in so many hours, so that clients can change to its successor. Never extends a key.
with ended as (
  update sluice.api_key
  set revoked_at = case when $2::double precision = 0 then statement_timestamp() end,
      expires_at = case when $2 = 0 then expires_at
                        else least(expires_at, statement_timestamp() + $2 * interval '1 hour') end
  where prefix = $1 and revoked_at is null
  returning prefix, client, expires_at, revoked_at
),
noted as (
  insert into sluice.audit (action, actor, target, detail)
  select 'revoke_key', $3, 'key ' || prefix,
         jsonb_build_object('client', client, 'endsAt', coalesce(revoked_at, expires_at)) from ended
)
select client, expires_at, revoked_at from ended;
