// For Node.js: the module, the labels and models are files, or come from http(s).
import {readFile, stat} from 'node:fs/promises';
import {fileURLToPath} from 'node:url';

import {MobileNetError} from './error.js';
import {hostedBy} from './load.js';

const packaged = (name) => new URL(`../${name}`, import.meta.url);

let compiled;
const compiledModule = () => (compiled ??= readFile(packaged('mobilenet.wasm')).then((b) => WebAssembly.compile(b)));

let labels;
const imagenetLabels = () => (labels ??= readFile(packaged('imagenet_labels.txt'), 'utf8'));

const readPath = async (path) => {
  try {
    return new Uint8Array(await readFile(path));
  } catch (failed) {
    if (failed.code === 'ENOENT') return undefined;
    throw new MobileNetError('io_error', `${path}: cannot open: ${failed.message}`);
  }
};

const isFolder = async (path) => (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

const createPool = async (workers, data) => (await import('./pool.js')).MobileNetPool.create(workers, data);

export const {load, convert} = hostedBy({
  compiledModule,
  imagenetLabels,
  createPool,
  readPath,
  isFolder,
  fromFileUrl: fileURLToPath,
});
export {MobileNet} from './model.js';
export {MobileNetError} from './error.js';
