// From a path to pixels, as every command does it.
#pragma once

#include "cli/image_queue.hpp"

#include <mobilenet/error.hpp>
#include <mobilenet/image/view.hpp>
#include <mobilenet/tensor.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace mobilenet::tools {

inline constexpr std::size_t longest_image_file = 512u << 20;

/// The bytes of an image's file, or those that standard input gave.
/// errors   those of read_input()
result<std::vector<std::byte>> read_bytes(const queued_image& queued);

/// The decoders for JPEG that this program was built with, the default first.
std::vector<std::string> decoder_names();

/// input    of the network: a JPEG may be scaled down to twice its longer side where options allow it
/// errors   those of decode_image(), without "image: " in front, because the image's path will be; unsupported: this
///          program was built without a decoder
result<image> decode(const std::vector<std::byte>& bytes, const image_options& options, const shape& input);

}  // namespace mobilenet::tools
