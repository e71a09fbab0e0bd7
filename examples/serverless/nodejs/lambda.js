// AWS Lambda, runtime nodejs18.x to nodejs22.x, handler lambda.handler. Events: a function URL's or API Gateway's request
// with the file as its body, or {"image": base64, "top": 3}.
const {join} = require('node:path');
const {load} = require('mobilenet-cpp');

const model = load({model: join(__dirname, 'model.mnet')});
model.catch(() => {}); // the handler reports it

const statuses = {unsupported: 415, invalid_image: 422, image_too_large: 413, invalid_argument: 400, io_error: 503};
const answer = (statusCode, body) => ({
  statusCode,
  headers: {'content-type': 'application/json'},
  body: JSON.stringify(body),
});

exports.handler = async (event) => {
  const isHttp = event.requestContext !== undefined;
  const encoded = isHttp ? (event.body ?? '') : (event.image ?? '');
  const top = Number((isHttp ? event.queryStringParameters?.top : event.top) ?? 3);
  const file = Buffer.from(encoded, isHttp && !event.isBase64Encoded ? 'latin1' : 'base64');
  try {
    const results = await (await model).classify(file, top);
    return isHttp ? answer(200, {results}) : {results};
  } catch (failed) {
    console.error(failed.message);
    if (!isHttp) throw failed;
    return answer(statuses[failed.code] ?? 500, {error: failed.message});
  }
};
