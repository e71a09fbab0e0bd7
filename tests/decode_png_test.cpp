// What stb_image makes of PNGs, which it gets rewritten: palettes, transparency, and files that lack their end.
#include <doctest/doctest.h>

#if MOBILENET_WITH_DECODE

#include "support/hand_made_images.hpp"
#include "support/tiny_images.hpp"

#include <mobilenet/image/decode_image.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using mobilenet::errc;
using support::append_png_chunk;
using support::byte_vector;
using support::make_png;

using mobilenet::alpha_mode;

auto decode(std::span<const std::uint8_t> png, alpha_mode alpha = alpha_mode::drop) {
  return mobilenet::decode_image(std::as_bytes(png), {.alpha = alpha});
}

byte_vector pixels_of(std::span<const std::uint8_t> png, alpha_mode alpha = alpha_mode::drop) {
  const auto image = decode(png, alpha);
  REQUIRE_MESSAGE(image, image.error().message);
  return {image->data(), image->data() + std::size_t{image->width()} * image->height() * 3};
}

void check_refused(std::span<const std::uint8_t> png, errc code, const std::string& message) {
  const auto image = decode(png);
  REQUIRE_FALSE(image);
  CHECK(image.error().code == code);
  CHECK(image.error().message == "image: " + message);
}

using chunks = std::vector<std::pair<std::string, byte_vector>>;

byte_vector png_of(const chunks& given) {
  byte_vector png{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  for (const auto& [name, data] : given) append_png_chunk(png, name, data);
  return png;
}

byte_vector header(std::uint32_t width, std::uint32_t height, std::uint8_t depth, std::uint8_t colour) {
  byte_vector data;
  support::append_be32(data, width);
  support::append_be32(data, height);
  support::append(data, byte_vector{depth, colour, 0, 0, 0});
  return data;
}

// Leaves something else than zeros where the next calls have their variables.
__attribute__((noinline)) void dirty_the_stack() {
  volatile unsigned char used[65536];
  for (std::size_t i = 0; i < sizeof used; ++i) used[i] = 0xa5;
}

const byte_vector whole(std::begin(tiny_images::png_deflated), std::end(tiny_images::png_deflated));

constexpr const char* truncated = "truncated: the file ends before the pixels do";

}  // namespace

TEST_CASE("PNG: colours that the palette lacks are black, not what the stack held") {
  const byte_vector two{10, 20, 30, 40, 50, 60};
  const byte_vector expected{40, 50, 60, 0, 0, 0, 0, 0, 0, 10, 20, 30};
  const byte_vector rows = support::stored_zlib({0, 1, 2, 255, 0});
  const byte_vector nibbles = support::stored_zlib({0, 0x12, 0xf0});
  const std::pair<std::string, byte_vector> end{"IEND", {}};
  const chunks kinds[] = {
      {{"IHDR", header(4, 1, 8, 3)}, {"PLTE", two}, {"IDAT", rows}, end},
      {{"IHDR", header(4, 1, 4, 3)}, {"PLTE", two}, {"IDAT", nibbles}, end},
      {{"IHDR", header(4, 1, 8, 3)}, {"PLTE", two}, {"tRNS", {0}}, {"IDAT", rows}, end},
      {{"IHDR", header(4, 1, 8, 3)}, {"PLTE", two}, {"tRNS", {9, 0}}, {"IDAT", rows}, end},
      {{"IHDR", header(4, 1, 8, 3)}, {"PLTE", two}, {"PLTE", {1, 2, 3, 4, 5, 6, 7, 8, 9}}, {"IDAT", rows}, end},
  };
  for (const chunks& kind : kinds) {
    const byte_vector png = png_of(kind);
    dirty_the_stack();
    CHECK(pixels_of(png) == expected);
  }
}

