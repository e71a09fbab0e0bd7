// What the tests of the npm package share: the package as it was built, reference data, and skipping.
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {dirname, join} from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const shipped = join(root, 'models/fashion_mnist_0.25_64');
export const sample = (name) => readFileSync(join(shipped, `samples/${name}.png`));

/** The folder that CMake assembles. */
export const packageFolder = process.env.MOBILENET_NPM_PACKAGE;
export const {load, convert, MobileNetError} = await import(pathToFileURL(join(packageFolder, 'lib/node.js')));

/** Photos, models and TensorFlow.js's answers, which are not part of the project; undefined without them. */
export const testData = process.env.MOBILENET_TEST_DATA || undefined;

/** A BMP of `length` bytes, 24 bits a pixel: the header, and zeros for the pixels. */
export const emptyBmp = (width, height, length) => {
  const bmp = Buffer.alloc(length);
  bmp.write('BM');
  bmp.writeUInt32LE(length, 2);
  bmp.writeUInt32LE(54, 10);
  bmp.writeUInt32LE(40, 14);
  bmp.writeInt32LE(width, 18);
  bmp.writeInt32LE(height, 22);
  bmp.writeUInt16LE(1, 26);
  bmp.writeUInt16LE(24, 28);
  return bmp;
};

export const floats = (file) => {
  const bytes = readFileSync(file);
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
};

export const largestDifference = (a, b) => {
  if (a.length !== b.length) return Infinity;
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b[i])), 0);
};

/** The folder of an installed npm package that only tests need; undefined without it. */
export const installed = (name) => {
  try {
    return dirname(createRequire(join(root, 'tests/javascript/x.js')).resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
};

/** For the option skip of a test. */
export const without = (name, found) => (found === undefined ? `skipped: ${name} is not there` : false);
