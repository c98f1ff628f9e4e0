/**
 * Dates and times of RFC 3339, checked by the calendar before any conversion, because JavaScript's Date takes 30
 * February for 1 March, and 24:00 for the next day. Years are 0001 to 9999.
 */

export type Zone = 'required' | 'optional';

const dateForm = /^(\d{4})-(\d\d)-(\d\d)$/;
const timeForm = /^(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:(z)|([+-])(\d\d)(?::?(\d\d))?)?$/i;
const daysOfMonth = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const minutesOfDay = 24 * 60;

export function isDate(text: string): boolean {
  const [, year = 0, month = 0, day = 0] = (dateForm.exec(text) ?? []).map(Number);
  const isLeapDay = month === 2 && day === 29 && (year % 400 === 0 || (year % 4 === 0 && year % 100 !== 0));
  return year >= 1 && day >= 1 && (isLeapDay || day <= (daysOfMonth[month - 1] ?? 0));
}

export function isTime(text: string, zone: Zone): boolean {
  return readTime(text, zone) !== null;
}

export function isDateTime(text: string, zone: Zone): boolean {
  return utcSecond(text, zone) !== null;
}

/** The moment in UTC, to the second; null: it does not exist. Without a zone it is read as UTC. */
export function utcSecond(text: string, zone: Zone): string | null {
  const [, date = '', timeOfDay = ''] = /^([\d-]+)[t\s](\S+)$/i.exec(text) ?? [];
  const time = readTime(timeOfDay, zone);
  if (time === null || !isDate(date)) return null;
  const at = new Date(Date.parse(`${date}T00:00:00Z`) + time.utcMinute * 60_000);
  if (at.getUTCFullYear() < 1 || at.getUTCFullYear() > 9999) return null;
  const minute = at.toISOString().slice(0, 17);
  // A leap second ends a month.
  if (time.second === '60' && isDate(nextDay(minute.slice(0, 10)))) return null;
  return `${minute}${time.second}Z`;
}

/** The number of the next day in the same month, even if the month does not have it. */
function nextDay(date: string): string {
  return `${date.slice(0, 8)}${String(Number(date.slice(8)) + 1).padStart(2, '0')}`;
}

/** `utcMinute` counts from the start of the named day; in UTC it may be the day before or after. */
function readTime(text: string, zone: Zone): { utcMinute: number; second: string } | null {
  const [, hour, minute, second, z, sign, offsetHours, offsetMinutes = '0'] = timeForm.exec(text) ?? [];
  if (hour === undefined || minute === undefined || second === undefined) return null;
  if (zone === 'required' && z === undefined && sign === undefined) return null;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null;
  if (Number(offsetHours ?? 0) > 23 || Number(offsetMinutes) > 59) return null;
  const offset = Number(offsetHours ?? 0) * 60 + Number(offsetMinutes);
  const utcMinute = Number(hour) * 60 + Number(minute) - (sign === '-' ? -offset : offset);
  const isLastOfDay = (utcMinute + minutesOfDay) % minutesOfDay === minutesOfDay - 1;
  return second === '60' && !isLastOfDay ? null : { utcMinute, second };
}
