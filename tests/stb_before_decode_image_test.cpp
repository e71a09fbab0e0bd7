// A host that compiles a stb_image of its own before decode_image.hpp. The other order:
// stb_after_decode_image_test.cpp.
#include <doctest/doctest.h>

#include <cstdio>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#endif
#define STB_IMAGE_IMPLEMENTATION  // external linkage, all formats: the usual way
#define STBI_MAX_DIMENSIONS 19
#define STBI_NO_PNG
#include <stb/stb_image.h>

#undef MOBILENET_DECODE_SEPARATE  // stb_image is compiled into this unit
#include <mobilenet/image/decode_image.hpp>
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

#include "support/tiny_images.hpp"

#ifndef STB_IMAGE_IMPLEMENTATION
#error "the host's STB_IMAGE_IMPLEMENTATION is gone"
#endif
#ifndef STBI_NO_PNG
#error "the host's STBI_NO_PNG is gone"
#endif
#if STBI_MAX_DIMENSIONS != 19
#error "the host's STBI_MAX_DIMENSIONS was replaced"
#endif
#ifdef STBI_ONLY_JPEG
#error "decode_image.hpp leaves STBI_ONLY_JPEG behind"
#endif

TEST_CASE("a host's stb_image before decode_image.hpp keeps its configuration, and does not change ours") {
  int w = 0;
  int h = 0;
  int channels = 0;
  CHECK(::stbi_load_from_memory(tiny_images::jpeg_baseline, sizeof tiny_images::jpeg_baseline, &w, &h, &channels, 3) ==
        nullptr);
  CHECK(::stbi_info_from_memory(tiny_images::png_deflated, sizeof tiny_images::png_deflated, &w, &h, &channels) == 0);
  CHECK(mobilenet::decode_image(std::as_bytes(std::span(tiny_images::jpeg_baseline))));
  CHECK(mobilenet::decode_image(std::as_bytes(std::span(tiny_images::png_deflated))));
}
