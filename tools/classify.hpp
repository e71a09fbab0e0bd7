// What `mobilenet classify` does.
#pragma once

#include <mobilenet/error.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace mobilenet::tools {

struct classify_options {
  std::string model;
  std::vector<std::string> images;  ///< paths; "-" is standard input
  std::size_t top = 3;
  std::string backend;
  unsigned threads = 1;  ///< 0: as many as the process may use
  bool json = false;
  bool exif_orientation = false;  ///< turn photos upright first
};

/// Prints each image's classes on standard output, or one line of JSON for each, in the order given; what is
/// wrong with an image goes to standard error, and the next one is classified.
/// returns  whether every image was classified
/// errors   the model cannot be opened or prepared, or has no classes; standard output cannot be written
result<bool> classify(const classify_options& options);

}  // namespace mobilenet::tools
