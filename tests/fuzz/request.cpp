// A request to the serverless handler. The first byte chooses the parser, the first line is the header's value.
#include "target.hpp"

#include "base64.hpp"
#include "http/cloud_event.hpp"
#include "json.hpp"
#include "request.hpp"

#include <string>

namespace {

using namespace serverless;

void read_request(outcome<held_request> held) {
  if (!held) {
    fuzz::check_message(held.error().message);
    return;
  }
  const held_request moved = std::move(*held);  // its spans must survive that
  fuzz::read_all(moved.request.image);
  fuzz::require(moved.request.top >= 1 && moved.request.top <= 1000);
}

void read_event(std::string_view content_type, std::string_view body, bool binary) {
  http_request request{.method = "POST", .path = "/", .query = {}, .header = {}, .body = std::string(body)};
  request.header = [=](std::string_view name) -> std::string_view {
    if (name == "Content-Type" || name == "content-type") return content_type;
    if (!binary) return {};
    if (equal_ignoring_case(name, "ce-specversion")) return "1.0";
    if (equal_ignoring_case(name, "ce-id")) return content_type;
    return name.starts_with("ce-") ? "x" : std::string_view{};
  };
  cloud_event event;
  event.mode = mode_of(request);
  if (event.mode == event_mode::none) return;
  read_request(image_of_event(request, event, {}));
  fuzz::require(!event_response(event, "{\"results\":[]}").body.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::string_view line = rest.substr(0, rest.find('\n'));
  rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : rest.size());
  const settings s;
  switch (data[0] % 6) {
    case 0: read_request(image_of_body("application/json", std::string(rest), s)); break;
    case 1: read_request(image_of_body(line, std::string(rest), s)); break;
    case 2: read_event("application/cloudevents+json", rest, false); break;
    case 3: read_event(line, rest, true); break;
    case 4: {
      std::string text(rest);
      if (auto bytes = decode_base64_field(text, "image")) fuzz::read_all(*bytes);
      break;
    }
    default:
      static_cast<void>(parse_top(query_parameter(line, "top")));
      static_cast<void>(media_type(line));
      if (auto parsed = json_document::parse(std::string(rest), "line"))
        if (auto request = image_of_parameters(parsed->root(), s)) fuzz::read_all(request->image);
  }
  return 0;
}
