// Sends one photo as CloudEvents and reads the answers, all with the cloudevents package: an encoder and a decoder that
// are not ours. Prints what went wrong, and ends with 1 if anything did.
//   node cloudevents_client.js URL PHOTO
const assert = require("assert");
const fs = require("fs");
const { CloudEvent, HTTP } = require("cloudevents");

const [url, path] = process.argv.slice(2);
const photo = fs.readFileSync(path);

async function send({ headers, body }) {
  const response = await fetch(url, { method: "POST", headers, body });
  const answer = { headers: Object.fromEntries(response.headers), body: await response.text() };
  assert.strictEqual(response.status, 200, answer.body);
  return HTTP.toEvent(answer);
}

function check(answer, sent) {
  assert(answer.validate());
  assert.strictEqual(answer.specversion, "1.0");
  assert.strictEqual(answer.inreplyto, sent.id);
  assert.notStrictEqual(answer.id, sent.id);
  assert.strictEqual(answer.datacontenttype, "application/json");
  const data = typeof answer.data === "string" ? JSON.parse(answer.data) : answer.data;
  assert.strictEqual(data.results.length, 3);
  assert(data.results[0].probability >= data.results[1].probability);
  assert(data.timings.main > 0);
  return answer.id;
}

(async () => {
  const common = { type: "com.example.photo", source: "https://example.com/cameras/7", subject: "caf\u00e9", time: new Date().toISOString() };
  const ids = new Set();
  for (const fields of [
    { datacontenttype: "image/jpeg", data: photo },
    { datacontenttype: "application/json", data: { image: photo.toString("base64") } },
  ]) {
    const event = new CloudEvent({ ...common, ...fields });
    for (const message of [HTTP.binary(event), HTTP.structured(event)]) ids.add(check(await send(message), event));
  }
  assert.strictEqual(ids.size, 4);
  console.log("ok: binary and structured mode, with an image and with JSON");
})().catch(error => {
  console.error(error);
  process.exit(1);
});
