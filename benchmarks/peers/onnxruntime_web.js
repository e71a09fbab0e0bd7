// ONNX Runtime's WebAssembly build, one thread:  node onnxruntime_web.js model.onnx
const fs = require('fs');
const ort = require('onnxruntime-web');
const {selfTestInput, serve} = require('./protocol');

const [, , path] = process.argv;
serve(async () => {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(fs.readFileSync(path), {
    executionProviders: ['wasm'],
    graphOptimizationLevel: 'all',
  });
  const [height, width, channels] = [224, 224, 3];
  const values = selfTestInput(height, width, channels);
  const planes = new Float32Array(values.length);
  for (let p = 0; p < height * width; ++p)
    for (let c = 0; c < channels; ++c) planes[c * height * width + p] = values[p * channels + c];
  const feed = {[session.inputNames[0]]: new ort.Tensor('float32', planes, [1, channels, height, width])};
  return async () => (await session.run(feed))[session.outputNames[0]].data;
}, ort.env.versions?.web ?? '');
