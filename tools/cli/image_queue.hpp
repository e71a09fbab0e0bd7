// Which images a command is to work on: those of its command line, then those of a list that may still be coming.
#pragma once

#include "cli/input_descriptor.hpp"

#include <mobilenet/error.hpp>
#include <mobilenet/image/decoder.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// What the command line says about the images.
struct image_options {
  std::vector<std::string> images;  ///< paths; "-" is standard input
  std::string list;                 ///< a file with more paths, one a line; "-" is standard input; empty: none
  bool null_separated = false;      ///< paths of the list end with a NUL byte, not with a line
  bool lenient = false;             ///< images that cannot be read do not make the command fail
  std::string decoder;              ///< one of decoder_names(); empty: the first
  bool exif_orientation = false;    ///< rotate photos by their EXIF orientation
  std::uint64_t max_pixels = decode_options{}.max_pixels;
  alpha_mode alpha = alpha_mode::drop;
  bool scale_jpeg = false;  ///< down while it is decoded, to no less than twice the network's input
};

/// One image to be worked on.
struct queued_image {
  std::string path;
  std::optional<result<std::vector<std::byte>>> read;  ///< what standard input gave: only one thread can read that
};

/// The images in their order. A list that comes through a pipe is taken as it comes: whoever writes a path and waits
/// for the answer gets it.
class image_queue {
 public:
  /// errors   io_error: the list cannot be opened; invalid_argument: standard input is both list and image
  static result<image_queue> open(const image_options& options);

  /// The next images, at most so many. Waits until there is one, and for no other. None: there are no more.
  /// errors   io_error: the list cannot be read on; invalid_argument: a line of it is no path. The images before that
  ///          come first
  result<std::vector<queued_image>> next(std::size_t most);

  /// Waits for the end of the list, so that total() is known.
  /// errors   those of next()
  result<void> wait_for_all();

  /// How many images there are in all; none as long as a list may bring more.
  std::optional<std::size_t> total() const {
    return list_ended_ ? std::optional(taken_ + waiting_.size()) : std::nullopt;
  }

 private:
  error list_error(const std::string& what, errc code) const { return {code, list_name_ + ": " + what}; }
  void read_until_end();
  void read_some();
  result<void> read_lines();
  result<void> add_whole_lines();

  std::deque<std::string> waiting_;
  std::size_t taken_ = 0;

  input_descriptor list_;
  bool list_ended_ = true;
  std::optional<error> list_failed_;  // then it has ended too
  std::string list_name_;
  char separator_ = '\n';
  std::size_t lines_ = 0;
  std::string unfinished_;  // the list's bytes after the last whole line
};

}  // namespace mobilenet::tools
