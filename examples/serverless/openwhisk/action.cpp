#include "action.hpp"

#include "../log.hpp"
#include "../request.hpp"

#include <utility>

namespace serverless {

namespace {

constexpr std::string_view web_headers = "\"headers\":{\"content-type\":\"application/json\"}";

// Web actions get the request's method among their parameters; nobody else may pass a name that starts with __ow_.
bool is_web_action(json_value& parameters) { return find(parameters, "__ow_method") != nullptr; }

// The headers' names come in lower case.
std::string_view content_type_of(json_value& parameters) {
  json_value* headers = find(parameters, "__ow_headers");
  return headers == nullptr ? std::string_view{} : text_member(*headers, "content-type");
}

// Base64 where OpenWhisk took the body for binary, and otherwise text, which no image can be but JSON can.
outcome<held_request> image_of_web_body(json_value& parameters, json_value& body, const settings& s) {
  if (!body.IsString())
    return failure{kind::invalid_parameter, "__ow_body: found " + std::string(type_name(body)) + ", expected a string"};
  settings options = s;
  if (const auto top = query_parameter(text_member(parameters, "__ow_query"), "top"); !top.empty()) {
    auto parsed = parse_top(top);
    if (!parsed) return parsed.error();
    options.top = static_cast<unsigned>(*parsed);
  }
  const auto text = text_of(body);
  if (text.starts_with('{')) return image_of_body("application/json", std::string(text), options);
  auto bytes = decode_base64_field(writable_text(body), "__ow_body");
  if (!bytes) return bytes.error();
  return image_of_body(content_type_of(parameters), {reinterpret_cast<const char*>(bytes->data()), bytes->size()},
                       options);
}

outcome<std::string> classify(handler& h, json_value& parameters) {
  const auto received = clock::now();
  json_value* body = find(parameters, "__ow_body");
  if (body != nullptr && !body->IsNull() && find(parameters, "image") == nullptr) {
    auto held = image_of_web_body(parameters, *body, h.options());
    if (!held) return held.error();
    held->request.received = received;
    return h.classify(held->request);
  }
  auto request = image_of_parameters(parameters, h.options());
  if (!request) return request.error();
  request->received = received;
  return h.classify(*request);
}

std::string upper(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return result;
}

}  // namespace

whisk_action classifier_action(handler& h) {
  return {
      .initialize = [&h](std::string_view) { return h.load(); },
      .run = [&h](json_value& parameters) -> outcome<std::string> {
        const bool web = is_web_action(parameters);
        auto result = classify(h, parameters);
        if (!web) return result;
        if (result) return "{\"statusCode\":200," + std::string(web_headers) + ",\"body\":" + *result + '}';
        const failure& f = result.error();
        log_error(f.message);
        return "{\"error\":{\"statusCode\":" + std::to_string(f.status()) + ',' + std::string(web_headers) +
               ",\"body\":" + error_json(f.message) + "}}";
      },
  };
}

outcome<whisk_initialization> initialization_of(json_value& body) {
  const auto wrong = [](std::string_view field, const json_value& found, std::string_view expected) {
    return failure{kind::invalid_parameter, std::string(field) + ": found " + std::string(type_name(found)) +
                                                ", expected " + std::string(expected)};
  };
  whisk_initialization init;
  if (!body.IsObject()) return wrong("body", body, "an object");
  json_value* value = find(body, "value");
  if (value == nullptr || value->IsNull()) return init;
  if (!value->IsObject()) return wrong("value", *value, "an object");
  for (const std::string_view field : {"name", "main", "code"}) {
    const json_value* text = find(*value, field);
    if (text != nullptr && !text->IsNull() && !text->IsString())
      return wrong("value." + std::string(field), *text, "a string");
  }
  if (const json_value* binary = find(*value, "binary"); binary != nullptr && !binary->IsNull() && !binary->IsBool())
    return wrong("value.binary", *binary, "a boolean");
  if (const auto given = text_member(*value, "main"); !given.empty()) init.main = given;
  init.has_code = !text_member(*value, "code").empty();
  json_value* env = find(*value, "env");
  if (env == nullptr || env->IsNull()) return init;
  if (!env->IsObject()) return wrong("value.env", *env, "an object");
  for (const auto& member : members(*env))
    if (!environment::valid_name(text_of(member.name)))
      return failure{kind::invalid_parameter, "value.env: found the name " + shown(text_of(member.name)) +
                                                  ", expected one that can be an environment variable"};
  init.environment = env;
  return init;
}

std::string environment_text(const json_value& value) {
  if (value.IsNull()) return {};
  return value.IsString() ? std::string(text_of(value)) : to_json(value);
}

whisk_answer activate(const whisk_action& action, json_value& request, environment& context) {
  const auto refused = [](const std::string& message) {
    log_error(message);
    return whisk_answer{400, error_json(message)};
  };
  if (!request.IsObject()) return refused("body: found " + std::string(type_name(request)) + ", expected an object");
  context.clear();
  json_value none(rapidjson::kObjectType);
  json_value* parameters = &none;
  for (auto& member : members(request)) {
    const std::string_view name = text_of(member.name);
    if (name == "value") {
      parameters = &member.value;
      continue;
    }
    if (!environment::valid_name(name))
      return refused("body: found the key " + shown(name) + ", expected one that can be an environment variable");
    context.set("__OW_" + upper(name), environment_text(member.value));
  }
  const log_scope scope(
      {std::string(text_member(request, "activation_id")), std::string(text_member(request, "transaction_id")), {}});
  if (!parameters->IsObject()) return refused("The action did not receive a dictionary as an argument.");
  auto result = action.run(*parameters);
  if (!result) {
    log_error(result.error().message);
    return {200, error_json(result.error().message)};
  }
  if (!result->starts_with('{')) {
    log_error("The action did not return a dictionary.");
    return {502, error_json("The action did not return a dictionary.")};
  }
  return {200, std::move(*result)};
}

}  // namespace serverless
