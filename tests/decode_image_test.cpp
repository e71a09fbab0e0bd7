#include "support/files.hpp"
#include "support/hand_made_images.hpp"
#include "support/tiny_images.hpp"

#include <mobilenet/decode_image.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using mobilenet::decode_image;
using mobilenet::errc;
using support::byte_vector;
using support::make_bmp;
using support::make_png;

auto decode(std::span<const std::uint8_t> bytes, const mobilenet::decode_limits& limits = {}) {
  return decode_image(std::as_bytes(bytes), limits);
}

byte_vector pixels_of(const mobilenet::image& image) {
  return {image.data(), image.data() + std::size_t{image.width()} * image.height() * 3};
}

// Decodes bytes and compares size and pixels.
void check_pixels(std::span<const std::uint8_t> bytes, std::uint32_t width, std::uint32_t height,
                  const byte_vector& expected) {
  const auto image = decode(bytes);
  REQUIRE_MESSAGE(image, image.error().message);
  CHECK(image->width() == width);
  CHECK(image->height() == height);
  CHECK(pixels_of(*image) == expected);
}

void check_refused(std::span<const std::uint8_t> bytes, errc code, const std::string& message) {
  const auto image = decode(bytes);
  REQUIRE_FALSE(image);
  CHECK(image.error().code == code);
  CHECK(image.error().message == message);
}

// Largest difference from the picture that tiny_images holds.
int distance_from_picture(std::span<const std::uint8_t> bytes, bool grey = false) {
  const auto image = decode(bytes);
  REQUIRE_MESSAGE(image, image.error().message);
  REQUIRE(image->width() == tiny_images::width);
  REQUIRE(image->height() == tiny_images::height);
  int worst = 0;
  const std::uint8_t* p = image->data();
  for (int y = 0; y < static_cast<int>(tiny_images::height); ++y)
    for (int x = 0; x < static_cast<int>(tiny_images::width); ++x, p += 3) {
      int rgb[3] = {200 - 8 * x, 40 + 6 * y, 30 + 9 * x};
      if (grey) rgb[0] = rgb[1] = rgb[2] = (299 * rgb[0] + 587 * rgb[1] + 114 * rgb[2]) / 1000;
      for (int c = 0; c < 3; ++c) worst = std::max(worst, std::abs(rgb[c] - p[c]));
    }
  return worst;
}

constexpr const char* unknown_format = "image: neither a JPEG, a PNG nor a BMP file, or its header is damaged";
constexpr const char* truncated = "image: truncated: the file ends before the pixels do";

}  // namespace

TEST_CASE("JPEG: baseline, subsampled, progressive, grey, CMYK, with a thumbnail inside") {
  CHECK(distance_from_picture(tiny_images::jpeg_baseline) <= 8);
  CHECK(distance_from_picture(tiny_images::jpeg_progressive) <= 8);
  CHECK(distance_from_picture(tiny_images::jpeg_subsampled) <= 16);
  CHECK(distance_from_picture(tiny_images::jpeg_with_thumbnail) <= 8);
  CHECK(distance_from_picture(tiny_images::jpeg_grey, true) <= 8);
  CHECK(distance_from_picture(tiny_images::jpeg_cmyk) <= 40);
}

TEST_CASE("PNG: deflated, palette, grey with alpha") {
  CHECK(distance_from_picture(tiny_images::png_deflated) == 0);
  CHECK(distance_from_picture(tiny_images::png_palette) <= 40);
  CHECK(distance_from_picture(tiny_images::png_grey_alpha, true) <= 1);
}

