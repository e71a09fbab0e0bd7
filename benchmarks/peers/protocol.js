// The systems' side of the protocol in README.md.
const readline = require('readline');

// The input of a packed model's self-test, docs/format.md section 6: height, width, channels.
exports.selfTestInput = (height, width, channels = 3) => {
  const values = new Float32Array(height * width * channels);
  for (let i = 0; i < values.length; ++i) values[i] = (Math.imul(i, 2654435761) >>> 16) / 32768 - 1;
  return values;
};

// load: async () => run, where run: async () => array computes the network once and returns its output.
exports.serve = async (load, version) => {
  const start = process.hrtime.bigint();
  const since = (t) => Number(process.hrtime.bigint() - t) / 1e6;
  const run = await load();
  const load_ms = since(start);
  const first = process.hrtime.bigint();
  const output = Array.from(await run());
  const first_ms = since(first);
  console.log(JSON.stringify({load_ms, first_ms, rss_mb: process.memoryUsage().rss / 1e6, version, output}));
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
