// Several instances of one model on threads of Node.js, with MobileNet's interface: load({workers: n}).
import {Worker} from 'node:worker_threads';

import {MobileNetError, fatalCodes, invalidArgument} from './error.js';
import {readImage} from './pixels.js';

// Threads of a pool that nobody refers to any more.
const abandoned = new FinalizationRegistry((threads) => threads.stop());

const disposed = () => invalidArgument('the model was disposed of');

/** The threads and the calls that wait for one. Refers to no pool, so that a pool can be collected. */
class Threads {
  #start;
  #workers = new Set();
  #idle = [];
  #waiting = [];

  constructor(data) {
    // Without the program's own options of node, of which --input-type and others fit no thread.
    const options = {workerData: data, execArgv: []};
    this.#start = () => new Worker(new URL('./pool_thread.js', import.meta.url), options);
  }

  /** Starts one thread. Resolves to the model's facts. */
  async add() {
    const worker = this.#start();
    this.#workers.add(worker);
    return new Promise((resolve, reject) => {
      worker.call = {resolve, reject};
      worker.on('message', (answer) => this.#answered(worker, answer));
      worker.on('error', (failed) => this.#ended(worker, failed));
      worker.on('exit', () => this.#ended(worker, disposed()));
    });
  }

  run(method, args) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({method, args, resolve, reject});
      this.#next();
    });
  }

  stop() {
    for (const worker of this.#workers) worker.terminate();
    this.#workers.clear();
    this.#idle.length = 0;
    for (const {reject} of this.#waiting.splice(0)) reject(disposed());
  }

  #next() {
    while (this.#idle.length > 0 && this.#waiting.length > 0) {
      const worker = this.#idle.pop();
      worker.call = this.#waiting.shift();
      worker.ref();
      worker.postMessage([worker.call.method, worker.call.args]);
    }
  }

  #answered(worker, {value, code, message}) {
    const {resolve, reject} = worker.call;
    worker.call = undefined;
    if (code === undefined) {
      worker.ready = true;
      resolve(value);
    } else {
      reject(new MobileNetError(code, message));
    }
    worker.unref(); // an idle thread does not keep the program running
    if (!worker.ready || fatalCodes.includes(code)) return; // it ends itself
    this.#idle.push(worker);
    this.#next();
  }

  // Another thread takes the place of one whose instance trapped. stop() forgets its threads before they end.
  #ended(worker, failed) {
    const known = this.#workers.delete(worker);
    const call = worker.call;
    worker.call = undefined;
    this.#idle = this.#idle.filter((other) => other !== worker);
    call?.reject(
      failed instanceof MobileNetError ? failed : new MobileNetError('internal', `worker: ${failed.message}`),
    );
    if (!known || !worker.ready) return;
    this.add().catch((error) => {
      if (this.#workers.size === 0) for (const {reject} of this.#waiting.splice(0)) reject(error);
    });
  }
}

export class MobileNetPool {
  #threads;
  #labels;

  static async create(count, data) {
    const threads = new Threads(data);
    try {
      const [facts] = await Promise.all(Array.from({length: count}, () => threads.add()));
      return new MobileNetPool(threads, facts, count);
    } catch (failed) {
      threads.stop();
      throw failed;
    }
  }

  constructor(threads, {labels, ...facts}, count) {
    Object.assign(this, facts, {workers: count});
    this.#labels = labels;
    this.#threads = threads;
    abandoned.register(this, threads, this);
  }

  get labels() {
    return [...this.#labels];
  }

  classify(image, topk = 3) {
    return this.#run('classify', image, topk);
  }
  infer(image, embedding = false) {
    return this.#run('infer', image, embedding);
  }
  predict(image) {
    return this.#run('predict', image);
  }

  dispose() {
    abandoned.unregister(this);
    this.#threads?.stop();
    this.#threads = undefined;
  }

  async #run(method, image, ...rest) {
    if (this.#threads === undefined) throw disposed();
    // What a thread cannot be sent, a tensor for instance, becomes pixels here.
    const {file, data, width, height} = readImage(image);
    // `this` stays reachable until the answer is there.
    const answer = await this.#threads.run(method, [file ?? {data, width, height}, ...rest]);
    return this && answer;
  }
}
