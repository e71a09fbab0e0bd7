// The answers of mobilenet.wasm are those of the native library and of TensorFlow.js.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {test} from 'node:test';

import {convert, emptyBmp, floats, largestDifference, load, sample, shipped, testData, without} from './support.mjs';

const program = process.env.MOBILENET_PROGRAM;
const run = (...args) => execFileSync(program, args, {encoding: 'utf8', maxBuffer: 2 ** 26});
const convertNatively = (model, packed) => run('convert', model, '-o', packed);
const native = (model, image, classes) =>
  JSON.parse(run('classify', model, image, '--json', '--decoder', 'stb', '--top', String(classes))).results;

// Native kernels fuse multiplication and addition, WebAssembly's do not: the last bits differ. 2.2e-6 was seen.
const tolerance = 5e-6;
const assertSameClasses = (found, expected) => {
  assert.equal(found.length, expected.length);
  for (const {className, probability} of expected) {
    const same = found.find((p) => p.className === className && Math.abs(p.probability - probability) <= tolerance);
    assert.ok(same, `${className}: ${probability}, found ${JSON.stringify(found.slice(0, 3))}`);
  }
};

test("the shipped model: the classes of its samples, with the native program's probabilities", async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mobilenet_js_'));
  try {
    const packed = join(folder, 'fashion.mnet');
    convertNatively(shipped, packed);
    const model = await load({modelUrl: shipped});
    assert.deepEqual(model.inputShape, [64, 64, 3]);
    assert.equal(model.classCount, 10);
    for (const file of readdirSync(join(shipped, 'samples'))) {
      const found = await model.classify(sample(basename(file, '.png')), 10);
      assert.ok(found[0].className.toLowerCase().replace(/\W/g, '_').startsWith(basename(file, '.png')), file);
      assertSameClasses(found, native(packed, join(shipped, 'samples', file), 10));
    }
  } finally {
    rmSync(folder, {recursive: true});
  }
});

test('the native program opens and verifies what convert() writes', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mobilenet_js_'));
  try {
    const packed = join(folder, 'fashion.mnet');
    convertNatively(shipped, packed);
    const expected = readFileSync(packed);
    const found = await convert(shipped);
    assert.equal(found.length, expected.length);
    // Only the self-test's last bits may differ.
    let different = 0;
    for (let i = 0; i < found.length; ++i) different += found[i] !== expected[i];
    assert.ok(different <= 100, `${different} bytes differ`);
    writeFileSync(packed, found);
    run('inspect', packed, '--verify');
  } finally {
    rmSync(folder, {recursive: true});
  }
});

test('every way of passing pixels gives one answer', async () => {
  const model = await load({modelUrl: shipped});
  const width = 5;
  const height = 3;
  const rgb = Uint8Array.from({length: width * height * 3}, (_, i) => (i * 37) % 256);
  const rgba = Uint8ClampedArray.from({length: width * height * 4}, (_, i) =>
    i % 4 === 3 ? 9 : rgb[Math.floor(i / 4) * 3 + (i % 4)],
  );
  const expected = await model.predict({data: rgb, width, height});
  assert.ok(Math.abs(expected.reduce((sum, p) => sum + p) - 1) < 1e-5);
  assert.deepEqual(await model.predict({data: rgba, width, height}), expected);
  assert.deepEqual(await model.predict({shape: [height, width, 3], dataSync: () => Int32Array.from(rgb)}), expected);
  const bmp = emptyBmp(width, height, 54 + 16 * height);
  for (let y = 0; y < height; ++y) {
    for (let x = 0; x < width; ++x) {
      for (let c = 0; c < 3; ++c) bmp[54 + 16 * (height - 1 - y) + 3 * x + 2 - c] = rgb[(y * width + x) * 3 + c];
    }
  }
  for (const bytes of [
    bmp,
    Uint8Array.from(bmp),
    Uint8Array.from(bmp).buffer,
    new DataView(Uint8Array.from(bmp).buffer),
  ]) {
    assert.deepEqual(await model.predict(bytes), expected);
  }
});

