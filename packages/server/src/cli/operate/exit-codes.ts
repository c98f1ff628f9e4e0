/** Exit codes in addition to those of the error table: the command worked, but found problems, or did not do everything. */
export const attentionExitCode = 5;

/** The doctor found a fault: a guarantee is broken, or work has stopped. */
export const faultExitCode = 6;

/** A request to stop came before the end of the work. */
export const stoppedExitCode = 130;
