/** What an Ed-Fi schema says of a resource beyond what decides identities and references. */

/** Bounds of a decimal number: its digits, and how many of them follow the point. */
export interface DecimalRule {
  readonly path: string;
  readonly totalDigits: number;
  readonly decimalPlaces: number;
}

export interface ApiRules {
  readonly decimals: readonly DecimalRule[];
  /** Paths of points in time, which are kept in UTC. */
  readonly dateTimePaths: readonly string[];
  /** Groups of paths whose values together tell the elements of one array apart. */
  readonly arrayUniqueness: readonly (readonly string[])[];
  readonly isSchoolYear: boolean;
}

const noApiRules: ApiRules = {
  decimals: [],
  dateTimePaths: [],
  arrayUniqueness: [],
  isSchoolYear: false,
};

/** A resource of the native form has none. */
export function rulesOf({ rules }: { readonly rules: object | null }): ApiRules {
  return (rules as ApiRules | null) ?? noApiRules;
}
