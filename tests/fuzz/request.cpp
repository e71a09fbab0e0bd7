// A request to the serverless handler, in each protocol. The first byte, a digit, chooses the parser; the first line is
// the header's value where there is one. The handler itself only looks at the image's bytes: its classifier and decoder
// are not fuzzed here.
#include "target.hpp"

#include "base64.hpp"
#include "environment.hpp"
#include "http/cloud_event.hpp"
#include "http/trace.hpp"
#include "json.hpp"
#include "lambda/event.hpp"
#include "openwhisk/action.hpp"
#include "request.hpp"

#include <string>
#include <utility>

namespace serverless {

struct handler::model {};
handler::handler(const settings& s, metrics counters) : settings_(s), metrics_(std::move(counters)) {}
handler::~handler() = default;
outcome<void> handler::load() { return {}; }
outcome<std::string> handler::classify(const image_request& request) {
  fuzz::read_all(request.image);
  fuzz::require(request.top >= 1 && request.top <= 1000);
  if (request.image.empty()) return failure{kind::not_an_image, "image: empty"};
  return std::string("{\"results\":[]}");
}

}  // namespace serverless

namespace {

using namespace serverless;

// What a caller gets is one line of JSON, whatever came.
void check_json(const std::string& text) {
  fuzz::require(text.find('\n') == text.npos);
  fuzz::require(static_cast<bool>(json_document::parse(text, "answer")));
}

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
  static handler h(s);
  switch (static_cast<std::uint8_t>(data[0] - '0') % 9) {
    case 0: read_request(image_of_body("application/json", std::string(rest), s)); break;
    case 1: read_request(image_of_body(line, std::string(rest), s)); break;
    case 2: read_event("application/cloudevents+json", rest, false); break;
    case 3: read_event(line, rest, true); break;
    case 4: {
      std::string text(rest);
      if (auto bytes = decode_base64_field(text, "image")) fuzz::read_all(*bytes);
      break;
    }
    case 5: {
      auto answer = answer_event(h, std::string(rest));
      answer ? check_json(*answer) : static_cast<void>(fuzz::check_message(answer.error().message));
      break;
    }
    case 6: {  // OpenWhisk's /run, and a line of ActionLoop
      static environment context;
      auto parsed = json_document::parse(std::string(rest), "body");
      if (parsed) check_json(activate(classifier_action(h), parsed->root(), context).json);
      break;
    }
    case 7:
      if (auto parsed = json_document::parse(std::string(rest), "body")) {
        const auto init = initialization_of(parsed->root());
        if (!init) fuzz::check_message(init.error().message);
      }
      break;
    default:
      static_cast<void>(parse_top(query_parameter(line, "top")));
      static_cast<void>(media_type(line));
      fuzz::require(!ids_of_headers([line](std::string_view) { return line; }).request.empty());
      static_cast<void>(ids_of_xray("id", line));
      if (auto parsed = json_document::parse(std::string(rest), "line"))
        if (auto request = image_of_parameters(parsed->root(), s)) fuzz::read_all(request->image);
  }
  return 0;
}