TEST_CASE("PNG: transparency that its kind of pixels cannot have is ignored, as libpng ignores it") {
  const byte_vector pixel = support::stored_zlib({0, 1, 2, 3});
  const byte_vector index = support::stored_zlib({0, 1});
  const byte_vector two{10, 20, 30, 40, 50, 60};
  const std::pair<std::string, byte_vector> end{"IEND", {}};
  const chunks of_rgb[] = {
      {{"IHDR", header(1, 1, 8, 2)}, {"tRNS", {0, 1}}, {"IDAT", pixel}, end},
      {{"IHDR", header(1, 1, 8, 2)}, {"IDAT", pixel}, {"tRNS", {0, 1, 0, 2, 0, 3}}, end},
      {{"IHDR", header(1, 1, 8, 2)}, {"PLTE", {1, 2}}, {"tRNS", {}}, {"IDAT", pixel}, end},
      {{"IHDR", header(1, 1, 8, 2)}, {"IDAT", pixel}, {"PLTE", two}, end},
  };
  for (const chunks& kind : of_rgb) CHECK(pixels_of(png_of(kind)) == byte_vector{1, 2, 3});
  const chunks of_palette[] = {
      {{"IHDR", header(1, 1, 8, 3)}, {"tRNS", {0}}, {"PLTE", two}, {"IDAT", index}, end},
      {{"IHDR", header(1, 1, 8, 3)}, {"PLTE", two}, {"tRNS", {0, 1, 2}}, {"IDAT", index}, end},
      {{"IHDR", header(1, 1, 8, 3)}, {"PLTE", two}, {"IDAT", index}, {"tRNS", {0}}, end},
  };
  for (const chunks& kind : of_palette) CHECK(pixels_of(png_of(kind)) == byte_vector{40, 50, 60});
  const chunks with_alpha{
      {"IHDR", header(1, 1, 8, 4)}, {"tRNS", {0, 1}}, {"IDAT", support::stored_zlib({0, 7, 8})}, end};
  CHECK(pixels_of(png_of(with_alpha)) == byte_vector{7, 7, 7});
}

TEST_CASE("PNG: transparent pixels are as stored, over black or over white") {
  const auto check = [](const byte_vector& png, const byte_vector& stored, const byte_vector& over_black,
                        const byte_vector& over_white) {
    CHECK(pixels_of(png) == stored);
    CHECK(pixels_of(png, alpha_mode::over_black) == over_black);
    CHECK(pixels_of(png, alpha_mode::over_white) == over_white);
  };
  const std::pair<std::string, byte_vector> end{"IEND", {}};
  const auto data = [](const byte_vector& rows) {
    return std::pair<std::string, byte_vector>{"IDAT", support::stored_zlib(rows)};
  };
  // 200 at alpha 0, 1, 128 and 255.
  check(make_png(4, 1, support::png_grey_alpha, 8, {0, 200, 0, 200, 1, 200, 128, 200, 255}),
        {200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200}, {0, 0, 0, 1, 1, 1, 100, 100, 100, 200, 200, 200},
        {255, 255, 255, 255, 255, 255, 227, 227, 227, 200, 200, 200});
  check(make_png(2, 1, support::png_rgba, 8, {0, 10, 20, 30, 0, 250, 60, 0, 51}), {10, 20, 30, 250, 60, 0},
        {0, 0, 0, 50, 12, 0}, {255, 255, 255, 254, 216, 204});
  check(make_png(1, 1, support::png_rgba, 16, {0, 100, 1, 50, 2, 0, 3, 128, 255}), {100, 50, 0}, {50, 25, 0},
        {177, 152, 127});
  check(png_of({{"IHDR", header(2, 1, 8, 2)}, {"tRNS", {0, 1, 0, 2, 0, 3}}, data({0, 1, 2, 3, 1, 2, 4}), end}),
        {1, 2, 3, 1, 2, 4}, {0, 0, 0, 1, 2, 4}, {255, 255, 255, 1, 2, 4});
  check(png_of({{"IHDR", header(4, 1, 2, 0)}, {"tRNS", {0, 1}}, data({0, 0b00011011}), end}),
        {0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255}, {0, 0, 0, 0, 0, 0, 170, 170, 170, 255, 255, 255},
        {0, 0, 0, 255, 255, 255, 170, 170, 170, 255, 255, 255});
  check(
      png_of(
          {{"IHDR", header(3, 1, 8, 3)}, {"PLTE", {10, 20, 30, 40, 50, 60}}, {"tRNS", {51}}, data({0, 0, 1, 2}), end}),
      {10, 20, 30, 40, 50, 60, 0, 0, 0}, {2, 4, 6, 40, 50, 60, 0, 0, 0}, {206, 208, 210, 40, 50, 60, 0, 0, 0});
  const byte_vector opaque = make_png(1, 1, support::png_rgb, 8, {0, 1, 2, 3});
  check(opaque, {1, 2, 3}, {1, 2, 3}, {1, 2, 3});
}

TEST_CASE("PNG: all pixels are there without the last chunk, and without checksums") {
  constexpr std::size_t end_chunk = 12;
  constexpr std::size_t checksum = 4;
  for (const auto& png :
       {whole, byte_vector(std::begin(tiny_images::png_interlaced), std::end(tiny_images::png_interlaced)),
        byte_vector(std::begin(tiny_images::png_palette), std::end(tiny_images::png_palette))}) {
    const byte_vector expected = pixels_of(png);
    std::size_t data_end = png.size() - end_chunk;  // chunks of text may be before the last one
    for (std::size_t at = 8; at < png.size();) {
      const std::size_t length = png[at + 2] * 256u + png[at + 3];
      if (std::memcmp(&png[at + 4], "IDAT", 4) == 0) data_end = at + 8 + length;
      at += 12 + length;
    }
    for (std::size_t length = data_end - checksum; length < png.size(); ++length) {
      CAPTURE(length);
      CHECK(pixels_of(std::span(png).first(length)) == expected);
    }
    for (std::size_t length = 8; length < data_end - checksum; ++length) {
      CAPTURE(length);
      check_refused(std::span(png).first(length), errc::invalid_image, truncated);
    }
  }
}

