// One instance of mobilenet.wasm: its memory, its calls and its failures. wasm/module.hpp describes the interface.
import {MobileNetError} from './error.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

// What the C library imports. Nothing of it is needed to compute, and there are no files.
const wasiFor = (instance) => {
  const badFile = 8;
  return {
    proc_exit(status) {
      throw new Error(`mobilenet.wasm exited with status ${status}`);
    },
    environ_sizes_get(count, bytes) {
      const view = new DataView(instance.exports.memory.buffer);
      view.setUint32(count, 0, true);
      view.setUint32(bytes, 0, true);
      return 0;
    },
    environ_get: () => 0,
    fd_close: () => badFile,
    fd_seek: () => badFile,
    fd_write: () => badFile,
  };
};

export class Instance {
  /** @param {WebAssembly.Module} module */
  constructor(module) {
    const wasi = wasiFor(this);
    this.exports = new WebAssembly.Instance(module, {wasi_snapshot_preview1: wasi}).exports;
    this.exports._initialize();
  }

  /** Calls an export; a trap ends the instance. */
  call(name, ...args) {
    if (this.dead) throw this.dead;
    try {
      return this.exports[name](...args);
    } catch (trap) {
      const refused = this.exports.out_of_memory() >>> 0;
      this.dead =
        refused !== 0
          ? new MobileNetError('out_of_memory', `out of memory: no ${refused} bytes more. Load the model again`)
          : new MobileNetError(
              'internal',
              `mobilenet.wasm stopped in ${name}(): ${trap.message}. Load the model again`,
            );
      this.dead.cause = trap;
      throw this.dead;
    }
  }

  /** Calls an export that returns a status. */
  check(name, ...args) {
    if (this.call(name, ...args) !== 0) throw new MobileNetError(this.text('code'), this.text('message'));
  }

  /** Memory in the instance with a copy of the bytes; the caller releases it, or hands it over. */
  copyIn(bytes) {
    const pointer = this.allocate(bytes.byteLength);
    new Uint8Array(this.exports.memory.buffer, pointer, bytes.byteLength).set(bytes);
    return pointer;
  }

  allocate(size) {
    // A length of 2^32 and more would lose its upper bits as an argument.
    const pointer = size < 2 ** 32 ? this.call('allocate', size) >>> 0 : 0;
    if (pointer === 0) throw new MobileNetError('out_of_memory', `out of memory: no ${size} bytes`);
    return pointer;
  }

  /** f(pointer, size) with the bytes in the instance's memory. */
  with(bytes, f) {
    const pointer = this.copyIn(bytes);
    try {
      return f(pointer, bytes.byteLength);
    } finally {
      if (!this.dead) this.call('release', pointer);
    }
  }

  withText(text, f) {
    return this.with(encoder.encode(text), f);
  }

  uint32s(pointer, count) {
    return new Uint32Array(this.exports.memory.buffer, pointer >>> 0, count);
  }
  float32s(pointer, count) {
    return new Float32Array(this.exports.memory.buffer, pointer >>> 0, count);
  }

  /** A view of the bytes that an export's bytes_view refers to. */
  view(name, ...args) {
    const [data, size] = this.uint32s(this.call(name, ...args), 2);
    return new Uint8Array(this.exports.memory.buffer, data, size);
  }
  text(name, ...args) {
    return decoder.decode(this.view(name, ...args));
  }
}
