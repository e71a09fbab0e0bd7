// Asks TensorFlow.js what the synthetic models of tests/support/model_variations.hpp answer, and prints it as
// JSON: the golden data of tests/model_variations_test.cpp.
//
//   npm install --no-save @tensorflow/tfjs@4.22.0
//   make_synthetic_model models --variations
//   node tests/reference/model_variations.mjs models > tests/reference/model_variations.json
//
// The input is the one of a packed model's self-test, docs/format.md section 7.
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// Packages are looked for where the command is run: this folder has none.
const tf = createRequire(join(process.cwd(), 'package.json'))('@tensorflow/tfjs');

const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node model_variations.mjs FOLDER_OF_MODELS');
  process.exit(2);
}
await tf.setBackend('cpu');

function handler(path) {
  const json = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'));
  return {
    load: () =>
      tf.io.getModelArtifactsForJSON(json, async (manifest) => {
        const bytes = Buffer.concat(manifest.flatMap((group) => group.paths).map((p) => readFileSync(join(path, p))));
        const data = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
        return [manifest.flatMap((group) => group.weights), data];
      }),
  };
}

function selfTestInput(height, width) {
  const values = new Float32Array(height * width * 3);
  for (let i = 0; i < values.length; ++i) values[i] = (Math.imul(i, 2654435761) >>> 16) / 32768 - 1;
  return tf.tensor4d(values, [1, height, width, 3]);
}

const answers = {};
for (const name of readdirSync(folder).sort()) {
  const load = name.startsWith('graph') ? tf.loadGraphModel : tf.loadLayersModel;
  const model = await load(handler(join(folder, name)));
  const [, height, width] = model.inputs[0].shape;
  const output = model.predict(selfTestInput(height, width));
  // Nine digits give every float32 back.
  answers[name] = Array.from(output.dataSync(), (v) => Number(v.toPrecision(9)));
  tf.disposeVariables();
}
const lines = Object.entries(answers).map(([name, values]) => `    "${name}": [${values.join(', ')}]`);
console.log(`{\n  "tfjs": "${tf.version.tfjs}",\n  "answers": {\n${lines.join(',\n')}\n  }\n}`);
