#include "event.hpp"

#include "../log.hpp"
#include "../request.hpp"

#include <new>
#include <string_view>
#include <utility>

namespace serverless {

namespace {

// A header or parameter, whatever case its name is in. A load balancer may be told to send lists of values in place of
// values, and API Gateway's first format has both.
std::string_view member_of(json_value& event, std::string_view values, std::string_view lists, std::string_view name) {
  for (const std::string_view field : {values, lists}) {
    json_value* all = find(event, field);
    if (all == nullptr || !all->IsObject()) continue;
    for (auto& member : members(*all)) {
      if (!equal_ignoring_case(text_of(member.name), name)) continue;
      if (member.value.IsString()) return text_of(member.value);
      if (member.value.IsArray() && !member.value.Empty() && member.value[0].IsString())
        return text_of(member.value[0]);
    }
  }
  return {};
}

// The body of API Gateway's (both payload formats), a function URL's or a load balancer's event.
outcome<held_request> image_of_http_event(json_value& event, const settings& s) {
  settings options = s;
  if (const auto top = member_of(event, "queryStringParameters", "multiValueQueryStringParameters", "top");
      !top.empty()) {
    auto parsed = parse_top(top);
    if (!parsed) return parsed.error();
    options.top = static_cast<unsigned>(*parsed);
  }
  const std::string_view content_type = member_of(event, "headers", "multiValueHeaders", "content-type");

  json_value* body = find(event, "body");
  if (body == nullptr || body->IsNull())
    return failure{kind::missing_image, "body: found none, expected an image, a form or JSON"};
  if (!body->IsString())
    return failure{kind::invalid_parameter, "body: found " + std::string(type_name(*body)) + ", expected a string"};
  const json_value* encoded = find(event, "isBase64Encoded");
  if (encoded == nullptr || !encoded->IsTrue()) {
    const std::string text(text_of(*body));
    return image_of_body(text.starts_with('{') ? "application/json" : content_type, text, options);
  }
  auto bytes = decode_base64_field(writable_text(*body), "body");
  if (!bytes) return bytes.error();
  const std::string_view decoded(reinterpret_cast<const char*>(bytes->data()), bytes->size());
  return image_of_body(decoded.starts_with('{') ? "application/json" : content_type, std::string(decoded), options);
}

std::string http_answer(int status, const std::string& json, std::string_view more_headers = {}) {
  return "{\"statusCode\":" + std::to_string(status) + ",\"headers\":{\"content-type\":\"application/json\"" +
         std::string(more_headers) + "},\"body\":" + json_text(json) + ",\"isBase64Encoded\":false}";
}

// Whoever called over HTTP gets an HTTP answer, also when something was wrong with the request; only a direct
// invocation ends in an error of the function.
outcome<std::string> answer(handler& h, json_value& event) {
  const auto received = clock::now();
  json_value* context = find(event, "requestContext");
  if (const bool over_http = context != nullptr || find(event, "httpMethod") != nullptr; !over_http) {
    auto request = image_of_parameters(event, h.options());
    if (!request) return request.error();
    request->received = received;
    return h.classify(*request);
  }
  std::string_view method = text_member(event, "httpMethod");
  if (json_value* v2 = context == nullptr ? nullptr : find(*context, "http"); v2 != nullptr)
    method = text_member(*v2, "method");
  if (method != "POST")
    return http_answer(405, error_json("method: found " + shown(method) + ", expected POST"), ",\"allow\":\"POST\"");
  const auto failed = [](const failure& f) {
    log_error(f.message);
    return http_answer(f.status(), error_json(f.message));
  };
  auto held = image_of_http_event(event, h.options());
  if (!held) return failed(held.error());
  held->request.received = received;
  auto result = h.classify(held->request);
  return result ? http_answer(200, *result) : failed(result.error());
}

}  // namespace

outcome<std::string> answer_event(handler& h, std::string body) {
  if (body.size() > h.options().max_body)
    return failure{kind::body_too_large, "event: " + std::to_string(body.size()) + " bytes, expected at most " +
                                             std::to_string(h.options().max_body)};
  try {
    auto event = json_document::parse(std::move(body), "event");
    if (!event) return event.error();
    return answer(h, event->root());
  } catch (const std::bad_alloc&) {
    return failure{kind::out_of_memory, "no memory left for this event"};
  }
}

}  // namespace serverless
