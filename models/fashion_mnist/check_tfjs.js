// Loads an exported model as a web page would, with TensorFlow.js itself, and classifies the first N test images.
//
//   (cd /tmp && npm install @tensorflow/tfjs@4.22.0)
//   NODE_PATH=/tmp/node_modules node models/fashion_mnist/check_tfjs.js models/fashion_mnist_0.25_64 500 /tmp/tfjs.f32
//   models/fashion_mnist/train.py evaluate models/fashion_mnist_0.25_64 --compare /tmp/tfjs.f32

const fs = require('fs');
const http = require('http');
const path = require('path');
const zlib = require('zlib');
const tf = require('@tensorflow/tfjs');

const [folder, count, answersFile] = process.argv.slice(2);
if (!answersFile) {
  console.error('usage: check_tfjs.js FOLDER N ANSWERS   (ANSWERS: file to write, N x 10 probabilities, float32)');
  process.exit(2);
}
const data = process.env.FASHION_MNIST || '/usr/share/datasets/fashion-mnist';
const pixels = zlib.gunzipSync(fs.readFileSync(`${data}/t10k-images-idx3-ubyte.gz`)).subarray(16);
const labels = zlib.gunzipSync(fs.readFileSync(`${data}/t10k-labels-idx1-ubyte.gz`)).subarray(8);

const server = http.createServer((request, response) => {
  response.end(fs.readFileSync(path.join(folder, path.basename(request.url))));
});

server.listen(0, '127.0.0.1', async () => {
  await tf.setBackend('cpu');
  const model = await tf.loadLayersModel(`http://127.0.0.1:${server.address().port}/model.json`);
  server.close();
  const [, height, width] = model.inputs[0].shape;
  const answers = [];
  let right = 0;
  for (let i = 0; i < Number(count); i++) {
    const answer = tf.tidy(() => {
      const grey = tf.tensor3d(Float32Array.from(pixels.subarray(784 * i, 784 * (i + 1))), [28, 28, 1]);
      const input = tf.image.resizeBilinear(grey.tile([1, 1, 3]).sub(127.5).div(127.5), [height, width], true);
      return model.predict(input.expandDims()).dataSync();
    });
    right += answer.indexOf(Math.max(...answer)) === labels[i] ? 1 : 0;
    answers.push(...answer);
  }
  fs.writeFileSync(answersFile, Buffer.from(Float32Array.from(answers).buffer));
  console.log(`TensorFlow.js ${tf.version.tfjs}: ${model.name}, ${model.countParams()} parameters, ${right} of ${count} right`);
});