TEST_CASE("PNG: every colour type becomes RGB, alpha is dropped, 16 bits keep the upper 8") {
  check_pixels(make_png(2, 1, support::png_rgb, 8, {0, 1, 2, 3, 4, 5, 6}), 2, 1, {1, 2, 3, 4, 5, 6});
  check_pixels(make_png(1, 2, support::png_grey, 8, {0, 7, 0, 9}), 1, 2, {7, 7, 7, 9, 9, 9});
  check_pixels(make_png(1, 1, support::png_grey_alpha, 8, {0, 50, 3}), 1, 1, {50, 50, 50});
  check_pixels(make_png(1, 1, support::png_rgba, 8, {0, 10, 20, 30, 0}), 1, 1, {10, 20, 30});
  check_pixels(make_png(1, 1, support::png_rgb, 16, {0, 10, 255, 20, 0, 30, 128}), 1, 1, {10, 20, 30});
  check_pixels(make_png(1, 1, support::png_grey, 16, {0, 77, 200}), 1, 1, {77, 77, 77});
  check_pixels(make_png(8, 1, support::png_grey, 1, {0, 0b10000001}), 8, 1,
               {255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255});
  check_pixels(make_png(2, 1, support::png_palette, 8, {0, 1, 0}, {1, 2, 3, 4, 5, 6}), 2, 1, {4, 5, 6, 1, 2, 3});
}

TEST_CASE("BMP: 24 bits from the bottom up and from the top down, palette, 16 and 32 bits") {
  const byte_vector rows{3, 2, 1, 6, 5, 4, 0, 0, 13, 12, 11, 16, 15, 14, 0, 0};  // two rows of two BGR pixels
  check_pixels(make_bmp(2, 2, 24, rows), 2, 2, {11, 12, 13, 14, 15, 16, 1, 2, 3, 4, 5, 6});
  check_pixels(make_bmp(2, -2, 24, rows), 2, 2, {1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16});
  check_pixels(make_bmp(1, -1, 32, {3, 2, 1, 0}), 1, 1, {1, 2, 3});
  check_pixels(make_bmp(1, 1, 32, {3, 2, 1, 255}), 1, 1, {1, 2, 3});
  check_pixels(make_bmp(3, 1, 8, {1, 0, 1, 0}, {30, 20, 10, 0, 60, 50, 40, 0}), 3, 1, {40, 50, 60, 10, 20, 30, 40, 50, 60});
  check_pixels(make_bmp(2, 1, 1, {0b01000000, 0, 0, 0}, {30, 20, 10, 0, 60, 50, 40, 0}), 2, 1, {10, 20, 30, 40, 50, 60});
  check_pixels(make_bmp(1, 1, 16, {0xff, 0x7f, 0, 0}), 1, 1, {255, 255, 255});
}

TEST_CASE("what is no image is refused in one line") {
  check_refused({}, errc::invalid_image, "image: the file is empty");
  check_refused(byte_vector{0}, errc::invalid_image, unknown_format);
  check_refused(byte_vector{'B', 'M'}, errc::invalid_image, unknown_format);
  check_refused(byte_vector{0xff, 0xd8}, errc::invalid_image, unknown_format);
  check_refused(byte_vector(1000, 0xff), errc::invalid_image, unknown_format);
  const std::string text = "GIF89a and then some text that is no picture at all";
  check_refused(byte_vector(text.begin(), text.end()), errc::invalid_image, unknown_format);
}

TEST_CASE("an image without pixels is refused") {
  CHECK_FALSE(decode(make_png(0, 1, support::png_rgb, 8, {0})));
  CHECK_FALSE(decode(make_png(1, 0, support::png_rgb, 8, {0})));
  CHECK_FALSE(decode(make_bmp(0, 1, 24, {0, 0, 0, 0})));
  CHECK_FALSE(decode(make_bmp(1, 0, 24, {0, 0, 0, 0})));
}

