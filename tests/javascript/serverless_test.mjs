// The functions of examples/serverless/nodejs as their platforms run them: OpenWhisk's nodejs runtime (a double of its
// HTTP interface), Lambda's handler, and workerd.
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {after, before, test} from 'node:test';
import {fileURLToPath, pathToFileURL} from 'node:url';

import {convert, installed, packageFolder, root, sample, shipped, without} from './support.mjs';

const work = mkdtempSync(join(tmpdir(), 'mobilenet_function_'));
const functions = join(root, 'examples/serverless/nodejs');
const here = dirname(fileURLToPath(import.meta.url));

before(async () => {
  mkdirSync(join(work, 'node_modules'));
  cpSync(packageFolder, join(work, 'node_modules/mobilenet-cpp'), {recursive: true});
  writeFileSync(join(work, 'model.mnet'), await convert(shipped));
  for (const name of ['lambda.js', 'worker.js']) cpSync(join(functions, name), join(work, name));
  cpSync(join(functions, 'openwhisk.js'), join(work, 'index.js'));
  writeFileSync(join(work, 'package.json'), '{"name": "action", "main": "index.js"}');
});
after(() => rmSync(work, {recursive: true}));

const base64 = (name) => sample(name).toString('base64');
const assertBag = (results, count = 3) => {
  assert.equal(results.length, count);
  assert.equal(results[0].className, 'Bag');
  assert.ok(results[0].probability > 0.5);
};

test('OpenWhisk: init, runs, errors, log', async (t) => {
  const zip = join(work, 'action.zip');
  try {
    execFileSync('zip', ['-q', '-r', zip, 'index.js', 'package.json', 'model.mnet', 'node_modules'], {cwd: work});
  } catch (failed) {
    if (failed.code === 'ENOENT') return t.skip('skipped: zip is not there');
    throw failed;
  }
  const runtime = spawn(process.execPath, [join(here, 'openwhisk_runtime.cjs')], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let log = '';
  for (const stream of [runtime.stdout, runtime.stderr]) stream.on('data', (text) => (log += text));
  const ended = new Promise((resolve) => runtime.on('close', resolve));
  try {
    const port = await new Promise((resolve) => runtime.once('message', resolve));
    const post = async (path, value) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method: 'POST',
        headers: {'content-type': 'application/json'},
        body: JSON.stringify({value}),
      });
      return [response.status, await response.json()];
    };
    const code = readFileSync(zip).toString('base64');
    assert.deepEqual(await post('/init', {name: 'classify', main: 'main', binary: true, code}), [200, {OK: true}]);
    const run = async (value) => {
      const [status, answer] = await post('/run', value);
      assert.equal(status, 200);
      return answer;
    };
    assertBag((await run({image: base64('bag')})).results);
    assertBag((await run({image: `data:image/png;base64,${base64('bag')}`, top: 5})).results, 5);
    assert.match((await run({})).error, /^image: found undefined/);
    assert.match((await run({image: 'aGVsbG8='})).error, /expected JPEG, PNG or BMP/);
    assertBag((await run({image: base64('bag')})).results);
  } finally {
    runtime.kill();
    await ended;
  }
  assert.match(log, /main: \d+\.\d+ms\nmemory used: rss=\d/);
});

test('Lambda: plain events and requests', async () => {
  const {handler} = createRequire(join(work, 'x.js'))('./lambda.js');
  assertBag((await handler({image: base64('bag')})).results);
  await assert.rejects(handler({image: ''}), /empty/);
  const http = {requestContext: {http: {method: 'POST'}}, isBase64Encoded: true};
  const good = await handler({...http, body: base64('bag'), queryStringParameters: {top: '2'}});
  assert.equal(good.statusCode, 200);
  assertBag(JSON.parse(good.body).results, 2);
  for (const [body, status] of [
    ['aGVsbG8=', 415],
    [base64('bag').slice(0, 200), 422],
    ['', 422],
  ]) {
    const answer = await handler({...http, body});
    assert.deepEqual([answer.statusCode, Object.keys(JSON.parse(answer.body))], [status, ['error']]);
  }
});

const tools = installed('miniflare') && installed('esbuild');
test(
  'Cloudflare Workers: the bundle in workerd',
  {skip: without('miniflare (tests/javascript/package.json)', tools)},
  async () => {
    execFileSync(
      process.execPath,
      [
        join(installed('esbuild'), 'bin/esbuild'),
        'worker.js',
        '--bundle',
        '--format=esm',
        '--conditions=workerd,worker,browser',
        '--outfile=out/worker.mjs',
        '--external:*.mnet',
        '--external:*.wasm',
        '--log-level=error',
      ],
      {cwd: work, stdio: 'inherit'},
    );
    const {Miniflare} = createRequire(join(here, 'x.js'))('miniflare');
    const file = (name) => readFileSync(join(work, name));
    const worker = new Miniflare({
      compatibilityDate: '2025-11-01',
      modules: [
        {type: 'ESModule', path: 'worker.mjs', contents: file('out/worker.mjs').toString()},
        {
          type: 'CompiledWasm',
          path: 'mobilenet-cpp/mobilenet.wasm',
          contents: file('node_modules/mobilenet-cpp/mobilenet.wasm'),
        },
        {type: 'Data', path: 'model.mnet', contents: file('model.mnet')},
      ],
    });
    try {
      const post = (body, query = '') => worker.dispatchFetch(`http://worker/${query}`, {method: 'POST', body});
      const good = await post(sample('bag'), '?top=4');
      const answer = await good.json();
      assert.equal(good.status, 200, JSON.stringify(answer));
      assertBag(answer.results, 4);
      for (const [body, status] of [
        ['hello', 415],
        [sample('bag').subarray(0, 150), 422],
      ]) {
        const response = await post(body);
        assert.equal(response.status, status);
        assert.equal(typeof (await response.json()).error, 'string');
      }
      assert.equal((await worker.dispatchFetch('http://worker/')).status, 405);
    } finally {
      await worker.dispose();
    }
  },
);
