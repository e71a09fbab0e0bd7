// The decoders that this executable contains.
#pragma once

#include <mobilenet/image/decoder.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace serverless {

/// JPEG, PNG or BMP to pixels. errors: those of the library's decoders
mobilenet::result<mobilenet::image> decode(std::span<const std::byte> bytes, const mobilenet::decode_options& options);

/// Which library decodes JPEG.
std::string_view jpeg_decoder();

}  // namespace serverless
