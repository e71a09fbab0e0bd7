// The function itself: image bytes to a JSON answer, with the model kept warm. No protocol in here.
//
//   transport (openwhisk, actionloop, lambda, http)
//     └─ request.hpp: finds the image in a body, in JSON fields, in a form
//          └─ handler: decode ▸ preprocess ▸ classify ▸ {"results":[…],"timings":{…}}
#pragma once

#include "failure.hpp"
#include "log.hpp"
#include "metrics.hpp"
#include "settings.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace serverless {

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
  explicit handler(const settings& s, metrics counters = metrics());
  ~handler();

  /// Maps and prepares the model; logs loadModel. Does nothing when that is done.
  /// errors   unavailable: no model, or not one that can be used
  outcome<void> load();

  /// The answer as one line of JSON: {"results":[{"className","probability","classIndex"}],"timings":{…}}.
  /// Logs the stages' times and the resident memory. Loads the model if that has not been done.
  /// errors   not_an_image, invalid_image, image_too_large, out_of_memory, unavailable
  outcome<std::string> classify(const image_request& request);

  const settings& options() const { return settings_; }

  /// What the executable is made of, as labels of a metric: version="0.1.0",….
  static std::string build_labels();

  metrics& counters() { return metrics_; }

 private:
  struct model;  // handler.cpp alone sees the back end and the decoder
  settings settings_;
  metrics metrics_;
  std::unique_ptr<model> model_;
};

}  // namespace serverless
