// What `mobilenet classify` does.
#pragma once

#include "cli/image_queue.hpp"

#include <mobilenet/error.hpp>

#include <cstddef>
#include <string>

namespace mobilenet::tools {

struct classify_options {
  std::string model;
  image_options images;
  std::size_t top = 3;
  std::string backend;
  unsigned threads = 1;  ///< in all, an image each; 0: as many as the process may use
  bool json = false;
};

/// Prints each image's classes on standard output, or one line of JSON for each, in the order given; what is
/// wrong with an image goes to standard error, and the next one is classified.
/// returns  whether every image was classified
/// errors   the model cannot be opened or prepared, or has no classes; the list of images cannot be read; standard
///          output cannot be written
result<bool> classify(const classify_options& options);

}  // namespace mobilenet::tools