TEST_CASE("too many pixels are refused from the header alone") {
  const std::string expected = "image: 100000x100000 pixels, expected at most 40000000 in all";
  check_refused(make_png(100'000, 100'000, support::png_rgb, 8, {0}), errc::image_too_large, expected);
  check_refused(make_png(100'000, 100'000, support::png_palette, 8, {0}, {0, 0, 0}), errc::image_too_large, expected);
  check_refused(make_bmp(100'000, 100'000, 24, {}), errc::image_too_large, expected);
  check_refused(make_bmp(100'000, -100'000, 24, {}), errc::image_too_large, expected);
  check_refused(make_png(4'000'000'000u, 4'000'000'000u, support::png_rgb, 8, {0}), errc::image_too_large,
                "image: 4000000000x4000000000 pixels, expected at most 40000000 in all");
  check_refused(make_bmp(0x7fffffff, -0x7fffffff - 1, 24, {}), errc::image_too_large,
                "image: 2147483647x2147483648 pixels, expected at most 40000000 in all");

  byte_vector jpeg(std::begin(tiny_images::jpeg_baseline), std::end(tiny_images::jpeg_baseline));
  const std::uint8_t frame[] = {0xff, 0xc0};
  const auto at = std::search(jpeg.begin(), jpeg.end(), std::begin(frame), std::end(frame));
  REQUIRE(at != jpeg.end());
  std::fill_n(at + 5, 4, std::uint8_t{0xff});  // height and width
  check_refused(jpeg, errc::image_too_large, "image: 65535x65535 pixels, expected at most 40000000 in all");

  const auto small = decode(tiny_images::png_deflated, {.max_pixels = 259});
  REQUIRE_FALSE(small);
  CHECK(small.error().message == "image: 20x13 pixels, expected at most 259 in all");
  CHECK(decode(tiny_images::png_deflated, {.max_pixels = 260}));
}

TEST_CASE("a small PNG that inflates to far more than its pixels does not get the memory") {
  // deflate, fixed codes: a zero, then "repeat the last byte 258 times" in 13 bits, again and again.
  byte_vector deflated{0x78, 0x01};
  std::uint64_t buffer = 0;
  int bits = 0;
  const auto put = [&](std::uint32_t value, int count) {
    buffer |= std::uint64_t{value} << bits;
    for (bits += count; bits >= 8; bits -= 8, buffer >>= 8) deflated.push_back(static_cast<std::uint8_t>(buffer));
  };
  put(0b011, 3);       // last block, fixed codes
  put(0b00001100, 8);  // literal 0
  constexpr int repeats = 4'000'000;
  for (int i = 0; i < repeats; ++i) put(0b10100011, 13);  // length 258, distance 1: 1 GB from 6.5 MB
  put(0, 7 + 8);

  byte_vector bomb = make_png(1, 1, support::png_rgb, 8, {});
  bomb.resize(8 + 25);  // signature and IHDR
  support::append_png_chunk(bomb, "IDAT", deflated);
  support::append_png_chunk(bomb, "IEND", {});
  check_refused(bomb, errc::invalid_image, "image: damaged: it inflates to more than its pixels can hold");
}

TEST_CASE("a JPEG cut anywhere is refused") {
  for (const auto jpeg : {std::span<const std::uint8_t>(tiny_images::jpeg_baseline),
                          std::span<const std::uint8_t>(tiny_images::jpeg_progressive),
                          std::span<const std::uint8_t>(tiny_images::jpeg_with_thumbnail)})
    for (std::size_t length = 0; length < jpeg.size(); ++length) {
      const auto image = decode(jpeg.first(length));
      REQUIRE_MESSAGE(!image, length);
      CHECK(image.error().code == errc::invalid_image);
      CHECK(image.error().message.find('\n') == std::string::npos);
    }
  check_refused(std::span(tiny_images::jpeg_baseline).first(sizeof tiny_images::jpeg_baseline - 1), errc::invalid_image,
                truncated);
}

TEST_CASE("a PNG cut anywhere is refused") {
  const std::span<const std::uint8_t> png(tiny_images::png_deflated);
  for (std::size_t length = 0; length < png.size() - 8; ++length) {  // the last 8 bytes only say "end"
    const auto image = decode(png.first(length));
    REQUIRE_MESSAGE(!image, length);
    CHECK(image.error().code == errc::invalid_image);
  }
  check_refused(png.first(png.size() - 30), errc::invalid_image, truncated);
}

