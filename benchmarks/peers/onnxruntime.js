// ONNX Runtime's CPU provider:  node onnxruntime.js model.onnx THREADS
const ort = require('onnxruntime-node');
const {serve} = require('./protocol');

const [, , path, threads] = process.argv;
serve(async () => {
  const session = await ort.InferenceSession.create(path, {
    executionProviders: ['cpu'],
    graphOptimizationLevel: 'all',
    intraOpNumThreads: Number(threads),
    interOpNumThreads: 1,
  });
  const size = session.inputMetadata ? session.inputMetadata[0].shape[2] : 224;
  const input = new ort.Tensor('float32', new Float32Array(3 * size * size).fill(0.5), [1, 3, size, size]);
  return () => session.run({[session.inputNames[0]]: input});
});
