// The errors that several decoders and their checks report.
#pragma once

#include <mobilenet/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

inline error truncated_image() { return {errc::invalid_image, "image: truncated: the file ends before the pixels do"}; }
inline error damaged_image(std::string_view what) {
  std::string message = "image: damaged: ";
  for (const char c : what) message += c >= ' ' && c <= '~' ? c : '?';  // decoders quote what they find as it is
  return {errc::invalid_image, std::move(message)};
}
/// A format that is known and is not read, or an unusual kind of one that is.
inline error unsupported_kind(std::string_view what) {
  return {errc::unsupported, "image: unsupported format: " + std::string(what)};
}
inline error too_large_image(std::uint64_t width, std::uint64_t height, const std::string& expected) {
  return {errc::image_too_large,
          "image: " + std::to_string(width) + "x" + std::to_string(height) + " pixels, expected at most " + expected};
}

/// errors   invalid_image: no pixels; image_too_large: more than are allowed
inline result<void> check_pixels(std::uint32_t width, std::uint32_t height, std::uint64_t most) {
  if (width == 0 || height == 0)
    return damaged_image("its header states " + std::to_string(width) + "x" + std::to_string(height) + " pixels");
  if (std::uint64_t{width} * height > most) return too_large_image(width, height, std::to_string(most) + " in all");
  return {};
}

}  // namespace detail
MOBILENET_NAMESPACE_END
