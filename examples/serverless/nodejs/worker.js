// Cloudflare Workers: POST the file of an image, get its classes. Compiling WebAssembly is forbidden there, so the module is
// imported, and the bundler compiles it when it deploys.
import {load} from 'mobilenet-cpp';
import module from 'mobilenet-cpp/mobilenet.wasm';
import packed from './model.mnet';

let model; // one for all requests of an isolate

const statuses = {unsupported: 415, invalid_image: 422, image_too_large: 413, invalid_argument: 400};

export default {
  async fetch(request) {
    if (request.method !== 'POST') return Response.json({error: 'method: expected POST'}, {status: 405});
    const top = Number(new URL(request.url).searchParams.get('top') ?? 3);
    try {
      model ??= await load({module, model: packed});
      return Response.json({results: await model.classify(await request.arrayBuffer(), top)});
    } catch (failed) {
      return Response.json({error: failed.message}, {status: statuses[failed.code] ?? 500});
    }
  },
};
