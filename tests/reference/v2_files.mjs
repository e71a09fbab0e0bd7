// Reading and writing models for make_v2_answers.mjs and make_v2_teachable_machine.mjs.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/// A model as TensorFlow.js's io.fromMemory() takes it. `change` receives the parsed model.json.
export function readArtifacts(path, change = (json) => json) {
  const json = change(JSON.parse(readFileSync(join(path, 'model.json'), 'utf8')));
  const bytes = Buffer.concat(json.weightsManifest.flatMap((g) => g.paths).map((p) => readFileSync(join(path, p))));
  return {
    ...json,
    weightSpecs: json.weightsManifest.flatMap((g) => g.weights),
    weightData: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
  };
}

/// Writes what a save handler receives, without what only training reads, as make_v2_models.py does.
export function writeArtifacts(path, { modelTopology, weightSpecs, weightData }, weightsPath, extra = {}) {
  mkdirSync(path, { recursive: true });
  const model = { modelTopology, ...extra, weightsManifest: [{ paths: [weightsPath], weights: weightSpecs }] };
  const unread = /_(initializer|regularizer|constraint)$|^(trainable|momentum|sparse)$/;
  const text = JSON.stringify(model, (key, value) => (unread.test(key) ? undefined : value));
  writeFileSync(join(path, 'model.json'), text + '\n');
  writeFileSync(join(path, weightsPath), Buffer.from(weightData));
}
