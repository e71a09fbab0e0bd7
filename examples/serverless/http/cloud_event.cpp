#include "cloud_event.hpp"

#include "../json.hpp"
#include "../log.hpp"

#include <utility>

namespace serverless {

namespace {

constexpr std::string_view source = "/mobilenet/classify";
constexpr std::string_view type = "io.github.mobilenet-cpp.classified";

failure missing(std::string_view attribute) {
  return {kind::invalid_request,
          "CloudEvent: found no attribute \"" + std::string(attribute) + "\", which is required"};
}
failure wrong_version(std::string_view found) {
  return {kind::invalid_request, "CloudEvent: specversion: found " + shown(found) + ", expected \"1.0\""};
}

outcome<held_request> image_of_structured(std::string body, cloud_event& event, const settings& s) {
  auto parsed = json_document::parse(std::move(body), "CloudEvent");
  if (!parsed) return parsed.error();
  json_value& root = parsed->root();
  if (!root.IsObject())
    return failure{kind::invalid_request, "CloudEvent: found " + std::string(type_name(root)) + ", expected an object"};
  for (const std::string_view attribute : {"specversion", "id", "source", "type"})
    if (text_member(root, attribute).empty()) return missing(attribute);
  if (text_member(root, "specversion") != "1.0") return wrong_version(text_member(root, "specversion"));
  if (!is_utf8(text_member(root, "id")))
    return failure{kind::invalid_request,
                   "CloudEvent: id: found bytes that are not UTF-8, and the answer repeats them"};
  event.id = to_json(*find(root, "id"));

  const std::string_view content_type = text_member(root, "datacontenttype");
  const auto received = clock::now();
  if (json_value* encoded = find(root, "data_base64"); encoded != nullptr) {
    if (!encoded->IsString())
      return failure{kind::invalid_request,
                     "CloudEvent: data_base64: found " + std::string(type_name(*encoded)) + ", expected a string"};
    auto bytes = decode_base64_field(writable_text(*encoded), "CloudEvent: data_base64");
    if (!bytes) return bytes.error();
    // The data may itself be JSON or a form: the same rules as for a body.
    return image_of_body(content_type, {reinterpret_cast<const char*>(bytes->data()), bytes->size()}, s);
  }
  json_value* data = find(root, "data");
  if (data == nullptr || data->IsNull())
    return failure{kind::missing_image, "CloudEvent: found neither data nor data_base64"};
  held_request held;
  auto request = image_of_parameters(*data, s);
  if (!request) return failure{request.error().what, "CloudEvent: data: " + request.error().message};
  held.request = *request;
  held.request.received = received;
  held.json.emplace(std::move(*parsed));
  return held;
}

}  // namespace

event_mode mode_of(const http_request& request) {
  const std::string media = media_type(request.header("Content-Type"));
  if (media.starts_with("application/cloudevents")) return event_mode::structured;
  return request.header("ce-specversion").empty() && request.header("ce-id").empty() ? event_mode::none
                                                                                     : event_mode::binary;
}

outcome<held_request> image_of_event(http_request& request, cloud_event& event, const settings& s) {
  event.mode = mode_of(request);
  const std::string_view content_type = request.header("Content-Type");
  if (event.mode == event_mode::structured) {
    const std::string media = media_type(content_type);
    if (media != "application/cloudevents+json" && media != "application/cloudevents")
      return failure{kind::unsupported_media_type,
                     "Content-Type: found " + shown(media) + ", expected application/cloudevents+json for an event"};
    return image_of_structured(std::move(request.body), event, s);
  }
  for (const std::string_view attribute : {"specversion", "id", "source", "type"})
    if (request.header("ce-" + std::string(attribute)).empty()) return missing(attribute);
  if (request.header("ce-specversion") != "1.0") return wrong_version(request.header("ce-specversion"));
  event.id = request.header("ce-id");
  return image_of_body(content_type, std::move(request.body), s);
}

http_response event_response(const cloud_event& asked, const std::string& result_json) {
  const std::string id = new_id();  // source and id together must be unique
  http_response response;
  if (asked.mode == event_mode::binary) {
    response.body = result_json;
    response.headers.append("ce-specversion: 1.0\r\nce-id: ").append(id);
    response.headers.append("\r\nce-source: ").append(source).append("\r\nce-type: ").append(type);
    response.headers.append("\r\nce-inreplyto: ").append(asked.id).append("\r\n");
    return response;
  }
  response.content_type = "application/cloudevents+json; charset=utf-8";
  response.body.append("{\"specversion\":\"1.0\",\"id\":\"").append(id);
  response.body.append("\",\"source\":\"").append(source).append("\",\"type\":\"").append(type);
  response.body.append("\",\"inreplyto\":").append(asked.id);
  response.body.append(",\"datacontenttype\":\"application/json\",\"data\":").append(result_json).append("}");
  return response;
}

}  // namespace serverless
