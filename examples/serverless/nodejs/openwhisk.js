// OpenWhisk, kind nodejs:18 to nodejs:22. Parameters: image (base64 or a data: URL), top (3).
const {join} = require('node:path');
const {load} = require('mobilenet-cpp');

const model = load({model: join(__dirname, 'model.mnet')}); // while the container starts
model.catch(() => {}); // main() reports it

const bytesOf = (text) => Buffer.from(text.slice(text.indexOf(',') + 1), 'base64');

exports.main = async ({image, top = 3}) => {
  if (typeof image !== 'string') return {error: `image: found ${typeof image}, expected base64 of a JPEG, PNG or BMP`};
  const start = performance.now();
  try {
    const results = await (await model).classify(bytesOf(image), Number(top));
    console.log(`main: ${(performance.now() - start).toFixed(3)}ms`);
    console.log(`memory used: rss=${(process.memoryUsage.rss() / 1e6).toFixed(1)} MB`);
    return {results};
  } catch (failed) {
    console.error(failed.message);
    return {error: failed.message};
  }
};
