// load({workers}): the same answers from several threads, errors of single calls, and programs that end.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {join} from 'node:path';
import {test} from 'node:test';
import {pathToFileURL} from 'node:url';

import {load, packageFolder, sample, shipped} from './support.mjs';

const names = ['bag', 'coat', 'dress', 'sandal', 'shirt', 'sneaker'];

test('many calls: the answers of one model, each to its own call', async () => {
  const one = await load({modelUrl: shipped});
  const pool = await load({modelUrl: shipped, workers: 3});
  assert.deepEqual(
    [pool.inputShape, pool.classCount, pool.labels, pool.kind],
    [[64, 64, 3], 10, one.labels, 'classes'],
  );
  const images = Array.from({length: 60}, (_, i) => sample(names[i % names.length]));
  const found = await Promise.all(images.map((image) => pool.classify(image, 10)));
  for (const [i, predictions] of found.entries()) {
    if (i < names.length) assert.deepEqual(predictions, await one.classify(images[i], 10));
    else assert.deepEqual(predictions, found[i % names.length]);
  }
  assert.deepEqual(await pool.infer(images[0], true), await one.infer(images[0], true));
  assert.deepEqual(
    await pool.predict({data: new Uint8Array(12), width: 2, height: 2}),
    await one.predict({data: new Uint8Array(12), width: 2, height: 2}),
  );
  const mixed = await Promise.allSettled(
    Array.from({length: 20}, (_, i) => pool.classify(i % 2 === 0 ? images[0] : images[0].subarray(0, 200), 10)),
  );
  for (const [i, {status, value, reason}] of mixed.entries()) {
    if (i % 2 === 0) assert.deepEqual(value, found[0]);
    else assert.deepEqual([status, reason.name, reason.code], ['rejected', 'MobileNetError', 'invalid_image']);
  }
  const late = pool.classify(images[0]);
  pool.dispose();
  await assert.rejects(late, /disposed/);
  await assert.rejects(pool.classify(images[0]), /disposed/);
});

test('options that are wrong', async () => {
  for (const workers of [0, -1, 1.5, 257, '2']) {
    await assert.rejects(load({modelUrl: shipped, workers}), {code: 'invalid_argument', message: /^workers: found/});
  }
  await assert.rejects(load({model: new Uint8Array(10), workers: 2}), {code: 'not_a_model'});
  await assert.rejects(
    load({modelUrl: shipped, workers: 2, transparency: 'x'}),
    /^MobileNetError: transparency: found "x"/,
  );
});

test('a program with idle threads ends; one that waits for an answer gets it', () => {
  const program = `
    import {load} from ${JSON.stringify(pathToFileURL(join(packageFolder, 'lib/node.js')).href)};
    const model = await load({modelUrl: ${JSON.stringify(shipped)}, workers: 2});
    const pixels = {data: new Uint8Array(12), width: 2, height: 2};
    model.predict(pixels).then((p) => console.log(p.length));`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(out, '10\n');
});
