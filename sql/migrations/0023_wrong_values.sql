-- Some types report a wrong value by other codes: tsvector, jsonpath and regclass by those of statements, and PostGIS by that of
-- internal errors. An error that comes without a value, too, is one of the type, for example of the check of a domain.

create or replace function sluice.wrong_column(names text[], types text[], body jsonb) returns text
language plpgsql stable as $$
declare
  record constant text := case when jsonb_typeof(body) = 'array' then 'recordset' else 'record' end;
  nothing constant jsonb := case when jsonb_typeof(body) = 'array' then '[{}]' else '{}' end;
  statement constant text := (select format('select from jsonb_to_%s($1) as r (%s)', record, string_agg(format('%I %s', c.name, c.type), ', '))
                              from unnest(names, types) as c (name, type));
  state text;
begin
  if cardinality(names) > 0 then
    execute statement using body;
  end if;
  return null;
exception
  when insufficient_privilege then
    raise;
  when data_exception or integrity_constraint_violation or program_limit_exceeded or syntax_error_or_access_rule_violation
    or invalid_schema_name or internal_error then
    state := sqlstate;
    if cardinality(names) > 1 then
      for place in 1 .. cardinality(names) loop
        if sluice.wrong_column(names[place:place], types[place:place], body) is not null then
          return names[place];
        end if;
      end loop;
      return null;
    end if;
    if state !~ '^(22|23|54)' then
      begin
        execute statement using nothing;
      exception
        when others then
          if sqlstate = state then
            return null;
          end if;
      end;
    end if;
    return names[1];
end
$$;
