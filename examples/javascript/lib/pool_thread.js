// One thread of a pool: a model, and a message for each call.
import {parentPort, workerData} from 'node:worker_threads';

import {fatalCodes} from './error.js';
import {MobileNet} from './model.js';

const {module, packed, options, labels} = workerData;

const failure = ({code, message}) => ({code: code ?? 'internal', message});

try {
  const model = new MobileNet(module, packed, options, () => labels);
  const {inputShape, outputShape, kind, classCount} = model;
  parentPort.postMessage({value: {inputShape, outputShape, kind, classCount, labels: model.labels}});
  parentPort.on('message', async ([method, args]) => {
    try {
      parentPort.postMessage({value: await model[method](...args)});
    } catch (failed) {
      parentPort.postMessage(failure(failed));
      if (fatalCodes.includes(failure(failed).code)) parentPort.close();
    }
  });
} catch (failed) {
  parentPort.postMessage(failure(failed));
  parentPort.close();
}
