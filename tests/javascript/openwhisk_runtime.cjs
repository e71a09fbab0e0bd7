// A double of OpenWhisk's nodejs runtime (apache/openwhisk-runtime-nodejs): POST /init unpacks the action's zip and loads it
// as a package; POST /run calls main(parameters) and ends both logs with a marker line.
'use strict';

const {execFileSync} = require('node:child_process');
const {mkdtempSync, rmSync, writeFileSync} = require('node:fs');
const {createServer} = require('node:http');
const {tmpdir} = require('node:os');
const {join} = require('node:path');

const marker = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX';
const folder = mkdtempSync(join(tmpdir(), 'mobilenet_whisk_'));
process.on('SIGTERM', () => {
  rmSync(folder, {recursive: true});
  process.exit(0);
});

let action;
const paths = {
  '/init': async ({main, code, binary}) => {
    if (action !== undefined) return [403, {error: 'Cannot initialize the action more than once.'}];
    if (!binary) return [502, {error: 'expected a zip'}];
    writeFileSync(join(folder, 'action.zip'), Buffer.from(code, 'base64'));
    execFileSync('unzip', ['-q', 'action.zip'], {cwd: folder});
    action = require(folder)[main];
    return [200, {OK: true}];
  },
  '/run': async (parameters) => {
    const result = await action(parameters);
    console.log(marker);
    console.error(marker);
    return result !== null && typeof result === 'object'
      ? [200, result]
      : [502, {error: 'The action did not return a dictionary.'}];
  },
};

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const [status, body] = await paths[request.url](JSON.parse(Buffer.concat(chunks)).value).catch((failed) => [
    502,
    {error: `${failed.stack}`},
  ]);
  response.writeHead(status, {'content-type': 'application/json'}).end(JSON.stringify(body));
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
