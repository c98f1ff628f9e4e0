// The command line as it was built, which starts four times as fast as its sources.
const { main } = await import('../../packages/server/dist/cli/main.js');
await main(process.argv.slice(2));
