/** Bytes of any kind. They are copied. */
export type Bytes = ArrayBuffer | SharedArrayBuffer | ArrayBufferView;

/** 8-bit pixels, rows from top to bottom: 1 (grey), 3 (RGB) or 4 (RGBA) bytes a pixel. Alpha is ignored. */
export interface Pixels {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}

/** What TensorFlow.js calls a Tensor3D: height, width and channels, values from 0 to 255. */
export interface PixelTensor {
  shape: number[];
  dataSync(): ArrayLike<number>;
}

/** What a browser can draw: <img>, <video>, <canvas>, an ImageBitmap, a VideoFrame. */
export interface Drawable {
  readonly width: number | object;
  readonly height: number | object;
}

/** Bytes of a JPEG, PNG or BMP file; pixels; or, in a browser, something that it draws. */
export type ImageInput = Bytes | Pixels | PixelTensor | Drawable;

/**
 * Where a model is. An address or path of a model.json, of the folder that has it, or of an .mnet; the bytes of an .mnet;
 * files by name (model.json, its shards, metadata.json, labels.txt), also as a list of File; or TensorFlow.js's IOHandler.
 */
export type ModelInput =
  | string
  | URL
  | Bytes
  | Record<string, Bytes | Blob | string>
  | Map<string, Bytes | Blob | string>
  | ArrayLike<Blob & {readonly name: string}>
  | {load(): Promise<unknown>};

/** How a model.json is converted. What is left open is decided by the model's files. */
export interface ConvertOptions {
  /** Whose preprocessing. Default: teachable_machine if metadata.json is there, otherwise mobilenet. */
  application?: 'mobilenet' | 'nsfwjs' | 'teachable_machine';
  /** The values of black and white pixels. Default: those of the application. */
  inputRange?: [number, number];
  /** Height and width, for a model that leaves them open. */
  inputSize?: number;
  /** Class names: a list, or a text with one a line. */
  labels?: string[] | string;
  /** The name of an output, for a model with several. */
  output?: string;
  /** What the output is, if the model does not end in a softmax. */
  kind?: 'features' | 'classes' | 'values';
  /** A compiled mobilenet.wasm. Needed where the runtime forbids compiling (Cloudflare Workers). */
  module?: WebAssembly.Module;
}

export interface LoadOptions extends ConvertOptions {
  /** Which of the published MobileNets, without model and modelUrl: version 1, alpha 0.25, 0.50, 0.75 or 1.0 (1.0). */
  version?: number;
  alpha?: number;
  modelUrl?: ModelInput;
  /** The same as modelUrl; shorter to read where it is not an address. */
  model?: ModelInput;
  /** Rotate photos by their EXIF orientation (false, as TensorFlow.js). */
  exifOrientation?: boolean;
  /** What lies under the transparent pixels of a PNG (drop: the colours as stored). */
  transparency?: 'drop' | 'black' | 'white';
  /** Node.js: compute calls side by side on this many threads, each with an instance of its own (none). */
  workers?: number;
  /** Files of larger images are refused before they are decoded (64 million). */
  maxPixels?: number;
}

export interface Prediction {
  className: string;
  probability: number;
}

/** A model in an instance of its own of mobilenet.wasm. */
export class MobileNet {
  private constructor();
  /** Height, width, channels. */
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly kind: 'features' | 'classes' | 'values';
  /** 0 for a model without classes. */
  readonly classCount: number;
  readonly labels: string[];
  /** Bytes of the instance's memory, 0 after dispose(). Undefined for a model with workers. */
  readonly memoryBytes: number | undefined;
  /** The most probable classes, most probable first. Rejects with a MobileNetError. */
  classify(image: ImageInput, topk?: number): Promise<Prediction[]>;
  /** What the softmax reads, without the background class; or the embedding. */
  infer(image: ImageInput, embedding?: boolean): Promise<Float32Array>;
  /** The network's output: the probabilities of all classes, for a model of classes. */
  predict(image: ImageInput): Promise<Float32Array>;
  /** Not needed: the memory and the threads of a model that nothing refers to are released. */
  dispose(): void;
}

/** A failure. */
export class MobileNetError extends Error {
  private constructor();
  readonly code:
    | 'io_error'
    | 'not_a_model'
    | 'unsupported_version'
    | 'corrupt_model'
    | 'checksum_mismatch'
    | 'shape_mismatch'
    | 'unsupported'
    | 'out_of_memory'
    | 'invalid_argument'
    | 'invalid_image'
    | 'image_too_large'
    | 'backend_failure'
    | 'internal';
}

/** Loads a model. Rejects with a MobileNetError. */
export function load(options?: LoadOptions): Promise<MobileNet>;

/** The packed model (.mnet) of a TensorFlow.js model. Loading that later takes milliseconds. */
export function convert(model: ModelInput, options?: ConvertOptions): Promise<Uint8Array>;
