// For pages, bundlers and Deno: the module and the labels lie beside this file. new URL(name, import.meta.url) is what
// bundlers recognise.
import {MobileNetError} from './error.js';
import {hostedBy} from './load.js';

const got = async (url) => {
  const response = await fetch(url);
  if (!response.ok) throw new MobileNetError('io_error', `${url}: HTTP status ${response.status}`);
  return response;
};

let compiled;
const compiledModule = () =>
  (compiled ??= got(new URL('../mobilenet.wasm', import.meta.url)).then(async (response) =>
    // Streaming needs a server that knows application/wasm.
    response.headers.get('content-type') === 'application/wasm'
      ? WebAssembly.compileStreaming(response)
      : WebAssembly.compile(await response.arrayBuffer()),
  ));

let labels;
const imagenetLabels = () =>
  (labels ??= got(new URL('../imagenet_labels.txt', import.meta.url)).then((response) => response.text()));

const base = globalThis.document?.baseURI ?? globalThis.location?.href;

export const {load, convert} = hostedBy({compiledModule, imagenetLabels, base});
export {MobileNet} from './model.js';
export {MobileNetError} from './error.js';
