// The generic plan of a statement, on every version of PostgreSQL: EXPLAIN (GENERIC_PLAN) came with 16.

type Run = (text: string) => Promise<readonly Record<string, unknown>[]>;

/** The plan as EXPLAIN (FORMAT JSON) gives it. Fails like an execution where the role lacks a right. */
export async function explainGeneric(run: Run, text: string): Promise<unknown> {
  await run('set plan_cache_mode = force_generic_plan');
  await run(`prepare explained as ${text}`);
  try {
    const [statement] = await run(
      `select cardinality(parameter_types) as parameters from pg_prepared_statements where name = 'explained'`,
    );
    const nulls = Array.from({ length: statement!['parameters'] as number }, () => 'null').join(', ');
    const [row] = await run(`explain (format json) execute explained${nulls && `(${nulls})`}`);
    return (row!['QUERY PLAN'] as [{ Plan: unknown }])[0].Plan;
  } finally {
    await run('deallocate explained');
  }
}
