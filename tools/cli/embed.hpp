// What `mobilenet embed` does.
#pragma once

#include "cli/image_queue.hpp"

#include <mobilenet/error.hpp>

#include <string>

namespace mobilenet::tools {

struct embed_options {
  std::string model;
  image_options images;
  std::string layer;  ///< a tfjs layer's name; empty: the pooled features before the class scores
  std::string backend;
  unsigned threads = 1;  ///< in all, an image each; 0: as many as the process may use
  bool json = false;     ///< a line of JSON for each image: the default, for those who want to say it
  bool npy = false;      ///< one NumPy array for all images instead
};

/// Prints the activation of a layer for each image on standard output: {"image", "layer", "shape", "embedding"},
/// or an array [image, ...] in NumPy's format, where the row of an image that cannot be read is NaN. What is
/// wrong with an image goes to standard error.
/// returns  whether every image was read
/// errors   the model cannot be opened or prepared, or has no such layer; the list of images cannot be read; standard
///          output is a terminal and cannot take an array, or cannot be written
result<bool> embed(const embed_options& options);

}  // namespace mobilenet::tools
