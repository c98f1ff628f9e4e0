/** The rules of an Ed-Fi schema beyond identities and references. */

/** Limits of a decimal number: its digits, and how many of them follow the point. */
export interface DecimalRule {
  readonly path: string;
  readonly totalDigits: number;
  readonly decimalPlaces: number;
}

export interface ApiRules {
  readonly decimals: readonly DecimalRule[];
  /** Paths of points in time, which are kept in UTC. */
  readonly dateTimePaths: readonly string[];
  /** Groups of paths whose values together identify the elements of one array. */
  readonly arrayUniqueness: readonly (readonly string[])[];
  readonly isSchoolYear: boolean;
}

const noApiRules: ApiRules = {
  decimals: [],
  dateTimePaths: [],
  arrayUniqueness: [],
  isSchoolYear: false,
};

/** The rules of a resource; a resource of the native form has none. */
export function rulesOf({ rules }: { readonly rules: object | null }): ApiRules {
  return (rules as ApiRules | null) ?? noApiRules;
}
