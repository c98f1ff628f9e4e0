/** Joins the rows of the bodies with the written rows, and returns the state of each. */

export interface BesideOptions {
  /** Pairs of columns that must be equal: a value of `given g`, and one of `written w`. */
  same: readonly (readonly [given: string, written: string])[];
  /** The needed values of `given g`, by name; `missing` is one of them. */
  given: Readonly<Record<string, string>>;
  /** The needed values of `written w`, by name; `key` and `row` are among them. */
  written: Readonly<Record<string, string>>;
  /** Expression for the state, from all of these names in `w`. */
  state: string;
  /** Whether the states are needed: if not, the statement neither sorts nor returns a row. Null: always. */
  condition: string | null;
}

/**
 * Joins by one sort. PostgreSQL cannot estimate how many rows match. Without hash joins (`planSettings`) a join would
 * compare each given row with each written one.
 */
export function besideWritten({ same, given, written, state, condition }: BesideOptions): string {
  const names = same.map((_, index) => `s${index}`);
  const column = (value: string, name: string): string => `${value} as ${name}`;
  const [ofGiven, ofWritten] = [Object.entries(given), Object.entries(written)];
  const all = [
    ...same.map(([, value], index) => column(value, names[index]!)),
    'null::bigint as place',
    ...ofGiven.map(([name]) => column('null', name)),
    ...ofWritten.map(([name, value]) => column(value, name)),
  ];
  const both = [
    ...same.map(([value]) => value),
    'g.place',
    ...ofGiven.map(([, value]) => value),
    ...ofWritten.map(() => 'null'),
  ];
  const first = ofWritten.map(([name]) => column(`first_value(b.${name}) over same`, name));
  const own = ['b.place', ...ofGiven.map(([name]) => `b.${name}`)];
  const where = condition === null ? '' : ' where (select is_needed from needed)';
  const needed = condition === null ? '' : `needed as materialized (select ${condition} as is_needed), `;
  return `${needed}compared as (select ${all.join(', ')} from written w${where} union all select ${both.join(', ')} from given g${where}),
    told as not materialized (
      select ${[...own, ...first].join(', ')} from compared b
      window same as (partition by ${names.join(', ')} order by b.place nulls first rows unbounded preceding)
    )
    select w.place, ${state} as state, w.missing, w.key, w.row from told w where w.place is not null`;
}
