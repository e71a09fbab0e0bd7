// JPEG, PNG and BMP bytes to pixels, by stb_image. Not part of mobilenet.hpp: include it where you decode.
//
// stb_image is compiled into this translation unit inside a namespace of ours and with internal linkage, and
// every macro that configures it is put back afterwards: a host that has another stb_image, of another version
// or configuration, keeps it untouched.
#pragma once

#include <mobilenet/image.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

// All that stb_image includes itself, here first, so that nothing of it lands in our namespace.
#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif
#if defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#pragma push_macro("STBI_INCLUDE_STB_IMAGE_H")
#pragma push_macro("STBIDEF")
#pragma push_macro("STB_IMAGE_IMPLEMENTATION")
#pragma push_macro("STB_IMAGE_STATIC")
#pragma push_macro("STBI_ONLY_JPEG")
#pragma push_macro("STBI_ONLY_PNG")
#pragma push_macro("STBI_ONLY_BMP")
#pragma push_macro("STBI_NO_TGA")
#pragma push_macro("STBI_NO_GIF")
#pragma push_macro("STBI_NO_HDR")
#pragma push_macro("STBI_NO_PSD")
#pragma push_macro("STBI_NO_PIC")
#pragma push_macro("STBI_NO_PNM")
#pragma push_macro("STBI_NO_LINEAR")
#pragma push_macro("STBI_NO_STDIO")
#pragma push_macro("STBI_MAX_DIMENSIONS")
#pragma push_macro("STBI_ASSERT")
#pragma push_macro("STBI_MALLOC")
#pragma push_macro("STBI_REALLOC")
#pragma push_macro("STBI_FREE")
#pragma push_macro("STBI_REALLOC_SIZED")
#pragma push_macro("STBI_NO_FAILURE_STRINGS")
#pragma push_macro("STBI_FAILURE_USERMSG")
#undef STBI_INCLUDE_STB_IMAGE_H
#undef STBIDEF
#undef STB_IMAGE_IMPLEMENTATION
#undef STB_IMAGE_STATIC
#undef STBI_ONLY_JPEG
#undef STBI_ONLY_PNG
#undef STBI_ONLY_BMP
#undef STBI_NO_TGA
#undef STBI_NO_GIF
#undef STBI_NO_HDR
#undef STBI_NO_PSD
#undef STBI_NO_PIC
#undef STBI_NO_PNM
#undef STBI_NO_LINEAR
#undef STBI_NO_STDIO
#undef STBI_MAX_DIMENSIONS
#undef STBI_ASSERT
#undef STBI_MALLOC
#undef STBI_REALLOC
#undef STBI_FREE
#undef STBI_REALLOC_SIZED
#undef STBI_NO_FAILURE_STRINGS
#undef STBI_FAILURE_USERMSG
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_LINEAR
#define STBI_NO_STDIO
#define STBI_MAX_DIMENSIONS 65535
#define STBI_ASSERT(condition) ((void)0)  // NDEBUG or not, the same code in every translation unit

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
MOBILENET_NAMESPACE_BEGIN
namespace stb {
#if __has_include(<stb/stb_image.h>)
#include <stb/stb_image.h>
#else
#include <stb_image.h>
#endif
}  // namespace stb
MOBILENET_NAMESPACE_END
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#pragma pop_macro("STBI_INCLUDE_STB_IMAGE_H")
#pragma pop_macro("STBIDEF")
#pragma pop_macro("STB_IMAGE_IMPLEMENTATION")
#pragma pop_macro("STB_IMAGE_STATIC")
#pragma pop_macro("STBI_ONLY_JPEG")
#pragma pop_macro("STBI_ONLY_PNG")
#pragma pop_macro("STBI_ONLY_BMP")
#pragma pop_macro("STBI_NO_TGA")
#pragma pop_macro("STBI_NO_GIF")
#pragma pop_macro("STBI_NO_HDR")
#pragma pop_macro("STBI_NO_PSD")
#pragma pop_macro("STBI_NO_PIC")
#pragma pop_macro("STBI_NO_PNM")
#pragma pop_macro("STBI_NO_LINEAR")
#pragma pop_macro("STBI_NO_STDIO")
#pragma pop_macro("STBI_MAX_DIMENSIONS")
#pragma pop_macro("STBI_ASSERT")
#pragma pop_macro("STBI_MALLOC")
#pragma pop_macro("STBI_REALLOC")
#pragma pop_macro("STBI_FREE")
#pragma pop_macro("STBI_REALLOC_SIZED")
#pragma pop_macro("STBI_NO_FAILURE_STRINGS")
#pragma pop_macro("STBI_FAILURE_USERMSG")

