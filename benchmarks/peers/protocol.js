// The systems' side of the protocol in README.md.
const readline = require('readline');

// load: async () => run, where run: async () => void computes the network once.
exports.serve = async (load) => {
  const start = process.hrtime.bigint();
  const since = (t) => Number(process.hrtime.bigint() - t) / 1e6;
  const run = await load();
  const load_ms = since(start);
  const first = process.hrtime.bigint();
  await run();
  console.log(JSON.stringify({load_ms, first_ms: since(first), rss_mb: process.memoryUsage().rss / 1e6}));
  for await (const line of readline.createInterface({input: process.stdin})) {
    const times = [];
    for (let i = 0; i < Number(line); ++i) {
      const begin = process.hrtime.bigint();
      await run();
      times.push(since(begin));
    }
    console.log(JSON.stringify(times));
  }
};
