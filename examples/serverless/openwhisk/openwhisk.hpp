// OpenWhisk's container protocol: POST /init once, POST /run for every activation, on port 8080.
#pragma once

#include "../handler.hpp"
#include "action.hpp"

namespace serverless {

/// Serves an action until SIGTERM. Returns the exit status.
int serve_openwhisk(const settings& s, const whisk_action& action);

}  // namespace serverless
