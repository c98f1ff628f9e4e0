// The targets of the examples with rows, the same for every process: `sluice writer --config rows.config.js`, `sluice api --config rows.config.js`.
export default {
  targets: [
    { table: 'public.orders' },
    { table: 'public.event' },
    { function: 'public.count_views', key: ['$.page'] },
  ],
};
