// Byte arrays of any kind as Uint8Array, without a copy.

export const isBytes = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value) || isShared(value);

const isShared = (value) => typeof SharedArrayBuffer !== 'undefined' && value instanceof SharedArrayBuffer;

export const asBytes = (value) =>
  ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : new Uint8Array(value);

export const asText = (bytes) => new TextDecoder().decode(bytes);
