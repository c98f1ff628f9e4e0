/** Numbers, ages and times in the form for people. */

const whole = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const dateAndTime = new Intl.DateTimeFormat(undefined, {
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});

export const none = '–';

export function count(value: number): string {
  return whole.format(value);
}

export function figure(value: number | null | undefined): string {
  return value === null || value === undefined ? none : short.format(value);
}

/** `850 ms`, `4.2 s`, `3 min` */
export function duration(milliseconds: number | null): string {
  if (milliseconds === null) return none;
  if (milliseconds < 1_000) return `${Math.round(milliseconds)} ms`;
  return age(milliseconds / 1_000);
}

/** `4.2 s`, `3 min`, `5 h`, `2 d` */
export function age(seconds: number | null): string {
  if (seconds === null) return none;
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 120) return `${Math.floor(seconds)} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export function time(iso: string | null): string {
  return iso === null ? none : dateAndTime.format(new Date(iso));
}

export function minute(iso: string): string {
  return clock.format(new Date(iso));
}

export function counted(value: number, one: string, several: string): string {
  return `${count(value)} ${value === 1 ? one : several}`;
}
