// CloudEvents 1.0 over HTTP, binary and structured mode.
#pragma once

#include "../failure.hpp"
#include "../http_server.hpp"
#include "../request.hpp"

#include <string>

namespace serverless {

enum class event_mode : unsigned char { none, binary, structured };

/// What an incoming event leaves behind for the answer.
struct cloud_event {
  event_mode mode = event_mode::none;
  std::string id;  ///< in structured mode as JSON text in quotes; in binary mode as the header had it
};

/// Which mode a request is in; none for a plain one.
event_mode mode_of(const http_request& request);

/// The image in an event's data. Fills in the event.
/// errors   those of image_of_body; invalid_request: a required attribute is missing or wrong, names it
outcome<held_request> image_of_event(http_request& request, cloud_event& event, const settings& s);

/// Puts a result into an event of the same mode as the one that asked for it.
http_response event_response(const cloud_event& asked, const std::string& result_json);

}  // namespace serverless
