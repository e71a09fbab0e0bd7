// What OpenWhisk calls an action, and one activation of it; the same for all of its three protocols.
#pragma once

#include "../environment.hpp"
#include "../failure.hpp"
#include "../handler.hpp"
#include "../json.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace serverless {

/// The transports know no more of an action than this; the tests run OpenWhisk's own cases with others.
struct whisk_action {
  /// Called once, with the name of the entry point: loads what later runs need.
  std::function<outcome<void>(std::string_view main)> initialize;
  /// Parameters to a result as one line of JSON. A failure becomes an application error: {"error":"…"}.
  std::function<outcome<std::string>(json_value& parameters)> run;
};

/// The classifier as an action. The image is in "image" (base64, or a data: URL), or is the body of a web action's
/// request, in "__ow_body". A web action is answered with {"statusCode","headers","body"}, its errors with
/// {"error":{"statusCode",…}}; anything else with the result itself, or {"error":"…"}.
whisk_action classifier_action(handler& h);

/// What /init says of the action. Refers to the JSON it was read from.
struct whisk_initialization {
  std::string_view main = "main";
  bool has_code = false;
  json_value* environment = nullptr;  ///< an object whose keys can be variables' names; null where there is none
};

/// errors   invalid_parameter: names the field
outcome<whisk_initialization> initialization_of(json_value& body);

struct whisk_answer {
  int status = 200;  ///< 200 for application errors too; else the request itself was wrong
  std::string json;
};

/// One activation: exports all but "value" as __OW_<KEY>, runs the action on "value", and sees to it that the answer
/// is an object.
whisk_answer activate(const whisk_action& action, json_value& request, environment& context);

/// A value as an environment variable's text: a string as it is, null as nothing, everything else as JSON.
std::string environment_text(const json_value& value);

}  // namespace serverless
