// What a decoder is, so that a host can bring its own: anything that is called with a file's bytes.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/image/format.hpp>
#include <mobilenet/image/view.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

MOBILENET_NAMESPACE_BEGIN

/// What becomes of transparent pixels.
///
/// TensorFlow.js reads ImageData, and pixels in Node.js, as `drop` does. A page that hands it an <img> gets what a
/// canvas keeps of the image: black where it is wholly transparent, else the colours as stored, up to rounding.
/// `over_black` equals that for pixels that are transparent or opaque, and darkens those in between.
enum class alpha_mode : std::uint8_t {
  drop,        ///< the colours as stored, also those of pixels that nobody sees
  over_black,  ///< composited: (alpha * colour) / 255, rounded
  over_white,  ///< composited, as a viewer with a white background shows it
};

/// What a decoder does beyond turning the file into pixels. The defaults are those of TensorFlow.js.
struct decode_options {
  /// Images of more pixels are refused before memory is taken for them. 64 megapixels admit the photos of phones, which
  /// have up to 50. An image of that size takes up to 0.8 GB of memory while it is decoded from JPEG, 1 GB from PNG.
  std::uint64_t max_pixels = 64'000'000;
  /// Rotates and mirrors a photo by its EXIF orientation. TensorFlow.js in Node.js ignores the orientation; a browser
  /// applies it before TensorFlow.js reads the pixels.
  bool apply_exif_orientation = false;
  /// Only PNG has transparency here: a JPEG and a BMP count as opaque.
  alpha_mode alpha = alpha_mode::drop;
  /// 0: all pixels, as TensorFlow.js needs them. Otherwise a decoder may scale a JPEG down while it decodes, by 2, 4 or
  /// 8, as long as both sides keep at least this many pixels. decode_turbojpeg() does; decode_image() ignores it.
  /// Twice the side of the network's input keeps answers close (docs/benchmarks.md).
  std::uint32_t smallest_side = 0;
};

/// A decoder: a function, a lambda or an object.
///
///   result<image> decode(std::span<const std::byte> bytes, const decode_options& options)
///
/// bytes    the whole file
/// errors   unsupported: not a format of this decoder's; invalid_image; image_too_large; out_of_memory
template <class D>
concept image_decoder = requires(const D& decode, std::span<const std::byte> bytes, const decode_options& options) {
  { decode(bytes, options) } -> std::same_as<result<image>>;
};

/// Asks one decoder after the other until one does not answer "unsupported".
///
///   auto photo = decode_by_first(bytes, {}, decode_turbojpeg, my_webp_decoder, decode_image);
///
/// errors   those of the decoders; if none knows the format, the last one's
template <image_decoder First, image_decoder... Rest>
result<image> decode_by_first(std::span<const std::byte> bytes, const decode_options& options, const First& first,
                              const Rest&... rest) {
  auto decoded = first(bytes, options);
  if constexpr (sizeof...(rest) > 0)
    if (!decoded && decoded.error().code == errc::unsupported) return decode_by_first(bytes, options, rest...);
  return decoded;
}

MOBILENET_NAMESPACE_END
