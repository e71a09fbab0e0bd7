// OpenWhisk's ActionLoop: one request a line on standard input, one answer a line on file descriptor 3.
// And its older sibling, the one-shot executable of `wsk action create --native`.
#pragma once

#include "../handler.hpp"
#include "../openwhisk/action.hpp"

namespace serverless {

/// Serves an action until the end of input. Returns the exit status.
int serve_actionloop(const settings& s, const whisk_action& action);

/// Runs an action once on parameters from the argument, or from standard input where it is null, and prints the
/// result as the last line of standard output. Returns the exit status.
int run_native(const settings& s, const whisk_action& action, const char* parameters);

}  // namespace serverless
