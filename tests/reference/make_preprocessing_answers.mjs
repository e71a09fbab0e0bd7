// Writes preprocessing.json: SHA-256 of what TensorFlow.js makes of a picture by every rule that a packed model may
// have. README.md describes the file.
//
//   npm install --no-save --ignore-scripts @tensorflow/tfjs@4.22.0
//   node tests/reference/make_preprocessing_answers.mjs tests/reference/preprocessing.json
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// Packages are looked for where the command is run: this folder has none.
const tf = createRequire(join(process.cwd(), 'package.json'))('@tensorflow/tfjs');
const file = process.argv[2];
if (file === undefined) {
  console.error('usage: node make_preprocessing_answers.mjs FILE');
  process.exit(2);
}
await tf.setBackend('cpu');

// Sample i of a picture, row by row, red first.
const sample = (i) => Math.imul(i + 1, 2654435761) >>> 24;
const picture = (height, width) =>
  tf.tensor3d(Int32Array.from({ length: height * width * 3 }, (_, i) => sample(i)), [height, width, 3], 'int32');

const greys = {
  colour: (pixels) => pixels,
  red: (pixels) => pixels.slice([0, 0, 0], [-1, -1, 1]),
  luma: (pixels) => tf.image.rgbToGrayscale(pixels),
  mean: (pixels) => tf.mean(pixels, 2).expandDims(2),
};
const scalings = {
  'mobilenet layers': (pixels) => pixels.toFloat().sub(127.5).div(127.5),
  'mobilenet graph': (pixels) => pixels.toFloat().mul(2 / 255).add(-1),
  nsfwjs: (pixels) => pixels.toFloat().div(tf.scalar(255)),
  'teachable machine': (pixels) => pixels.toFloat().div(tf.scalar(127)).sub(tf.scalar(1)),
};
const resizes = {
  bilinear_aligned: (pixels, size) => tf.image.resizeBilinear(pixels, size, true),
  bilinear_half_pixel: (pixels, size) => tf.image.resizeBilinear(pixels, size, false, true),
  nearest: (pixels, size) => tf.image.resizeNearestNeighbor(pixels, size),
};
const sizes = [[[48, 64], [32, 32]], [[9, 7], [20, 23]], [[31, 17], [31, 40]], [[1, 5], [3, 1]], [[6, 6], [6, 6]]];

const answers = [];
for (const [scaling, scale] of Object.entries(scalings))
  for (const [resize, resized] of Object.entries(resizes))
    for (const [grey, only] of Object.entries(greys))
      for (const [from, to] of sizes) {
        const input = resized(scale(only(picture(...from))), to).dataSync();
        const sha256 = createHash('sha256').update(new Uint8Array(input.buffer, input.byteOffset, input.byteLength));
        answers.push({ scaling, resize, grey, from, to, sha256: sha256.digest('hex') });
      }
writeFileSync(file, `[\n${answers.map((a) => JSON.stringify(a)).join(',\n')}\n]\n`);
