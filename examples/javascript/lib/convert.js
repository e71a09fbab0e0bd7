// A TensorFlow.js model to a packed one.
import {invalidArgument} from './error.js';
import {Instance} from './instance.js';
import {kinds} from './model.js';

const applications = ['mobilenet', 'nsfwjs', 'teachable_machine'];

const indexIn = (names, field, value) => {
  const index = names.indexOf(value);
  if (index < 0) throw invalidArgument(`${field}: found ${JSON.stringify(value)}, expected one of ${names.join(', ')}`);
  return index;
};

const labelsText = (labels) => (Array.isArray(labels) ? JSON.stringify(labels) : String(labels));

// In an instance of its own: converting takes several times the model's memory, and an instance keeps what it took.
export const convertFiles = (module, files, options) => {
  const instance = new Instance(module);
  for (const [name, bytes] of files) {
    instance.withText(name, (namePointer, nameSize) =>
      instance.with(bytes, (pointer, size) => instance.call('add_file', namePointer, nameSize, pointer, size)),
    );
  }
  const {labels, output, application, kind, inputRange, inputSize} = options;
  if (labels != null) instance.withText(labelsText(labels), (p, size) => instance.call('set_labels', p, size));
  if (output != null) instance.withText(output, (p, size) => instance.call('set_output', p, size));
  if (application != null) {
    instance.check('set_application', indexIn(applications, 'application', application));
  }
  if (kind != null) instance.check('set_kind', indexIn(kinds, 'kind', kind));
  if (inputRange != null) instance.call('set_range', Number(inputRange[0]), Number(inputRange[1]));
  if (inputSize != null) {
    if (!Number.isInteger(inputSize) || inputSize < 1 || inputSize >= 2 ** 32) {
      throw invalidArgument(`inputSize: found ${inputSize}, expected a whole number from 1 on`);
    }
    instance.call('set_input_size', inputSize);
  }
  instance.check('convert');
  return instance.view('converted').slice();
};
