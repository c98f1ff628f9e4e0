import { describe, expect, test } from 'vitest';
import { isDate, isDateTime, isTime, utcSecond } from './calendar.ts';

const daysOf = (year: number, month: number): number => {
  const after = new Date(0);
  after.setUTCFullYear(year, month, 0);
  return after.getUTCDate();
};
const two = (number: number): string => String(number).padStart(2, '0');

describe('a date', () => {
  test('a date exists exactly where its month has that day, in every month of leap and common years', () => {
    for (const year of [1, 4, 100, 400, 1900, 2000, 2023, 2024, 2100, 9999]) {
      for (let month = 0; month <= 13; month++) {
        for (let day = 0; day <= 32; day++) {
          const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`;
          const exists = month >= 1 && month <= 12 && day >= 1 && day <= daysOf(year, month);
          expect([date, isDate(date)]).toEqual([date, exists]);
        }
      }
    }
  });

  test.each([
    '0000-01-01',
    '2024-1-01',
    '2024-01-1',
    '24-01-01',
    '2024-01-01Z',
    ' 2024-01-01',
    '-2024-01-01',
    '',
  ])('a date is not %j', (text) => expect(isDate(text)).toBe(false));
});

describe('a time', () => {
  test.each([
    '00:00:00Z',
    '23:59:59z',
    '12:30:00.123456+05:30',
    '12:30:00-00:00',
    '12:30:00+0530',
    '12:30:00+05',
  ])('a time may be %s', (text) => expect(isTime(text, 'required')).toBe(true));

  test('a time needs a zone only where one is required', () => {
    expect([isTime('08:00:00', 'required'), isTime('08:00:00', 'optional')]).toEqual([false, true]);
  });

  test.each([
    '24:00:00Z',
    '12:60:00Z',
    '12:00:61Z',
    '12:00Z',
    '12:00:00+24:00',
    '12:00:00+25:00',
    '12:00:00-05:60',
  ])('a time is not %s', (text) => expect(isTime(text, 'optional')).toBe(false));

  test('a time has a second 60 only at the end of a day in UTC', () => {
    expect(['23:59:60Z', '18:59:60-05:00', '05:29:60+05:30'].every((text) => isTime(text, 'required'))).toBe(
      true,
    );
    expect(
      ['22:59:60Z', '23:58:60Z', '23:59:60-05:00', '00:00:60Z'].some((text) => isTime(text, 'required')),
    ).toBe(false);
  });
});

describe('a moment', () => {
  test.each([
    ['2024-02-29T10:00:00Z', '2024-02-29T10:00:00Z'],
    ['2024-02-29 10:00:00.999z', '2024-02-29T10:00:00Z'],
    ['2024-12-31T23:30:00-05:00', '2025-01-01T04:30:00Z'],
    ['2024-03-01T00:15:00+05:30', '2024-02-29T18:45:00Z'],
    ['0050-01-01t00:00:00z', '0050-01-01T00:00:00Z'],
    ['2016-12-31T23:59:60Z', '2016-12-31T23:59:60Z'],
    ['2015-06-30T19:59:60-04:00', '2015-06-30T23:59:60Z'],
    ['2017-01-01T05:29:60+05:30', '2016-12-31T23:59:60Z'],
  ])('the moment %s is %s in UTC', (text, utc) => expect(utcSecond(text, 'required')).toBe(utc));

  test.each([
    '2024-02-30T10:00:00Z',
    '2024-04-31T08:00:00-05:00',
    '2023-02-29 09:00:00Z',
    '1900-02-29T00:00:00Z',
    '2024-01-01T24:00:00Z',
    '2024-01-01T12:60:00Z',
    '2024-01-01T12:00:00+25:00',
    '0000-01-01T00:00:00Z',
    '0001-01-01T00:00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '2016-12-30T23:59:60Z',
    '2024-02-28T23:59:60Z',
    '2016-12-31T23:59:60-05:00',
    '2024-01-01TT10:00:00Z',
    '2024-01-01',
  ])('a moment is never %s', (text) =>
    expect([utcSecond(text, 'optional'), isDateTime(text, 'optional')]).toEqual([null, false]),
  );
});