MOBILENET_NAMESPACE_BEGIN

/// What decode_image refuses before it allocates.
struct decode_limits {
  std::uint64_t max_pixels = 40'000'000;
};

namespace detail {

/// Whether a JPEG's scan data runs to the end-of-image marker. stb_image fills a truncated file up with zeros
/// and reports success; a grey half of a photo would be classified without a word.
inline bool jpeg_is_complete(std::span<const std::byte> bytes) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned>(bytes[i]); };
  std::size_t i = 2;  // past the start-of-image marker
  while (i + 1 < bytes.size()) {
    if (at(i) != 0xff) {  // entropy-coded data, or bytes between segments
      ++i;
      continue;
    }
    const unsigned marker = at(i + 1);
    if (marker == 0xff) {
      ++i;
    } else if (marker == 0x00 || marker == 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      i += 2;  // stuffed byte, restart marker: no length follows
    } else if (marker == 0xd9) {
      return true;
    } else {
      if (i + 3 >= bytes.size()) return false;
      i += 2 + (at(i + 2) << 8 | at(i + 3));
    }
  }
  return false;
}

/// stb_image reads missing pixels of a BMP as zeros; this says how many bytes an uncompressed one must have.
inline bool bmp_is_complete(std::span<const std::byte> bytes, std::uint32_t width, std::uint32_t height) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<std::uint64_t>(bytes[i]); };
  if (bytes.size() < 30) return false;
  const std::uint64_t pixels_at = at(10) | at(11) << 8 | at(12) << 16 | at(13) << 24;
  const bool core_header = at(14) == 12;
  const std::uint64_t bits = core_header ? at(24) | at(25) << 8 : at(28) | at(29) << 8;
  const std::uint64_t row = (width * bits + 31) / 32 * 4;
  return pixels_at <= bytes.size() && row * height <= bytes.size() - pixels_at;
}

}  // namespace detail

/// Decodes a JPEG (baseline or progressive), PNG or BMP to 8-bit RGB. Grey becomes R = G = B, alpha is dropped,
/// 16-bit samples keep their upper half, EXIF orientation is ignored: as tf.browser.fromPixels gives a photo.
///
/// bytes    the whole file
/// errors   invalid_image: not one of these formats, damaged or truncated; image_too_large: more pixels than
///          limits allow, found in the header before anything is allocated; out_of_memory
/// source   stb_image 2.27 and later
inline result<image> decode_image(std::span<const std::byte> bytes, const decode_limits& limits = {}) {
  if (bytes.empty()) return error{errc::invalid_image, "image: the file is empty"};
  if (bytes.size() > std::size_t{std::numeric_limits<int>::max()})
    return error{errc::image_too_large, "image: file of " + std::to_string(bytes.size()) + " bytes, expected less than 2 GiB"};
  const auto* data = reinterpret_cast<const stb::stbi_uc*>(bytes.data());
  const auto size = static_cast<int>(bytes.size());
  int width = 0;
  int height = 0;
  int channels = 0;
  if (stb::stbi_info_from_memory(data, size, &width, &height, &channels) == 0)
    return error{errc::invalid_image, "image: neither a JPEG, a PNG nor a BMP file, or its header is damaged"};
  const auto w = static_cast<std::uint32_t>(width);
  const auto h = static_cast<std::uint32_t>(height);
  if (std::uint64_t{w} * h > limits.max_pixels)
    return error{errc::image_too_large, "image: " + std::to_string(w) + "x" + std::to_string(h) +
                                            " pixels, expected at most " + std::to_string(limits.max_pixels) + " in all"};
  const bool jpeg = data[0] == 0xff;
  const bool bmp = data[0] == 'B';
  if ((jpeg && !detail::jpeg_is_complete(bytes)) || (bmp && !detail::bmp_is_complete(bytes, w, h)))
    return error{errc::invalid_image, "image: truncated: the file ends before the pixels do"};

  constexpr int rgb = 3;
  stb::stbi_uc* pixels = stb::stbi_load_from_memory(data, size, &width, &height, &channels, rgb);
  if (pixels == nullptr) {
    const char* reason = stb::stbi_failure_reason();
    return error{errc::invalid_image, std::string("image: ") + (reason != nullptr ? reason : "cannot be decoded")};
  }
  return image::adopt(pixels, w, h, stb::stbi_image_free);
}

MOBILENET_NAMESPACE_END
