// The function itself: image bytes to a JSON answer, with the model kept warm. No protocol in here.
//
//   transport (openwhisk, actionloop, lambda, http)
//     └─ request.hpp: finds the image in a body, in JSON fields, in a form
//          └─ handler: decode ▸ preprocess ▸ classify ▸ {"results":[…],"timings":{…}}
#pragma once

#include "failure.hpp"
#include "log.hpp"
#include "metrics.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace serverless {

/// What the process was started with; main.cpp fills it from flags and environment.
struct settings {
  std::string model;                       ///< path; empty: embedded, or model.mnet beside the executable
  std::string address = "0.0.0.0";         ///< to listen on
  std::uint16_t port = 8080;               ///< 0 takes a free one
  std::size_t max_body = 8 * 1024 * 1024;  ///< bytes of a request body, or of a line
  std::uint64_t max_pixels = 40'000'000;   ///< of an image, before it is decoded
  unsigned timeout_seconds = 30;           ///< for a whole request to arrive, and for an answer to be taken
  unsigned idle_seconds = 90;              ///< that a connection may stay open without a request
  unsigned top = 3;                        ///< classes in an answer, unless the request says otherwise
  unsigned threads = 1;                    ///< for one classification; 0: as many as the process may use
  bool quiet = false;                      ///< no log lines for successful requests
};

/// One image to classify.
struct image_request {
  std::span<const std::byte> image{};         ///< JPEG, PNG or BMP
  std::size_t top = 3;                        ///< how many classes to answer
  clock::time_point received = clock::now();  ///< when the work on the request began, for "main"
};

/// A model that was linked into the executable; empty where there is none.
std::span<const std::byte> embedded_model();

/// The warm function. One request at a time.
class handler {
 public:
  explicit handler(const settings& s);
  ~handler();

  /// Maps and prepares the model; logs loadModel. Does nothing when that is done.
  /// errors   unavailable: no model, or not one that can be used
  outcome<void> load();

  /// The answer as one line of JSON: {"results":[{"className","probability","classIndex"}],"timings":{…}}.
  /// Logs the stages' times and the resident memory. Loads the model if that has not been done.
  /// errors   not_an_image, invalid_image, image_too_large, out_of_memory, unavailable
  outcome<std::string> classify(const image_request& request);

  const settings& options() const { return settings_; }
  metrics& counters() { return metrics_; }

 private:
  struct model;  // handler.cpp alone sees the back end and the decoder
  settings settings_;
  metrics metrics_;
  std::unique_ptr<model> model_;
};

}  // namespace serverless