TEST_CASE("PNG: data in several chunks, with others between them") {
  const byte_vector data = support::stored_zlib({0, 1, 2, 3});
  const auto part = [&](std::ptrdiff_t from, std::ptrdiff_t to) {
    return byte_vector(data.begin() + from, data.begin() + to);
  };
  const chunks in_parts{{"IHDR", header(1, 1, 8, 2)},
                        {"gAMA", {0, 0, 0, 0}},
                        {"IDAT", part(0, 1)},
                        {"IDAT", {}},
                        {"IDAT", part(1, 5)},
                        {"tEXt", {'a'}},
                        {"IDAT", part(5, std::ssize(data))},
                        {"IEND", {}}};
  CHECK(pixels_of(png_of(in_parts)) == byte_vector{1, 2, 3});
}

TEST_CASE("PNG: headers that are not valid are refused in plain words") {
  const byte_vector data = support::stored_zlib({0, 1, 2, 3});
  const auto check = [&](const chunks& given, const std::string& message) {
    check_refused(png_of(given), errc::invalid_image, "damaged: " + message);
  };
  const std::pair<std::string, byte_vector> ihdr{"IHDR", header(1, 1, 8, 2)}, idat{"IDAT", data}, end{"IEND", {}};
  check({idat, end}, "its first chunk is not its header");
  check({ihdr, ihdr, idat, end}, "a second header");
  check({{"IHDR", {0, 0, 0, 1}}, idat, end}, "its header has 4 bytes, expected 13");
  check({{"IHDR", header(1, 1, 3, 0)}, idat, end}, "pixels of colour type 0 with 3 bits, which PNG does not have");
  check({{"IHDR", header(1, 1, 16, 3)}, idat, end}, "pixels of colour type 3 with 16 bits, which PNG does not have");
  check({{"IHDR", header(1, 1, 4, 2)}, idat, end}, "pixels of colour type 2 with 4 bits, which PNG does not have");
  check({{"IHDR", header(1, 1, 8, 5)}, idat, end}, "pixels of colour type 5 with 8 bits, which PNG does not have");
  check({{"IHDR", header(1, 1, 0, 0)}, idat, end}, "pixels of colour type 0 with 0 bits, which PNG does not have");
  for (const std::size_t method : {10u, 11u, 12u}) {
    byte_vector odd = header(1, 1, 8, 2);
    odd[method] = 2;
    check({{"IHDR", odd}, idat, end}, "a method of compression, filtering or interlacing that PNG does not have");
  }
  check({{"IHDR", header(0, 5, 8, 2)}, idat, end}, "its header states 0x5 pixels");
  check({{"IHDR", header(1, 1, 8, 3)}, idat, end}, "its pixels are indices, but it has no palette");
  check({{"IHDR", header(1, 1, 8, 3)}, {"PLTE", {1, 2}}, idat, end},
        "a palette of 2 bytes, expected 3 for each of up to 256 colours");
  check({ihdr, {"A?CD", {}}, idat, end}, "a chunk whose name is not four letters");
  check({ihdr, end}, "a PNG without pixels");
  check_refused(png_of({ihdr, {"ABCD", {}}, idat, end}), errc::unsupported,
                "unsupported format: PNG with a chunk ABCD, without which it must not be decoded");
}

TEST_CASE("PNG: data that do not inflate to its pixels are refused in plain words") {
  const auto check = [](const byte_vector& data, const std::string& message) {
    check_refused(png_of({{"IHDR", header(2, 2, 8, 0)}, {"IDAT", data}, {"IEND", {}}}), errc::invalid_image,
                  "damaged: " + message);
  };
  check(support::stored_zlib({0, 1, 2}), "it has fewer pixels than its header states");
  check(support::stored_zlib({0, 1, 2, 7, 3, 4}), "a row has a filter that PNG does not have");
  byte_vector zlib = support::stored_zlib({0, 1, 2, 0, 3, 4});
  const byte_vector whole_zlib = zlib;
  for (const std::size_t at : {0u, 1u, 2u, 3u, 5u}) {
    zlib = whole_zlib;
    zlib[at] ^= 0x06;  // the method, its check, the kind of block, its length
    check(zlib, "its compressed data is damaged");
  }
}

#else
TEST_CASE("PNG") { MESSAGE("skipped: built without stb_image"); }
#endif
