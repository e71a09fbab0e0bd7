// For runtimes that forbid compiling and have no files, such as Cloudflare Workers: the caller passes the module that its
// bundler compiled, and the names of the classes if the model has none.
import {invalidArgument} from './error.js';
import {hostedBy} from './load.js';

const compiledModule = async () => {
  throw invalidArgument('module: expected a WebAssembly.Module: import module from "mobilenet-cpp/mobilenet.wasm"');
};

export const {load, convert} = hostedBy({compiledModule, imagenetLabels: async () => ''});
export {MobileNet} from './model.js';
export {MobileNetError} from './error.js';
