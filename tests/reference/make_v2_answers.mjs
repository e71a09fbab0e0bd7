// Finishes tests/reference/v2, which make_v2_models.py begins: adds the models that TensorFlow.js itself saves, and
// writes answers.json, what TensorFlow.js answers for each model. README.md describes that file.
//
//   npm install --no-save --ignore-scripts @tensorflow/tfjs@4.22.0
//   node tests/reference/make_v2_answers.mjs tests/reference/v2 keras.json
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readArtifacts, writeArtifacts } from './v2_files.mjs';

// Packages are looked for where the command is run: this folder has none.
const require = createRequire(join(process.cwd(), 'package.json'));
const tf = require('@tensorflow/tfjs');
const [, , folder, kerasFile] = process.argv;
if (kerasFile === undefined) {
  console.error('usage: node make_v2_answers.mjs FOLDER_OF_MODELS KERAS_ANSWERS');
  process.exit(2);
}
await tf.setBackend('cpu');

// Layers whose activation answers.json has, beyond every layer named "hidden".
const wantedLayers = {
  keras2_alpha_035: ['block_1_project_BN', 'block_2_add'],
  keras2_transfer_functional: ['block_1_add', 'pooling'],
  graph_keras2: [
    'StatefulPartitionedCall/mobilenetv2/block_1_add/add',
    'StatefulPartitionedCall/mobilenetv2/global_average_pooling2d/Mean',
  ],
  graph_retrained: ['feature_vector/SpatialSqueeze'],
};

async function writeSavedModels() {
  for (const form of ['functional', 'sequential']) {
    const model = await tf.loadLayersModel(tf.io.fromMemory(readArtifacts(join(folder, `keras2_transfer_${form}`))));
    await model.save(tf.io.withSaveHandler(async (made) => {
      const { format, generatedBy, convertedBy } = made;
      made.weightData = tf.io.CompositeArrayBuffer.join(made.weightData);
      const path = join(folder, `tfjs_transfer_${form}`);
      writeArtifacts(path, made, './weights.bin', { format, generatedBy, convertedBy });
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    }));
  }
}

// ------------------------------------------------------------------------------------------------------- answers

// The input of a packed model's self-test, docs/format.md section 7.
function selfTestInput(shape) {
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < values.length; ++i) values[i] = (Math.imul(i, 2654435761) >>> 16) / 32768 - 1;
  return tf.tensor(values, [1, ...shape]);
}

function described(name, tensor) {
  // Nine digits give every float32 back.
  return { name, shape: tensor.shape.slice(1), values: Array.from(tensor.dataSync(), (v) => Number(v.toPrecision(9))) };
}

// The model that contains a layer, the layer: of this model or of one inside it.
function findLayer(model, name) {
  for (const layer of model.layers) {
    if (layer.name === name) return [model, layer];
    const found = layer.layers && findLayer(layer, name);
    if (found) return found;
  }
  return undefined;
}

async function askLayersModel(name, files) {
  const model = await tf.loadLayersModel(tf.io.fromMemory(files));
  const shape = model.inputs[0].shape.slice(1).map((d) => d ?? 32);
  const input = selfTestInput(shape);
  const outputs = [model.predict(input)].flat();
  const layers = [...(wantedLayers[name] ?? []), 'hidden'].flatMap((wanted) => {
    const found = findLayer(model, wanted);
    if (found === undefined) return [];
    const [owner, layer] = found;
    // A head inside a Sequential has an input of its own.
    if (owner !== model && owner.inputs[0].shape.length !== 4) return [];
    return [described(wanted, tf.model({ inputs: owner.inputs, outputs: layer.output }).predict(input))];
  });
  return { input: shape, outputs: outputs.map((o, i) => described(model.outputNames[i], o)), layers };
}

async function askGraphModel(name, files) {
  const model = await tf.loadGraphModel(tf.io.fromMemory(files));
  const image = model.inputs.find((i) => i.shape?.length === 4);
  const shape = image.shape.slice(1);
  const feed = { [image.name]: selfTestInput(shape) };
  // TensorFlow.js computes no PlaceholderWithDefault that it is not fed.
  for (const other of model.inputs.filter((i) => i.name !== image.name)) {
    const [source] = files.modelTopology.node.find((n) => n.name === other.name).input;
    feed[other.name] = model.execute({ [image.name]: feed[image.name] }, source);
  }
  const names = model.outputs.map((o) => o.name);
  const ask = (node) => described(node, model.execute(feed, node));
  return { input: shape, outputs: names.map(ask), layers: (wantedLayers[name] ?? []).map(ask) };
}

function worstDifference(a, b) {
  return Math.max(...a.outputs.flatMap((o, i) => o.values.map((v, j) => Math.abs(v - b.outputs[i].values[j]))));
}

async function answers() {
  const keras = JSON.parse(readFileSync(kerasFile, 'utf8'));
  const all = {};
  const names = readdirSync(folder, { withFileTypes: true }).filter((e) => e.isDirectory()).map((e) => e.name).sort();
  for (const name of names) {
    const files = readArtifacts(join(folder, name));
    const ask = files.modelTopology.node ? askGraphModel : askLayersModel;
    try {
      all[name] = { by: `TensorFlow.js ${tf.version.tfjs}`, ...(await ask(name, files)) };
      const difference = keras[name] ? worstDifference(all[name], keras[name]) : 0;
      if (difference > 1e-5) console.error(`${name}: ${keras[name].by} differs by ${difference.toPrecision(2)}`);
    } catch (error) {
      const refused = error.message.split('\n')[0];
      console.error(`${name}: TensorFlow.js refuses it: ${refused}`);
      const { by, ...answer } = keras[name];
      all[name] = { by, refused, ...answer };
    }
    tf.disposeVariables();
  }
  return all;
}

await writeSavedModels();
const lines = Object.entries(await answers()).map(([name, answer]) => {
  const { outputs, layers, ...rest } = answer;
  const list = (values) => '[' + values.map((v) => `\n   ${JSON.stringify(v)}`).join(',') + ']';
  const head = Object.entries(rest).map(([key, value]) => `"${key}": ${JSON.stringify(value)}`).join(', ');
  return ` "${name}": {${head},\n  "outputs": ${list(outputs)},\n  "layers": ${list(layers)}}`;
});
writeFileSync(join(folder, 'answers.json'), `{\n${lines.join(',\n')}\n}\n`);
