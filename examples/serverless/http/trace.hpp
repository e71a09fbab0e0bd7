// The ids by which logs of several services find together.
#pragma once

#include "../log.hpp"

#include <functional>
#include <string_view>

namespace serverless {

/// From traceparent (W3C Trace Context), X-Cloud-Trace-Context and X-Request-Id; a request id is made up where none
/// arrives. What is malformed is ignored.
request_ids ids_of_headers(const std::function<std::string_view(std::string_view name)>& header);

/// From the X-Ray header of Lambda: Root=…;Parent=…;Sampled=….
request_ids ids_of_xray(std::string_view request_id, std::string_view trace);

}  // namespace serverless
