// This library as WebAssembly in Node:  node mobilenet_wasm.mjs model.mnet PACKAGE
import {readFileSync} from 'node:fs';
import {join, resolve} from 'node:path';
import {pathToFileURL} from 'node:url';

import {selfTestInput, serve} from './protocol.js';

const [, , file, folder] = process.argv;
const {Instance} = await import(pathToFileURL(resolve(folder, 'lib/instance.js')));
const {version} = JSON.parse(readFileSync(join(folder, 'package.json')));

serve(async () => {
  const instance = new Instance(await WebAssembly.compile(readFileSync(join(folder, 'mobilenet.wasm'))));
  const packed = readFileSync(file);
  instance.check('open', instance.copyIn(packed), packed.byteLength);
  const facts = instance.uint32s(instance.call('facts'), 8);
  const [height, width, channels] = facts;
  instance.float32s(instance.call('input'), height * width * channels).set(selfTestInput(height, width, channels));
  const outputs = facts[7];
  return async () => instance.float32s(instance.call('compute', 0), outputs);
}, version);
