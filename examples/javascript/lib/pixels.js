// What a caller may pass as an image: the bytes of a file, pixels, or something that a browser draws.
import {asBytes, isBytes} from './bytes.js';
import {invalidArgument} from './error.js';

const formats = {1: 4, 3: 0, 4: 2}; // mobilenet::pixel_format by bytes a pixel: grey, rgb, rgba

const isDrawable = (image) =>
  [
    'HTMLImageElement',
    'SVGImageElement',
    'HTMLVideoElement',
    'HTMLCanvasElement',
    'OffscreenCanvas',
    'ImageBitmap',
    'VideoFrame',
  ].some((name) => typeof globalThis[name] === 'function' && image instanceof globalThis[name]);

const sizeOf = (drawable) => [
  drawable.naturalWidth ?? drawable.videoWidth ?? drawable.displayWidth ?? drawable.width,
  drawable.naturalHeight ?? drawable.videoHeight ?? drawable.displayHeight ?? drawable.height,
];

let canvas; // one for all, because a camera's picture is drawn thirty times a second
const drawn = (drawable) => {
  const [width, height] = sizeOf(drawable);
  if (!(width > 0 && height > 0)) throw invalidArgument('image: it has no pixels yet; wait for its "load" event');
  if (canvas === undefined || canvas.width !== width || canvas.height !== height) {
    canvas =
      typeof OffscreenCanvas === 'function'
        ? new OffscreenCanvas(width, height)
        : Object.assign(document.createElement('canvas'), {width, height});
  }
  const context = canvas.getContext('2d', {willReadFrequently: true});
  context.clearRect(0, 0, width, height);
  context.drawImage(drawable, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
};

// A Tensor3D of TensorFlow.js: height, width, channels; 0 to 255.
const tensorPixels = (tensor) => {
  const [height, width] = tensor.shape;
  return {data: Uint8ClampedArray.from(tensor.dataSync()), width, height};
};

/**
 * {file: Uint8Array}, or {data: Uint8Array, width, height, format}.
 * @throws MobileNetError invalid_argument
 */
export const readImage = (image) => {
  if (isBytes(image)) return {file: asBytes(image)};
  if (image === null || typeof image !== 'object') {
    throw invalidArgument(
      `image: found ${image === null ? 'null' : typeof image}, expected the bytes of a file, ` +
        '{data, width, height} or an element of the page',
    );
  }
  if (isDrawable(image)) image = drawn(image);
  if (typeof image.dataSync === 'function' && image.shape?.length === 3) image = tensorPixels(image);
  const {data, width, height} = image;
  if (!isBytes(data)) throw invalidArgument('image: data: expected a Uint8Array or a Uint8ClampedArray');
  for (const [name, value] of [
    ['width', width],
    ['height', height],
  ]) {
    if (!Number.isInteger(value) || value < 1 || value >= 2 ** 32) {
      throw invalidArgument(`image: ${name}: found ${value}, expected a whole number from 1 on`);
    }
  }
  const bytes = asBytes(data);
  const format = formats[bytes.byteLength / (width * height)];
  if (format === undefined) {
    throw invalidArgument(
      `image: data has ${bytes.byteLength} bytes, expected 1, 3 or 4 for each of ` + `${width} x ${height} pixels`,
    );
  }
  return {data: bytes, width, height, format};
};
