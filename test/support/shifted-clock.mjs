// Loaded ahead of a program: its wall clock is off by TEST_CLOCK_SHIFT_MS, in whatever way it is asked. The monotonic clock
// goes on as it is.
const shiftMs = Number(process.env['TEST_CLOCK_SHIFT_MS']);
const now = Date.now.bind(Date);
globalThis.Date = new Proxy(Date, {
  construct: (target, args, wanted) =>
    Reflect.construct(target, args.length === 0 ? [now() + shiftMs] : args, wanted),
  apply: (target) => new target(now() + shiftMs).toString(),
  get: (target, name) => (name === 'now' ? () => now() + shiftMs : Reflect.get(target, name)),
});
