// Wrong input: errors with the library's codes and messages, and a model that still works afterwards.
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {join} from 'node:path';
import {test} from 'node:test';

import {MobileNetError, convert, emptyBmp, load, sample, shipped} from './support.mjs';

const failure = async (promise) => {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof MobileNetError, `${error}`);
    assert.ok(error instanceof Error);
    return error;
  }
  assert.fail('expected an error');
};
const assertFails = async (promise, code, message) => {
  const error = await failure(promise);
  assert.equal(error.code, code, error.message);
  assert.match(error.message, message);
};

const files = () =>
  Object.fromEntries(
    ['model.json', 'group1-shard1of1.bin', 'labels.txt'].map((name) => [
      name,
      new Uint8Array(readFileSync(join(shipped, name))),
    ]),
  );

test('files and objects that are not images', async () => {
  const model = await load({modelUrl: shipped});
  const expected = await model.classify(sample('coat'), 10);
  const png = sample('coat');
  const pixels = {data: new Uint8Array(12), width: 2, height: 2};
  const rows = [
    [new Uint8Array(0), 'invalid_image', /empty/],
    [new TextEncoder().encode('<html><body>Not found</body></html>'), 'unsupported', /HTML/i],
    [new Uint8Array(100).fill(7), 'unsupported', /expected JPEG, PNG or BMP/],
    [png.subarray(0, png.length / 2), 'invalid_image', /truncated/],
    [undefined, 'invalid_argument', /^image: found undefined, expected/],
    [null, 'invalid_argument', /^image: found null, expected/],
    ['photo.jpg', 'invalid_argument', /^image: found string, expected/],
    [{}, 'invalid_argument', /data: expected a Uint8Array/],
    [{...pixels, width: 0}, 'invalid_argument', /width: found 0, expected/],
    [{...pixels, height: 1.5}, 'invalid_argument', /height: found 1.5, expected/],
    [{...pixels, width: 3}, 'invalid_argument', /data has 12 bytes, expected 1, 3 or 4 for each of 3 x 2 pixels/],
    [{...pixels, data: [1, 2]}, 'invalid_argument', /data: expected a Uint8Array/],
  ];
  for (const [image, code, message] of rows) {
    await assertFails(model.classify(image), code, message);
    assert.deepEqual(await model.classify(sample('coat'), 10), expected);
  }
  for (const topk of [0, -1, 1.5, NaN, '3']) {
    await assertFails(model.classify(png, topk), 'invalid_argument', /^topk: found/);
  }
  assert.equal((await model.classify(png, 5000)).length, 10);
});

test('an image of more pixels than allowed, and one that claims to be huge', async () => {
  const model = await load({modelUrl: shipped, maxPixels: 10});
  await assertFails(model.classify(sample('coat')), 'image_too_large', /28x28/);
  // Sizes whose product is more than 32 bits.
  const generous = await load({modelUrl: shipped, maxPixels: 2 ** 53});
  for (const side of [30000, 40000, 65536, 2 ** 31 - 1]) {
    const png = sample('coat');
    png.writeUInt32BE(side, 16);
    png.writeUInt32BE(side, 20);
    const bmp = emptyBmp(side, side, 200);
    for (const file of [png, bmp])
      assert.match((await failure(generous.classify(file))).code, /^(invalid_image|image_too_large)$/);
  }
  await assertFails(load({modelUrl: shipped, maxPixels: 0}), 'invalid_argument', /^maxPixels: found 0/);
  await assertFails(load({modelUrl: shipped, transparency: 'red'}), 'invalid_argument', /^transparency: found "red"/);
});

test('files and objects that are not models', async () => {
  const good = files();
  const packed = await convert(shipped);
  const rows = [
    [join(shipped, 'nowhere'), 'io_error', /nowhere: cannot open: No such file or directory/],
    [new Uint8Array(0), 'not_a_model', /./],
    [new TextEncoder().encode('{}'), 'not_a_model', /./],
    [packed.subarray(0, 500), 'corrupt_model', /./],
    [{'model.json': good['model.json']}, 'io_error', /group1-shard1of1.bin: the file was not given/],
    [{'group1-shard1of1.bin': good['group1-shard1of1.bin']}, 'io_error', /model.json/],
    [{...good, 'model.json': '{"modelTopology": '}, 'invalid_argument', /^model.json: /],
    [{...good, 'group1-shard1of1.bin': good['group1-shard1of1.bin'].subarray(4)}, 'invalid_argument', /shard1of1/],
    [{...good, 'model.json': 5}, 'invalid_argument', /^files: model.json: expected bytes/],
    [{...good, 'labels.txt': 'one\ntwo'}, 'invalid_argument', /labels/],
    [null, 'invalid_argument', /^model: found null/],
    [7, 'invalid_argument', /^model: found number/],
  ];
  for (const [model, code, message] of rows) {
    await assertFails(
      convert(model).then((bytes) => load({model: bytes})),
      code,
      message,
    );
  }
  const changed = packed.slice();
  changed[100] ^= 1;
  await assertFails(load({model: changed}), 'checksum_mismatch', /^header: checksum is/);
});

test('a model.json that names files elsewhere: nothing is read', async () => {
  const asked = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    const manifest = JSON.parse(new TextDecoder().decode(files()['model.json']));
    manifest.weightsManifest[0].paths = ['../secret', 'http://127.0.0.1:1/x', '%2e%2e/secret', '/etc/passwd'];
    if (request.url !== '/m/model.json') response.statusCode = 404;
    response.end(request.url === '/m/model.json' ? JSON.stringify(manifest) : '');
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const address = `http://127.0.0.1:${server.address().port}/m/`;
    await assertFails(load({modelUrl: address}), 'invalid_argument', /a path inside the folder of model.json/);
    assert.deepEqual(asked.sort(), ['/m/labels.txt', '/m/metadata.json', '/m/model.json']);
    await assertFails(load({modelUrl: `${address}none.json`}), 'io_error', /none.json: HTTP status 404/);
  } finally {
    server.closeAllConnections();
    server.close();
  }
  await assertFails(load({modelUrl: `http://127.0.0.1:1/model.json`}), 'io_error', /127.0.0.1:1/);
});

test('options', async () => {
  const rows = [
    [{version: 2}, /version 2 with alpha 1 is not published/],
    [{alpha: 0.3}, /version 1 with alpha 0.3 is not published/],
    [{modelUrl: shipped, module: {}}, /module: expected a WebAssembly.Module/],
    [{modelUrl: shipped, application: 'x'}, /application: found "x", expected one of mobilenet, nsfwjs/],
    [{modelUrl: shipped, kind: 'x'}, /kind: found "x"/],
    [{modelUrl: shipped, inputSize: 0}, /inputSize: found 0/],
    [{modelUrl: shipped, inputRange: [1, 1]}, /input range: found 1/],
    [{modelUrl: shipped, labels: ['a']}, /labels/],
    [null, /options: expected an object/],
  ];
  for (const [options, message] of rows) await assertFails(load(options), 'invalid_argument', message);
});

test('a model that was disposed of', async () => {
  const model = await load({modelUrl: shipped});
  assert.ok(model.memoryBytes > 0);
  model.dispose();
  model.dispose();
  assert.equal(model.memoryBytes, 0);
  await assertFails(model.classify(sample('coat')), 'invalid_argument', /disposed/);
});
