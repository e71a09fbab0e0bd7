// ONNX Runtime's CPU provider:  node onnxruntime.js model.onnx THREADS
const ort = require('onnxruntime-node');
const {selfTestInput, serve} = require('./protocol');

// Height, width, channels to channels, height, width.
const transposed = (values, pixels, channels) => {
  const planes = new Float32Array(values.length);
  for (let p = 0; p < pixels; ++p)
    for (let c = 0; c < channels; ++c) planes[c * pixels + p] = values[p * channels + c];
  return planes;
};

const [, , path, threads] = process.argv;
serve(async () => {
  const session = await ort.InferenceSession.create(path, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
  });
  const size = session.inputMetadata ? session.inputMetadata[0].shape[2] : 224;
  const image = transposed(selfTestInput(size, size), size * size, 3);
  const feed = {[session.inputNames[0]]: new ort.Tensor('float32', image, [1, 3, size, size])};
  return async () => (await session.run(feed))[session.outputNames[0]].data;
}, require('onnxruntime-node/package.json').version);
