// What Lambda hands to a function, and what it gets back.
#pragma once

#include "../failure.hpp"
#include "../handler.hpp"
#include "../json.hpp"

#include <string>

namespace serverless {

/// An event's answer as one line of JSON. Events of API Gateway (both payload formats), function URLs and load
/// balancers are answered with {"statusCode","headers","body"}, also where something is wrong with the request; a
/// direct invocation {"image","top"} with the result itself. errors   body_too_large, invalid_json; of a direct
/// invocation also those of image_of_parameters and handler::classify
outcome<std::string> answer_event(handler& h, std::string body);

}  // namespace serverless