test('every way of passing a model gives one answer', async () => {
  const names = ['model.json', 'group1-shard1of1.bin', 'labels.txt'];
  const files = Object.fromEntries(names.map((name) => [name, new Uint8Array(readFileSync(join(shipped, name)))]));
  const manifest = JSON.parse(readFileSync(join(shipped, 'model.json')));
  const handler = {
    load: async () => ({
      modelTopology: manifest.modelTopology,
      weightSpecs: manifest.weightsManifest.flatMap((group) => group.weights),
      weightData: files['group1-shard1of1.bin'].slice().buffer,
    }),
  };
  const expected = await (await load({modelUrl: shipped})).classify(sample('bag'), 10);
  const blobs = names.map((name) => Object.assign(new Blob([files[name]]), {name}));
  const module = await WebAssembly.compile(readFileSync(join(process.env.MOBILENET_NPM_PACKAGE, 'mobilenet.wasm')));
  const ways = {
    'model.json': {modelUrl: join(shipped, 'model.json')},
    'a folder with a slash': {modelUrl: `${shipped}/`},
    'a file URL': {modelUrl: new URL(`file://${shipped}/model.json`)},
    'files by name': {model: files},
    'a Map': {model: new Map(Object.entries(files))},
    'a list of File': {model: blobs},
    'packed bytes': {model: await convert(shipped)},
    'an IOHandler': {model: handler, labels: readFileSync(join(shipped, 'labels.txt'), 'utf8')},
    'labels as a list': {model: handler, labels: readFileSync(join(shipped, 'labels.txt'), 'utf8').trim().split('\n')},
    'a module of the caller': {modelUrl: shipped, module},
  };
  for (const [way, options] of Object.entries(ways)) {
    assert.deepEqual(await (await load(options)).classify(sample('bag'), 10), expected, way);
  }
});

const models = [
  ['mobilenet_v1_0.25_224'],
  ['mobilenet_v1_0.75_224'],
  ['mobilenet_v1_1.00_224_qat'],
  ['mobilenet_v1_0.25_224_uint8'],
  ['mobilenet_v1_025_224_graph'],
  ['mobilenet_v1_0.50_160_graph_uint8'],
  ['nsfwjs_mobilenet_v2_uint8', {application: 'nsfwjs'}],
  ['nsfwjs_mobilenet_v2_mid_graph_uint8', {application: 'nsfwjs'}],
  ['teachable_machine_v2_0.35_224', {}, 'pixels224'],
];

test("photos: TensorFlow.js's probabilities", {skip: without('MOBILENET_TEST_DATA', testData)}, async (t) => {
  for (const [name, options = {}, images = 'pixels'] of models) {
    await t.test(name, async () => {
      const model = await load({modelUrl: join(testData, 'models', name), ...options});
      const files = readdirSync(join(testData, 'images', images));
      assert.equal(files.length, 11);
      for (const file of files) {
        const all = floats(join(testData, 'reference', name, `${basename(file, '.png')}.f32`));
        const found = await model.predict(readFileSync(join(testData, 'images', images, file)));
        const expected = all.slice(all.length - found.length); // without the background class
        assert.ok(largestDifference(found, expected) <= 1e-4, `${file}: ${largestDifference(found, expected)}`);
      }
    });
  }
});

test(
  "photos in JPEG: the native program's probabilities",
  {skip: without('MOBILENET_TEST_DATA', testData)},
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'mobilenet_js_'));
    try {
      const packed = join(folder, 'model.mnet');
      convertNatively(join(testData, 'models/mobilenet_v1_0.25_224'), packed);
      const model = await load({model: packed});
      let compared = 0;
      for (const file of readdirSync(join(testData, 'images')).filter((name) => /\.(jpg|png)$/.test(name))) {
        const found = await model.classify(readFileSync(join(testData, 'images', file)), 1000);
        const expected = native(packed, join(testData, 'images', file), 1000);
        const worst = largestDifference(
          found.map((p) => p.probability),
          expected.map((p) => p.probability),
        );
        assert.ok(worst <= tolerance, `${file}: ${worst}`);
        assert.match(found[0].className, /[a-z]/);
        ++compared;
      }
      assert.ok(compared >= 11);
    } finally {
      rmSync(folder, {recursive: true});
    }
  },
);
