// The function that is compiled once in a program that defines MOBILENET_DECODE_SEPARATE. It takes and returns plain
// structs and is outside of the inline namespace: one unit may be compiled with exceptions and the other without.
#pragma once

#include <cstddef>
#include <cstdint>

#if defined(MOBILENET_DECODE_SEPARATE)
#define MOBILENET_DECODE_COMPILED
#define MOBILENET_DECODE_INLINE inline
#else  // a function that calls one of internal linkage has internal linkage, or it would differ between units
#define MOBILENET_DECODE_COMPILED static inline
#define MOBILENET_DECODE_INLINE static inline
#endif

namespace mobilenet::compiled {

/// The arguments of decode_image().
struct decode_request {
  const std::byte* bytes;
  std::size_t size;
  std::uint64_t max_pixels;
  std::uint32_t smallest_side;
  unsigned char alpha;  ///< an alpha_mode
  bool apply_exif_orientation;
};

/// The result of decode_image(). What it points to comes from malloc() and belongs to the caller.
struct decode_answer {
  std::uint8_t* pixels;  ///< RGB without gaps; null: it failed
  std::uint32_t width;
  std::uint32_t height;
  char* message;             ///< of the error; null if there was no memory for it
  unsigned char error_code;  ///< an errc
};

MOBILENET_DECODE_COMPILED decode_answer decode(const decode_request& request) noexcept;

}  // namespace mobilenet::compiled

#if !defined(MOBILENET_DECODE_SEPARATE) || defined(MOBILENET_DECODE_IMPLEMENTATION)

#include <mobilenet/image/detail/decode_by_format.hpp>

#include <cstring>
#include <new>
#include <span>
#include <string>
#include <utility>

namespace mobilenet::compiled {

static inline decode_answer failure(errc code, const char* message, std::size_t length) noexcept {
  auto* copy = static_cast<char*>(std::malloc(length + 1));
  if (copy != nullptr) std::memcpy(copy, message, length + 1);
  return {nullptr, 0, 0, copy, static_cast<unsigned char>(code)};
}

static inline decode_answer decode_or_throw(const decode_request& request) {
  const decode_options options{.max_pixels = request.max_pixels,
                               .apply_exif_orientation = request.apply_exif_orientation,
                               .alpha = static_cast<alpha_mode>(request.alpha),
                               .smallest_side = request.smallest_side};
  auto decoded = detail::decode_by_format({request.bytes, request.size}, options);
  if (!decoded) return failure(decoded.error().code, decoded.error().message.c_str(), decoded.error().message.size());
  return {decoded->release(), decoded->width(), decoded->height(), nullptr, 0};
}

MOBILENET_DECODE_COMPILED decode_answer decode(const decode_request& request) noexcept {
#if MOBILENET_EXCEPTIONS
  try {
    return decode_or_throw(request);
  } catch (const std::bad_alloc&) {
    return {nullptr, 0, 0, nullptr, static_cast<unsigned char>(errc::out_of_memory)};
  }
#else
  return decode_or_throw(request);
#endif
}

}  // namespace mobilenet::compiled

#endif
