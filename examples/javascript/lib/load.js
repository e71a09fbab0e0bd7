// load() and convert() over what a host brings: how it gets the module, the labels and files.
import {convertFiles} from './convert.js';
import {invalidArgument} from './error.js';
import {MobileNet} from './model.js';
import {readSource} from './source.js';

// Where @tensorflow-models/mobilenet's layers models are.
const published = 'https://storage.googleapis.com/tfjs-models/tfjs/';
const publishedAlphas = ['0.25', '0.50', '0.75', '1.0'];

const publishedUrl = (version, alpha) => {
  const text = publishedAlphas.find((name) => Number(name) === Number(alpha));
  if (version !== 1 || text === undefined) {
    throw invalidArgument(
      `load: version ${version} with alpha ${alpha} is not published as a model.json; ` +
        `expected version 1 and alpha ${publishedAlphas.join(', ')}, or a modelUrl`,
    );
  }
  return `${published}mobilenet_v1_${text}_224/model.json`;
};

// Bytes that all threads read in one place.
const shared = (bytes) => {
  const copy = new Uint8Array(new SharedArrayBuffer(bytes.byteLength));
  copy.set(bytes);
  return copy;
};

// The options that a thread needs; the others may hold what cannot be sent to one.
const decoding = ({exifOrientation, transparency, maxPixels}) => ({exifOrientation, transparency, maxPixels});

/**
 * @param host  compiledModule: () => Promise<WebAssembly.Module>; imagenetLabels: () => Promise<string>;
 *              createPool: (workers, data) => Promise<MobileNetPool>, where threads exist; and what readSource() takes
 */
export const hostedBy = (host) => {
  const moduleOf = async (options) => {
    const given = options.module;
    if (given === undefined) return host.compiledModule();
    if (given instanceof WebAssembly.Module) return given;
    throw invalidArgument('module: expected a WebAssembly.Module');
  };

  const packedOf = async (module, source, options) => source.packed ?? convertFiles(module, source.files, options);

  const check = (options) => {
    if (options === null || typeof options !== 'object') throw invalidArgument('options: expected an object');
  };

  const checkWorkers = (workers) => {
    if (!Number.isInteger(workers) || workers < 1 || workers > 256) {
      throw invalidArgument(`workers: found ${workers}, expected a whole number from 1 to 256`);
    }
    if (host.createPool === undefined) throw invalidArgument('workers: only Node.js has them');
  };

  const load = async (options = {}) => {
    check(options);
    const {version = 1, alpha = 1, model, modelUrl, workers} = options;
    if (workers !== undefined) checkWorkers(workers);
    const [module, source] = await Promise.all([
      moduleOf(options),
      readSource(model ?? modelUrl ?? publishedUrl(version, alpha), host),
    ]);
    const packed = await packedOf(module, source, options);
    const labels = (await host.imagenetLabels()).trimEnd().split('\n');
    if (workers !== undefined)
      return host.createPool(workers, {module, packed: shared(packed), options: decoding(options), labels});
    return new MobileNet(module, packed, options, () => labels);
  };

  const convert = async (model, options = {}) => {
    check(options);
    const [module, source] = await Promise.all([moduleOf(options), readSource(model, host)]);
    return packedOf(module, source, options);
  };

  return {load, convert};
};
