/** Beside those of the error table: the command did its work, and found what wants attention, or not all was done. */
export const attentionExitCode = 5;

/** The doctor found a fault: a promise does not hold, or work stands still. */
export const faultExitCode = 6;
