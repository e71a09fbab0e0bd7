// Where a model's bytes come from: an address, files by name, or TensorFlow.js's IOHandler.
import {asBytes, asText, isBytes} from './bytes.js';
import {MobileNetError, invalidArgument} from './error.js';

const magic = [0x89, 0x4d, 0x4e, 0x45, 0x54]; // "\x89MNET"
const isPacked = (bytes) => magic.every((value, i) => bytes[i] === value);

// Shards' names as model.json lists them. What is wrong with the file is for the converter to say.
const shardNames = (modelJson) => {
  try {
    const names = JSON.parse(asText(modelJson)).weightsManifest.flatMap((group) => group.paths);
    return [...new Set(names.filter((name) => typeof name === 'string'))];
  } catch {
    return [];
  }
};

// A model.json may be a stranger's: it must not name files outside its own folder, nor other servers.
const staysInFolder = (name) => {
  const decoded = [name];
  try {
    decoded.push(decodeURIComponent(name));
  } catch {
    // "100%": not an encoded name
  }
  return decoded.every(
    (path) => !/^[a-z][a-z0-9+.-]*:/i.test(path) && !/^[/\\]/.test(path) && !path.split(/[/\\]/).includes('..'),
  );
};

/** Files by name, from a function that reads one: (name) => Promise<Uint8Array>, or undefined if it does not exist. */
const filesOf = async (modelJson, read) => {
  const files = new Map([['model.json', modelJson]]);
  const names = shardNames(modelJson).filter(staysInFolder);
  const add = async (name) => {
    const bytes = await read(name);
    if (bytes !== undefined) files.set(name, bytes);
  };
  await Promise.all([...names, 'metadata.json', 'labels.txt'].map(add));
  return files;
};

const fromFiles = async (given) => {
  const entries =
    given instanceof Map
      ? [...given]
      : Array.isArray(given) || typeof given.item === 'function'
        ? Array.from(given, (file) => [file.name, file])
        : Object.entries(given);
  const files = new Map();
  for (const [name, content] of entries) {
    const bytes =
      typeof content === 'string'
        ? new TextEncoder().encode(content)
        : isBytes(content)
          ? asBytes(content)
          : typeof content?.arrayBuffer === 'function'
            ? asBytes(await content.arrayBuffer())
            : undefined;
    if (bytes === undefined) throw invalidArgument(`files: ${name}: expected bytes, a text or a Blob`);
    files.set(name.split('/').pop(), bytes);
    files.set(name, bytes);
  }
  const packed = [...files].find(([name]) => name.endsWith('.mnet'));
  return packed !== undefined ? {packed: packed[1]} : {files};
};

const fromHandler = async (handler) => {
  const {modelTopology, weightSpecs, weightData} = await handler.load();
  const shards = (Array.isArray(weightData) ? weightData : [weightData]).map(asBytes);
  const paths = shards.map((_, i) => `shard${i + 1}`);
  const json = JSON.stringify({modelTopology, weightsManifest: [{paths, weights: weightSpecs}]});
  return {files: new Map([['model.json', new TextEncoder().encode(json)], ...shards.map((s, i) => [paths[i], s])])};
};

const fetched = async (url, optional) => {
  let response;
  try {
    response = await fetch(url);
  } catch (failed) {
    throw new MobileNetError('io_error', `${url}: ${failed.cause?.message ?? failed.message}`);
  }
  if (response.ok) return new Uint8Array(await response.arrayBuffer());
  if (optional) return undefined;
  throw new MobileNetError('io_error', `${url}: HTTP status ${response.status}`);
};

const fromUrl = async (address) => {
  const url = new URL(address);
  if (url.pathname.endsWith('/')) url.pathname += 'model.json';
  const bytes = await fetched(url, false);
  if (isPacked(bytes)) return {packed: bytes};
  const read = (name) => {
    const file = new URL(name, url);
    file.search = url.search; // as TensorFlow.js does: signed addresses
    return fetched(file, true);
  };
  return {files: await filesOf(bytes, read)};
};

/** readPath: (path) => Promise<Uint8Array>, with undefined for a file that does not exist; Node has it. */
const fromPath = async (path, {readPath, isFolder}) => {
  const file = (await isFolder(path)) ? `${path.replace(/[/\\]$/, '')}/model.json` : path;
  const bytes = await readPath(file);
  if (bytes === undefined) throw new MobileNetError('io_error', `${file}: cannot open: No such file or directory`);
  if (isPacked(bytes)) return {packed: bytes};
  const folder = file.slice(0, Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
  const read = async (name) =>
    (await readPath(folder + name)) ?? (name.includes('%') ? readPath(folder + decodeURIComponent(name)) : undefined);
  return {files: await filesOf(bytes, read)};
};

/**
 * {packed: Uint8Array} or {files: Map<string, Uint8Array>}.
 * @param model  see load() in index.d.ts
 * @param host   readPath(), isFolder() and fromFileUrl() of a host with a file system; {base} for one with a page
 */
export const readSource = async (model, host) => {
  if (isBytes(model)) return {packed: asBytes(model)};
  if (typeof model === 'string' || model instanceof URL) {
    const text = String(model);
    if (/^(https?|data|blob):/i.test(text)) return fromUrl(text);
    if (host.readPath !== undefined) return fromPath(/^file:/i.test(text) ? host.fromFileUrl(text) : text, host);
    if (host.base !== undefined) return fromUrl(new URL(text, host.base));
    throw invalidArgument(`model: ${text}: this runtime has no files; pass its bytes, or an http(s) address`);
  }
  if (typeof model?.load === 'function') return fromHandler(model);
  if (model !== null && typeof model === 'object') return fromFiles(model);
  throw invalidArgument(`model: found ${model === null ? 'null' : typeof model}, expected an address, bytes or files`);
};
