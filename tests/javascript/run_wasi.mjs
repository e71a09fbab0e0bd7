// Runs a WASI program with the sources, the reference data and a folder for temporary files:
//   node run_wasi.mjs program.wasm [arguments]
import {mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {WASI} from 'node:wasi';

const [, , file, ...rest] = process.argv;
const temporary = mkdtempSync(join(tmpdir(), 'mobilenet_wasi_'));
const source = process.env.MOBILENET_SOURCE_DIR;
const data = process.env.MOBILENET_TEST_DATA;
const wasi = new WASI({
  version: 'preview1',
  args: [file, ...rest],
  env: {TMPDIR: temporary, ...(data ? {MOBILENET_TEST_DATA: data} : {})},
  preopens: {[temporary]: temporary, [source]: source, ...(data ? {[data]: data} : {})},
  returnOnExit: true,
});
try {
  const module = await WebAssembly.compile(readFileSync(file));
  process.exitCode = wasi.start(await WebAssembly.instantiate(module, wasi.getImportObject()));
} finally {
  rmSync(temporary, {recursive: true, force: true});
}