TEST_CASE("a BMP cut anywhere is refused") {
  const byte_vector bmp = make_bmp(2, 2, 24, {3, 2, 1, 6, 5, 4, 0, 0, 13, 12, 11, 16, 15, 14, 0, 0});
  for (std::size_t length = 0; length < bmp.size(); ++length) {
    const auto image = decode(std::span(bmp).first(length));
    REQUIRE_MESSAGE(!image, length);
    CHECK(image.error().code == errc::invalid_image);
  }
  check_refused(std::span(bmp).first(bmp.size() - 1), errc::invalid_image, truncated);
}

TEST_CASE("a JPEG whose Huffman table has more codes than bytes exist is refused") {
  byte_vector jpeg(std::begin(tiny_images::jpeg_baseline), std::end(tiny_images::jpeg_baseline));
  const std::uint8_t tables[] = {0xff, 0xc4};
  const auto at = std::search(jpeg.begin(), jpeg.end(), std::begin(tables), std::end(tables));
  REQUIRE(at != jpeg.end());
  std::fill_n(at + 5, 16, std::uint8_t{17});
  check_refused(jpeg, errc::invalid_image, "image: damaged: a Huffman table has more than 256 codes");
}

TEST_CASE("a JPEG that lacks its Huffman tables decodes to nothing random") {
  byte_vector jpeg(std::begin(tiny_images::jpeg_baseline), std::end(tiny_images::jpeg_baseline));
  const std::uint8_t tables[] = {0xff, 0xc4};
  for (auto at = jpeg.begin(); (at = std::search(at, jpeg.end(), std::begin(tables), std::end(tables))) != jpeg.end();)
    at[1] = 0xfe;  // a comment
  const auto first = decode(jpeg);
  const auto second = decode(jpeg);
  REQUIRE(first.has_value() == second.has_value());
  if (first) CHECK(pixels_of(*first) == pixels_of(*second));
}

TEST_CASE("random damage crashes nothing") {
  std::mt19937 random(1);
  const std::span<const std::uint8_t> originals[] = {tiny_images::jpeg_baseline, tiny_images::jpeg_progressive,
                                                     tiny_images::png_deflated,  tiny_images::png_palette};
  const byte_vector bmp = make_bmp(3, 1, 8, {1, 0, 1, 0}, {30, 20, 10, 0, 60, 50, 40, 0});
  std::size_t decoded = 0;
  for (int round = 0; round < 10'000; ++round)
    for (const auto original : {originals[round % 2], originals[2 + round % 2], std::span<const std::uint8_t>(bmp)}) {
      byte_vector bytes(original.begin(), original.end());
      for (std::size_t flips = 1 + random() % 4; flips > 0; --flips) bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
      if (random() % 8 == 0) bytes.resize(random() % bytes.size());
      // Small, so that a damaged size costs no time; sizes are another test.
      const auto image = decode(bytes, {.max_pixels = 1'000'000});
      if (image) {
        ++decoded;
        unsigned sum = 0;  // every pixel is there to be read
        for (const std::uint8_t sample : pixels_of(*image)) sum += sample;
        CHECK(sum <= 255u * 3 * 1'000'000);
      } else {
        CHECK(image.error().message.find('\n') == std::string::npos);
      }
    }
  CHECK(decoded > 0);
}

TEST_CASE("photos decode to the very pixels of their lossless copies") {
  const std::string data = support::test_data();
  if (data.empty()) return;
  for (const char* name : {"cat_progressive.jpg", "china.jpg", "flower.jpg", "hot_dog.jpg", "panda.jpg", "parrot.jpg",
                           "rocket.jpg", "astronaut.png", "camera.png", "chelsea.png", "coffee.png"}) {
    CAPTURE(name);
    const std::string stem = std::string(name).substr(0, std::string(name).find('.'));
    const auto photo = decode_image(support::read_file(data + "/images/" + name));
    const auto copy = decode_image(support::read_file(data + "/images/pixels/" + stem + ".png"));
    REQUIRE(photo);
    REQUIRE(copy);
    CHECK(photo->width() == copy->width());
    REQUIRE(photo->height() == copy->height());
    CHECK(std::memcmp(photo->data(), copy->data(), std::size_t{photo->width()} * photo->height() * 3) == 0);
  }
}
