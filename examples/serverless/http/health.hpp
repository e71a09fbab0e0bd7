// Asks a running handler for its health: what HEALTHCHECK runs in an image without a shell.
#pragma once

#include "../settings.hpp"

namespace serverless {

/// GET /healthz on the port that the settings name. 0 where the answer is 200 within three seconds, else 1.
int ask_health(const settings& s);

}  // namespace serverless
