// A host that compiles a stb_image of its own after decode_image.hpp. The other order:
// stb_before_decode_image_test.cpp.
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
