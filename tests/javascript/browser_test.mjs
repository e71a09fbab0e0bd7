// examples/browser in headless Chromium: photos, a fake camera, a model dropped on the page; and the package's image
// arguments that only a browser has. With MOBILENET_SCREENSHOT it leaves a picture of the page there.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {createRequire} from 'node:module';
import {extname, join, normalize} from 'node:path';
import {after, before, test} from 'node:test';

import {convert, installed, packageFolder, root, sample, shipped} from './support.mjs';

const which = (names) =>
  names
    .map((name) => {
      try {
        return execFileSync('which', [name], {encoding: 'utf8'}).trim();
      } catch {
        return undefined;
      }
    })
    .find((path) => path !== undefined);
const executablePath = which(['chromium', 'chromium-browser', 'google-chrome']);
const missing =
  executablePath === undefined
    ? 'chromium'
    : installed('playwright-core') === undefined
      ? 'playwright-core (tests/javascript/package.json)'
      : undefined;
const options = {skip: missing === undefined ? false : `skipped: ${missing} is not there`};

const types = {'.html': 'text/html', '.js': 'text/javascript', '.wasm': 'application/wasm', '.txt': 'text/plain'};
let server;
let browser;
let address;

before(async () => {
  if (missing !== undefined) return;
  const packed = await convert(shipped);
  const folders = [
    [/^\/mobilenet-cpp\//, packageFolder],
    [/^\//, join(root, 'examples/browser')],
  ];
  server = createServer((request, response) => {
    const path = normalize(request.url === '/' ? '/index.html' : request.url);
    const [prefix, folder] = folders.find(([pattern]) => pattern.test(path));
    const file = join(folder, path.replace(prefix, ''));
    if (path !== '/model.mnet' && !existsSync(file)) return response.writeHead(404).end();
    response.writeHead(200, {'content-type': types[extname(path)] ?? 'application/octet-stream'});
    response.end(path === '/model.mnet' ? packed : readFileSync(file));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `http://127.0.0.1:${server.address().port}/`;
  const {chromium} = createRequire(import.meta.url)('playwright-core');
  browser = await launched(chromium);
});

// On a busy machine Chromium itself ends now and then while it opens its first page.
const launched = async (chromium, attempts = 3) => {
  const started = await chromium.launch({
    executablePath,
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
    ],
  });
  try {
    const page = await started.newPage();
    await page.goto(address);
    await page.close();
    return started;
  } catch (error) {
    await started.close();
    if (attempts === 1) throw error;
    return launched(chromium, attempts - 1);
  }
};
after(async () => {
  await browser?.close();
  server?.closeAllConnections();
  server?.close();
});

const opened = async () => {
  const page = await browser.newPage({viewport: {width: 760, height: 820}});
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on(
    'console',
    (message) => message.type() === 'error' && !/favicon/.test(message.location().url) && problems.push(message.text()),
  );
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(address)) problems.push(request.url());
  });
  await page.goto(address);
  await page.waitForFunction(() => document.querySelector('#status').textContent.startsWith('10 classes'));
  return [page, problems];
};
const names = (page) => page.$$eval('.bar span:first-child', (all) => all.map((span) => span.textContent));
const file = (path, name = path.split('/').pop()) => ({
  name,
  mimeType: 'application/octet-stream',
  buffer: readFileSync(path),
});

test('a photo, a file that is not an image, the camera, a model', options, async () => {
  const [page, problems] = await opened();
  const choose = (...files) => page.setInputFiles('#files', files);
  await choose({name: 'bag.png', mimeType: 'image/png', buffer: sample('bag')});
  await page.waitForSelector('.bar');
  assert.equal((await names(page))[0], 'Bag');
  assert.equal((await names(page)).length, 5);
  assert.match(await page.textContent('#status'), /^\d+\.\d ms$/);
  if (process.env.MOBILENET_SCREENSHOT) await page.screenshot({path: process.env.MOBILENET_SCREENSHOT});

  await choose({name: 'note.txt', mimeType: 'text/plain', buffer: Buffer.from('hello')});
  await page.waitForSelector('#status.error');
  assert.match(await page.textContent('#status'), /expected JPEG, PNG or BMP/);

  await page.click('#camera');
  await page.waitForFunction(() => /frames a second/.test(document.querySelector('#status').textContent));
  await page.click('#camera');
  assert.equal(await page.isVisible('#video'), false);

  await choose(file(join(shipped, 'model.json')), file(join(shipped, 'group1-shard1of1.bin')), {
    name: 'labels.txt',
    mimeType: 'text/plain',
    buffer: Buffer.from('a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n'),
  });
  await page.waitForFunction(() => document.querySelector('#status').textContent === '10 classes: a, b, c, d …');
  await choose({name: 'bag.png', mimeType: 'image/png', buffer: sample('bag')});
  await page.waitForSelector('.bar');
  assert.equal((await names(page))[0], 'i');
  assert.deepEqual(problems, []);
  await page.close();
});

test('img, canvas, OffscreenCanvas, ImageBitmap, ImageData and a file give one answer', options, async () => {
  const [page, problems] = await opened();
  const answers = await page.evaluate(async (base64) => {
    const {load} = await import('/mobilenet-cpp/lib/browser.js');
    const model = await load({model: 'model.mnet'});
    const img = Object.assign(new Image(), {src: `data:image/png;base64,${base64}`});
    await img.decode();
    const drawn = (canvas) => {
      canvas.getContext('2d').drawImage(img, 0, 0);
      return canvas;
    };
    const canvas = drawn(
      Object.assign(document.createElement('canvas'), {width: img.naturalWidth, height: img.naturalHeight}),
    );
    const images = {
      file: Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)),
      img,
      canvas,
      offscreen: drawn(new OffscreenCanvas(img.naturalWidth, img.naturalHeight)),
      bitmap: await createImageBitmap(img),
      data: canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height),
    };
    const found = [];
    for (const [name, image] of Object.entries(images)) found.push([name, await model.classify(image, 10)]);
    const empty = await model.classify(new Image()).catch((error) => error.code);
    return {found, empty};
  }, sample('bag').toString('base64'));
  assert.equal(answers.found[0][1][0].className, 'Bag');
  for (const [name, predictions] of answers.found) assert.deepEqual(predictions, answers.found[0][1], name);
  assert.equal(answers.empty, 'invalid_argument');
  assert.deepEqual(problems, []);
  await page.close();
});
