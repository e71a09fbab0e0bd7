// The plain HTTP service: Knative, Cloud Run, OpenFaaS, Azure custom handlers, a container anywhere.
//
//   POST /classify   an image, a form with one, JSON with base64, or a CloudEvent; also POST / and /api/classify
//   GET  /           a page to try it
//   GET  /healthz    the process lives
//   GET  /readyz     the model is loaded, and nobody has asked the process to end
//   GET  /metrics    Prometheus text format
#pragma once

#include "../handler.hpp"

namespace serverless {

/// Serves until SIGTERM. Returns the exit status.
int serve_http(const settings& s);

}  // namespace serverless
