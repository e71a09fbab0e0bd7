// Memory: flat over many images, and returned with the models.
import assert from 'node:assert/strict';
import {test} from 'node:test';

import {convert, load, sample, shipped} from './support.mjs';

const images = Number(process.env.MOBILENET_JS_IMAGES ?? 500);

test(`${images} images, good and bad, leave the instance's memory as it was`, async () => {
  const model = await load({modelUrl: shipped});
  const pixels = {data: new Uint8Array(640 * 480 * 4).fill(90), width: 640, height: 480};
  const damaged = sample('coat').subarray(0, 200);
  const round = async () => {
    await model.classify(sample('coat'));
    await model.infer(pixels, true);
    await assert.rejects(model.classify(damaged));
  };
  for (let i = 0; i < 5; ++i) await round();
  const before = model.memoryBytes;
  for (let i = 0; i < images / 2; ++i) await round();
  assert.equal(model.memoryBytes, before);
});

test('models that nobody disposes of do not add up', async () => {
  const packed = await convert(shipped);
  const resident = () => process.memoryUsage().rss / 1e6;
  const use = async () => (await load({model: packed})).classify(sample('coat'));
  for (let i = 0; i < 20; ++i) await use();
  const before = resident();
  for (let i = 0; i < 300; ++i) await use();
  // 300 instances have at least 3 MB each.
  assert.ok(resident() - before < 300, `${before} MB, then ${resident()} MB`);
});
