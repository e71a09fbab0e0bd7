// A host that compiles a stb_image of its own after decode_image.hpp. The other order:
// stb_before_decode_image_test.cpp.
#undef MOBILENET_DECODE_SEPARATE  // stb_image is compiled into this unit
#include <mobilenet/image/decode_image.hpp>

#ifdef STBI_VERSION
#error "decode_image.hpp leaves stb_image's macros behind"
#endif
#ifdef STBI_INCLUDE_STB_IMAGE_H
#error "decode_image.hpp leaves stb_image's include guard behind"
#endif

#include <doctest/doctest.h>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_NO_SIMD
#define STBI_NO_STDIO
#define STBI_ONLY_PNG
#include <stb/stb_image.h>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include "support/tiny_images.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

TEST_CASE("a host's stb_image after decode_image.hpp gets its own configuration") {
  int w = 0;
  int h = 0;
  int channels = 0;
  CHECK(::stbi_info_from_memory(tiny_images::jpeg_baseline, sizeof tiny_images::jpeg_baseline, &w, &h, &channels) == 0);
  ::stbi_uc* pixels =
      ::stbi_load_from_memory(tiny_images::png_deflated, sizeof tiny_images::png_deflated, &w, &h, &channels, 3);
  CHECK(pixels != nullptr);
  ::stbi_image_free(pixels);
  CHECK(mobilenet::decode_image(std::as_bytes(std::span(tiny_images::jpeg_baseline))));
}

TEST_CASE("what a PNG leaves unwritten in a buffer that grew is zero, not what the heap held before") {
  namespace detail = mobilenet::compiled;
  std::free(std::memset(std::malloc(4096), 0xaa, 4096));
  auto* buffer = static_cast<unsigned char*>(std::malloc(16));
  std::memset(buffer, 1, 16);
  detail::stb_growth_limit = 4096;
  buffer = static_cast<unsigned char*>(detail::stb_grow(buffer, 16, 4000));
  REQUIRE(buffer != nullptr);
  CHECK(std::count(buffer, buffer + 16, 1) == 16);
  CHECK(std::count(buffer + 16, buffer + 4000, 0) == 3984);
  CHECK(detail::stb_grow(buffer, 4000, 5000) == nullptr);
  CHECK(detail::stb_growth_limit == 0);
  std::free(buffer);
}
