// The command line as it was built, which starts four times as fast as its sources.
const { main } = await import('../../packages/cli/dist/main.js');
await main(process.argv.slice(2));
