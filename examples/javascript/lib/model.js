// A model made ready to classify: what load() returns.
import {MobileNetError, invalidArgument} from './error.js';
import {Instance} from './instance.js';
import {readImage} from './pixels.js';

const transparencies = ['drop', 'black', 'white']; // mobilenet::alpha_mode
export const kinds = ['features', 'classes', 'values']; // mobilenet::output_kind
const quantity = {output: 0, scores: 1, embedding: 2};

export class MobileNet {
  #instance;
  #labels;
  #decode;

  /** @param imagenetLabels  () => names, for a model of 1000 classes without names of its own */
  constructor(module, packed, options, imagenetLabels) {
    const instance = new Instance(module);
    instance.check('open', instance.copyIn(packed), packed.byteLength);
    const facts = instance.uint32s(instance.call('facts'), 13);
    this.inputShape = Object.freeze([...facts.slice(0, 3)]);
    this.outputShape = Object.freeze([...facts.slice(10, 13)]);
    this.kind = kinds[facts[3]];
    this.classCount = facts[5];
    this.#labels =
      facts[6] > 0
        ? Array.from({length: facts[6]}, (_, i) => instance.text('label', i))
        : this.classCount === 1000
          ? imagenetLabels()
          : [];
    this.#decode = decodeOptions(options);
    this.#instance = instance;
  }

  /** The names of the classes; empty for a model without. */
  get labels() {
    return [...this.#labels];
  }

  async classify(image, topk = 3) {
    if (!Number.isInteger(topk) || topk < 1) {
      throw invalidArgument(`topk: found ${topk}, expected a whole number from 1 on`);
    }
    if (this.kind !== 'classes') {
      throw new MobileNetError(
        'unsupported',
        `the model has no classes: it computes ${this.outputShape.join('x')} ${this.kind}`,
      );
    }
    const instance = this.#prepare(image);
    instance.call('compute', quantity.output);
    return this.#ranked(instance, Math.min(topk, this.classCount));
  }

  async infer(image, embedding = false) {
    return this.#values(image, embedding ? quantity.embedding : quantity.scores);
  }

  /** The network's whole output; for a model of classes their probabilities. */
  async predict(image) {
    return this.#values(image, quantity.output);
  }

  /** Bytes of the instance's memory. They are the garbage collector's when nothing refers to the model. */
  get memoryBytes() {
    return this.#instance === undefined ? 0 : this.#instance.exports.memory.buffer.byteLength;
  }

  dispose() {
    this.#instance = undefined;
  }

  #ranked(instance, count) {
    const found = instance.allocate(4);
    const pointer = instance.call('top', count, found);
    const length = instance.uint32s(found, 1)[0];
    instance.call('release', found);
    const indices = instance.uint32s(pointer, 2 * length);
    const probabilities = instance.float32s(pointer, 2 * length);
    return Array.from({length}, (_, i) => ({
      className: this.#labels[indices[2 * i]] ?? String(indices[2 * i]),
      probability: probabilities[2 * i + 1],
    }));
  }

  #values(image, what) {
    const instance = this.#prepare(image);
    const facts = instance.uint32s(instance.call('facts'), 10);
    const [classOffset, length] = [facts[4], facts[7 + what]];
    if (length === 0) {
      throw new MobileNetError('unsupported', 'the model has no pooling layer whose activation could be an embedding');
    }
    const values = instance.float32s(instance.call('compute', what), length);
    // As TensorFlow.js's MobileNet does, without the background class.
    return values.slice(what === quantity.embedding ? 0 : classOffset);
  }

  // Fills the network's input.
  #prepare(image) {
    const instance = this.#instance;
    if (instance === undefined) throw invalidArgument('the model was disposed of');
    const {file, data, width, height, format} = readImage(image);
    if (file === undefined) {
      instance.with(data, (pointer) => instance.check('preprocess', pointer, width, height, format));
      return instance;
    }
    const {upright, alpha, maxPixels} = this.#decode;
    instance.with(file, (pointer, size) => instance.check('decode', pointer, size, upright, alpha, maxPixels));
    const [pixels, decodedWidth, decodedHeight] = instance.uint32s(instance.call('decoded'), 3);
    instance.check('preprocess', pixels, decodedWidth, decodedHeight, 0);
    instance.call('drop_pixels');
    return instance;
  }
}

const decodeOptions = ({exifOrientation = false, transparency = 'drop', maxPixels = 64_000_000}) => {
  const alpha = transparencies.indexOf(transparency);
  if (alpha < 0) {
    throw invalidArgument(
      `transparency: found ${JSON.stringify(transparency)}, expected one of ` + transparencies.join(', '),
    );
  }
  if (!(maxPixels >= 1 && maxPixels <= 2 ** 53)) {
    throw invalidArgument(`maxPixels: found ${maxPixels}, expected a number from 1 on`);
  }
  return {upright: exifOrientation ? 1 : 0, alpha, maxPixels};
};
