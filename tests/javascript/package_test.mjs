// The package as applications install it: npm pack, then an empty project with CommonJS, ES modules, TypeScript, a bundler.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after, test} from 'node:test';
import {gzipSync} from 'node:zlib';

import {installed, packageFolder, shipped, without} from './support.mjs';

const work = mkdtempSync(join(tmpdir(), 'mobilenet_npm_'));
after(() => rmSync(work, {recursive: true}));
const project = join(work, 'project');
const run = (program, ...args) =>
  execFileSync(program, args, {cwd: project, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']});
const write = (name, text) => writeFileSync(join(project, name), text);

const npm = (cwd, ...args) =>
  execFileSync('npm', [...args, '--offline', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    encoding: 'utf8',
    env: {...process.env, npm_config_cache: join(work, 'cache')},
  });

const image = join(shipped, 'samples/bag.png');
const printed = /^Bag 0\.\d+\n$/;
const body = `
  const model = await load({modelUrl: ${JSON.stringify(shipped)}});
  const [best] = await model.classify(readFileSync(${JSON.stringify(image)}));
  console.log(best.className, best.probability);`;

test('npm pack has every file and no other; npm install needs no network', () => {
  mkdirSync(project);
  const [packed] = JSON.parse(npm(work, 'pack', packageFolder, '--json'));
  const names = packed.files.map((file) => file.path).sort();
  const library = readdirSync(join(packageFolder, 'lib')).map((name) => `lib/${name}`);
  assert.deepEqual(
    names,
    [
      'LICENSE',
      'README.md',
      'THIRD_PARTY.txt',
      'imagenet_labels.txt',
      'index.d.cts',
      'index.d.ts',
      ...library,
      'mobilenet.wasm',
      'package.json',
    ].sort(),
  );
  const wasm = gzipSync(readFileSync(join(packageFolder, 'mobilenet.wasm')), {level: 9}).length;
  console.log(`tarball ${packed.size} bytes, unpacked ${packed.unpackedSize}, mobilenet.wasm ${wasm} in gzip`);
  assert.ok(packed.size <= 400_000, `${packed.size}`);
  assert.ok(wasm <= 200_000, `${wasm}`);
  const {dependencies, scripts} = JSON.parse(readFileSync(join(packageFolder, 'package.json')));
  assert.deepEqual([dependencies, scripts], [undefined, undefined]);
  write('package.json', '{"private": true}');
  npm(project, 'install', join(work, packed.filename));
  assert.ok(statSync(join(project, 'node_modules/mobilenet-cpp/mobilenet.wasm')).size > 100_000);
});

test('CommonJS', () => {
  write(
    'a.cjs',
    `
    const {readFileSync} = require('node:fs');
    const {load} = require('mobilenet-cpp');
    (async () => {${body}})();`,
  );
  assert.match(run(process.execPath, 'a.cjs'), printed);
});

test('ES modules', () => {
  write(
    'a.mjs',
    `
    import {readFileSync} from 'node:fs';
    import * as mobilenet from 'mobilenet-cpp';
    const {load} = mobilenet;${body}`,
  );
  assert.match(run(process.execPath, 'a.mjs'), printed);
});

test(
  'TypeScript: correct programs compile, wrong ones do not',
  {skip: without('typescript (tests/javascript/package.json)', installed('typescript') && installed('@types/node'))},
  () => {
    const tsc = (...args) =>
      run(
        process.execPath,
        join(installed('typescript'), 'bin/tsc'),
        '--noEmit',
        '--strict',
        '--lib',
        'es2022,dom',
        '--target',
        'es2022',
        '--typeRoots',
        join(installed('@types/node'), '..'),
        '--types',
        'node',
        ...args,
      );
    const program = `
      async function main(image: HTMLImageElement) {
        const model: MobileNet = await load({version: 1, alpha: 0.25, modelUrl: 'model.json'});
        const predictions: {className: string; probability: number}[] = await model.classify(image, 3);
        const embedding: Float32Array = await model.infer(new Uint8Array(3), true);
        await model.classify({data: new Uint8ClampedArray(4), width: 1, height: 1});
        const bytes: Uint8Array = await convert({'model.json': '{}', 'shard': new Uint8Array(4)});
        return [predictions, embedding, bytes];
      }
      void main;`;
    write('good.mts', `import {load, convert, MobileNet} from 'mobilenet-cpp';${program}`);
    write('good.cts', `import {load, convert, MobileNet} from 'mobilenet-cpp';${program}`);
    tsc('--module', 'nodenext', 'good.mts', 'good.cts');
    tsc('--module', 'esnext', '--moduleResolution', 'bundler', 'good.mts');
    write(
      'bad.mts',
      `import {load} from 'mobilenet-cpp'; void load({alpha: 'small'}).then((m) => m.classify('a.jpg'));`,
    );
    assert.throws(
      () =>
        execFileSync(
          process.execPath,
          [join(installed('typescript'), 'bin/tsc'), '--noEmit', '--strict', '--module', 'nodenext', 'bad.mts'],
          {cwd: project, stdio: 'pipe'},
        ),
      (failed) => /TS2322[^]*TS2345/.test(failed.stdout),
    );
  },
);

test(
  'esbuild: one file for Node, and one for a page',
  {skip: without('esbuild (tests/javascript/package.json)', installed('esbuild'))},
  () => {
    const esbuild = (...args) =>
      run(process.execPath, join(installed('esbuild'), 'bin/esbuild'), '--bundle', '--format=esm', ...args);
    esbuild('a.mjs', '--platform=node', '--outfile=out/lib/bundle.mjs', '--log-level=error');
    for (const name of ['mobilenet.wasm', 'imagenet_labels.txt']) {
      writeFileSync(join(project, 'out', name), readFileSync(join(packageFolder, name)));
    }
    assert.match(run(process.execPath, 'out/lib/bundle.mjs'), printed);
    write('page.mjs', `import {load} from 'mobilenet-cpp'; window.load = load;`);
    esbuild('page.mjs', '--platform=browser', '--outfile=out/page.js', '--log-level=error');
    const page = readFileSync(join(project, 'out/page.js'), 'utf8');
    assert.match(page, /new URL\("\.\.\/mobilenet\.wasm", import\.meta\.url\)/);
    assert.doesNotMatch(page, /node:fs/);
  },
);
