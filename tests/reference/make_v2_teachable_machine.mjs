// Adds teachable_machine to tests/reference/v2, with the version of TensorFlow.js that Teachable Machine uses: a
// network cut at out_relu, pooled, with a head of its own. It cannot share a process with version 4.
//
//   npm install --no-save --ignore-scripts @tensorflow/tfjs@1.3.1
//   node tests/reference/make_v2_teachable_machine.mjs tests/reference/v2
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readArtifacts, writeArtifacts } from './v2_files.mjs';

// Packages are looked for where the command is run: this folder has none.
const tf = createRequire(join(process.cwd(), 'package.json'))('@tensorflow/tfjs');
const folder = process.argv[2];
if (folder === undefined) {
  console.error('usage: node make_v2_teachable_machine.mjs FOLDER_OF_MODELS');
  process.exit(2);
}
await tf.setBackend('cpu');

// The same values on every run; steps of 1/1024, as in make_v2_models.py.
function randomTensor(shape, reach, seed) {
  let state = seed;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const count = shape.reduce((a, b) => a * b, 1);
  return tf.tensor(Array.from({ length: count }, () => Math.round((2 * next() - 1) * reach * 1024) / 1024), shape);
}

// This version knows the class of a functional model by its older name.
function withOldNames(json) {
  json.modelTopology.model_config.class_name = 'Model';
  return json;
}

const whole = await tf.loadLayersModel(
  tf.io.fromMemory(readArtifacts(join(folder, 'keras2_first_padding'), withOldNames)));
const base = tf.model({ inputs: whole.inputs, outputs: whole.getLayer('out_relu').output, name: 'model1' });
const features = tf.sequential({ name: 'sequential_1' });
features.add(base);
features.add(tf.layers.globalAveragePooling2d({ name: 'global_average_pooling2d_GlobalAveragePooling2D1' }));
const channels = features.outputShape[1];

const head = tf.sequential({ name: 'sequential_3' });
head.add(tf.layers.dense({ inputShape: [channels], units: 10, activation: 'relu', name: 'dense_Dense1' }));
head.add(tf.layers.dense({ units: 5, activation: 'softmax', useBias: false, name: 'dense_Dense2' }));
head.setWeights([randomTensor([channels, 10], 0.7, 1), randomTensor([10], 0.2, 2), randomTensor([10, 5], 0.7, 3)]);

const model = tf.sequential({ name: 'sequential_4' });
model.add(features);
model.add(head);
const path = join(folder, 'teachable_machine');
await model.save(tf.io.withSaveHandler(async (made) => {
  writeArtifacts(path, made, 'weights.bin');
  return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
}));

const metadata = {
  tfjsVersion: '1.3.1', tmVersion: '2.4.5', packageVersion: '0.8.4-alpha2', packageName: '@teachablemachine/image',
  timeStamp: '2023-01-01T00:00:00.000Z', userMetadata: {}, modelName: 'my_model',
  labels: ['one', 'two', 'three', 'four', 'five'], imageSize: 32,
};
writeFileSync(join(path, 'metadata.json'), JSON.stringify(metadata) + '\n');
