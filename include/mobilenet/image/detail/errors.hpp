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

/// Tenths of a million: "48.8" for 48,771,072 pixels.
inline std::string megapixels(std::uint64_t tenths) {
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 == 0) return text;
  text += '.';
  text += static_cast<char>('0' + tenths % 10);
  return text;
}
/// "image: 8064x6048 is 48.8 megapixels, expected at most 40": found is rounded up and the limit down, so that they
/// differ. A limit of less than a megapixel is stated in pixels.
inline error too_large_image(std::uint32_t width, std::uint32_t height, std::uint64_t most) {
  constexpr std::uint64_t tenth = 100'000;
  const std::uint64_t pixels = std::uint64_t{width} * height;
  const bool large = most >= 10 * tenth;
  const std::string found =
      large ? megapixels(pixels / tenth + (pixels % tenth != 0)) + " megapixels" : std::to_string(pixels) + " pixels";
  return {errc::image_too_large, "image: " + std::to_string(width) + "x" + std::to_string(height) + " is " + found +
                                     ", expected at most " + (large ? megapixels(most / tenth) : std::to_string(most))};
}
/// A decoder's own limit.
inline error too_long_image(std::uint32_t width, std::uint32_t height, std::uint32_t longest_side) {
  return {errc::image_too_large, "image: " + std::to_string(width) + "x" + std::to_string(height) +
                                     " pixels, but the decoder reads at most " + std::to_string(longest_side) +
                                     " a side"};
}

/// errors   invalid_image: no pixels; image_too_large: more than are allowed
inline result<void> check_pixels(std::uint32_t width, std::uint32_t height, std::uint64_t most) {
  if (width == 0 || height == 0)
    return damaged_image("its header states " + std::to_string(width) + "x" + std::to_string(height) + " pixels");
  if (std::uint64_t{width} * height > most) return too_large_image(width, height, most);
  return {};
}

}  // namespace detail
MOBILENET_NAMESPACE_END
