-- name: listExclusive
-- The rights that roles.sql revokes from PUBLIC to make a database exclusive, if PUBLIC has them and this role may
-- revoke them.
with taken as (
  select 'database ' || quote_ident(d.datname) as object, a.privilege_type, 1 as place
  from pg_catalog.pg_database d cross join lateral aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
  where d.datname = current_database() and a.grantee = 0 and pg_has_role(d.datdba, 'usage')
  union all
  select 'schema public', a.privilege_type, 2
  from pg_catalog.pg_namespace n cross join lateral aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
  where n.nspname = 'public' and a.grantee = 0
    and exists (select from pg_catalog.pg_database d
                where d.datname = current_database() and pg_has_role(d.datdba, 'usage'))
  union all
  select 'function ' || p.oid::regprocedure, a.privilege_type, 3
  from pg_catalog.pg_proc p cross join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
  where p.pronamespace = 'pg_catalog'::regnamespace and p.proname ~ '^pg_(try_)?advisory_' and a.grantee = 0
    and (select rolsuper from pg_catalog.pg_roles where rolname = current_user)
)
select object, array_agg(privilege_type order by privilege_type) as privileges
from taken group by object, place order by place, object;

-- name: listShutOut
-- Roles that can connect to this database only through PUBLIC.
select r.rolname as name
from pg_catalog.pg_roles r
join pg_catalog.pg_database d on d.datname = current_database()
where r.rolcanlogin and not r.rolsuper and not pg_has_role(r.oid, d.datdba, 'usage')
  and r.rolname <> all($1::text[]) and has_database_privilege(r.oid, d.oid, 'connect')
  and not exists (select from aclexplode(d.datacl) a
                  where a.grantee <> 0 and a.privilege_type = 'CONNECT' and pg_has_role(r.oid, a.grantee, 'usage'))
order by r.rolname;

-- name: readStanding
-- What this role may revoke: the lock functions belong to a superuser, the database to its owner.
select rolsuper as is_superuser,
       (select pg_has_role(d.datdba, 'usage') from pg_catalog.pg_database d where d.datname = current_database())
         as owns_database
from pg_catalog.pg_roles where rolname = current_user;
