// TensorFlow.js on its WebAssembly back end, one thread, as it runs in Node:  node tfjs_wasm.js folder/model.json [cpu]
const fs = require('fs');
const path = require('path');
const tf = require('@tensorflow/tfjs-core');
const layers = require('@tensorflow/tfjs-layers');
require('@tensorflow/tfjs-backend-cpu');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const {selfTestInput, serve} = require('./protocol');

const [, , file, backend = 'wasm'] = process.argv;
serve(async () => {
  wasm.setWasmPaths(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')) + '/wasm-out/');
  await tf.setBackend(backend);
  await tf.ready();
  const json = JSON.parse(fs.readFileSync(file, 'utf8'));
  const shards = json.weightsManifest.flatMap((g) => g.paths).map((p) => fs.readFileSync(path.join(path.dirname(file), p)));
  const joined = Buffer.concat(shards);
  const model = await layers.loadLayersModel({
    load: async () => ({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest.flatMap((g) => g.weights),
      weightData: joined.buffer.slice(joined.byteOffset, joined.byteOffset + joined.byteLength),
    }),
  });
  const shape = model.inputs[0].shape.slice(1);
  const input = tf.tensor(selfTestInput(...shape), [1, ...shape]);
  return async () => {
    const output = model.predict(input);
    const values = await output.data();
    output.dispose();
    return values;
  };
}, tf.version_core);
