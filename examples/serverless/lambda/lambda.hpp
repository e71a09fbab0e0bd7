// AWS Lambda's runtime API: the process asks for each event and posts each answer, as a client of a local server.
#pragma once

#include "../handler.hpp"

namespace serverless {

/// Serves events until the runtime API says that it is over. Returns the exit status.
/// api      host and port of the runtime API, as AWS_LAMBDA_RUNTIME_API has it; the host numeric, or localhost
int serve_lambda(const settings& s, const char* api);

}  // namespace serverless
