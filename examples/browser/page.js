// Classifies photos and the camera's picture in the page. The folder has the npm package in mobilenet-cpp/ and model.mnet.
import {load} from './mobilenet-cpp/lib/browser.js';

const element = (id) => document.getElementById(id);
const [picture, video, status] = ['picture', 'video', 'status'].map(element);
const shown = 5;

let model;
let stream;

const say = (text, isError = false) => {
  status.textContent = text;
  status.classList.toggle('error', isError);
};

const show = (predictions) =>
  element('classes').replaceChildren(
    ...predictions.map(({className, probability}) => {
      const bar = Object.assign(document.createElement('div'), {className: 'bar'});
      const name = Object.assign(document.createElement('span'), {textContent: className});
      const meter = Object.assign(document.createElement('meter'), {value: probability});
      const percent = Object.assign(document.createElement('span'), {
        textContent: `${(100 * probability).toFixed(1)} %`,
      });
      bar.append(name, meter, percent);
      return bar;
    }),
  );

// Returns the milliseconds that it took.
const classify = async (image) => {
  const start = performance.now();
  const predictions = await model.classify(image, shown);
  const ms = performance.now() - start;
  show(predictions);
  return ms;
};

const stopCamera = () => {
  stream?.getTracks().forEach((track) => track.stop());
  stream = undefined;
  video.hidden = true;
  element('camera').textContent = 'Use the camera';
};

const classifyFile = async (file) => {
  stopCamera();
  URL.revokeObjectURL(picture.src);
  picture.src = URL.createObjectURL(file);
  picture.hidden = false;
  // The browser decodes what it can, and rotates; the module does the rest with a reason for what it cannot read.
  const image = await createImageBitmap(file).catch(async () => file.arrayBuffer());
  say(`${(await classify(image)).toFixed(1)} ms`);
};

const camera = async () => {
  stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: 'environment'}});
  video.srcObject = stream;
  await video.play();
  picture.hidden = true;
  video.hidden = false;
  element('camera').textContent = 'Stop the camera';
  let last = performance.now();
  const next = async () => {
    if (stream === undefined) return;
    const ms = await classify(video);
    const now = performance.now();
    say(`${ms.toFixed(1)} ms, ${(1000 / (now - last)).toFixed(0)} frames a second`);
    last = now;
    requestAnimationFrame(() => next().catch(report));
  };
  await next();
};

const isModelFile = (file) => /\.(mnet|json|bin)$/.test(file.name) || /^(weights|group\d+-shard)/.test(file.name);

const take = async (files) => {
  if (files.length === 0) return;
  if (!files.some(isModelFile)) return classifyFile(files[0]);
  say('Loading the model …');
  model = await load({model: files});
  element('classes').replaceChildren();
  say(`${model.classCount} classes: ${model.labels.slice(0, 4).join(', ')} …`);
};

const report = (failed) => say(failed.message, true);

element('files').addEventListener('change', (event) => take([...event.target.files]).catch(report));
element('camera').addEventListener('click', () => (stream === undefined ? camera().catch(report) : stopCamera()));
const drop = element('drop');
for (const kind of ['dragover', 'dragleave', 'drop']) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle('over', kind === 'dragover');
    if (kind === 'drop') take([...event.dataTransfer.files]).catch(report);
  });
}

load({model: 'model.mnet'}).then((loaded) => {
  model = loaded;
  say(`${model.classCount} classes: ${model.labels.slice(0, 4).join(', ')} …`);
}, report);
