#include "support/files.hpp"
#include "support/hand_made_images.hpp"
#include "support/tiny_images.hpp"

#include <mobilenet/image/decode_image.hpp>
#include <mobilenet/image/exif.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace {

using mobilenet::decode_image;
using mobilenet::errc;
using support::byte_vector;
using support::find_marker;
using support::make_bmp;
using support::make_core_bmp;
using support::make_png;

auto decode(std::span<const std::uint8_t> bytes, const mobilenet::decode_options& options = {}) {
  return decode_image(std::as_bytes(bytes), options);
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

// The picture that tiny_images holds.
byte_vector picture() {
  byte_vector rgb;
  for (unsigned y = 0; y < tiny_images::height; ++y)
    for (unsigned x = 0; x < tiny_images::width; ++x)
      for (const unsigned sample : {200 - 8 * x, 40 + 6 * y, 30 + 9 * x})
        rgb.push_back(static_cast<std::uint8_t>(sample));
  return rgb;
}

// Largest difference of a sample from what another decoder made of the file.
int distance(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> expected) {
  const auto image = decode(bytes);
  REQUIRE_MESSAGE(image, image.error().message);
  REQUIRE(image->width() == tiny_images::width);
  REQUIRE(image->height() == tiny_images::height);
  REQUIRE(expected.size() == pixels_of(*image).size());
  int worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) worst = std::max(worst, std::abs(image->data()[i] - expected[i]));
  return worst;
}

// A JPEG with an EXIF block of one tag; orientation may be out of range.
byte_vector with_exif(std::span<const std::uint8_t> jpeg, std::uint16_t orientation, bool big_endian) {
  byte_vector block{'E', 'x', 'i', 'f', 0, 0};
  const auto low = static_cast<std::uint8_t>(orientation);
  const auto high = static_cast<std::uint8_t>(orientation >> 8);
  support::append(
      block, big_endian ? byte_vector{'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1, 1, 18, 0, 3, 0, 0, 0, 1, high, low, 0, 0}
                        : byte_vector{'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 18, 1, 3, 0, 1, 0, 0, 0, low, high, 0, 0});
  byte_vector out(jpeg.begin(), jpeg.begin() + 2);
  support::append(out, byte_vector{0xff, 0xe1, 0, static_cast<std::uint8_t>(block.size() + 2)});
  support::append(out, block);
  support::append(out, jpeg.subspan(2));
  return out;
}

constexpr const char* truncated = "image: truncated: the file ends before the pixels do";

}  // namespace

TEST_CASE("JPEG of every kind decodes as libjpeg-turbo decodes it, within 2 steps of 255") {
  namespace decoded = tiny_images::decoded;
  CHECK(distance(tiny_images::jpeg_baseline, decoded::jpeg_baseline) <= 2);
  CHECK(distance(tiny_images::jpeg_progressive, decoded::jpeg_baseline) <= 2);
  CHECK(distance(tiny_images::jpeg_with_thumbnail, decoded::jpeg_baseline) <= 2);
  CHECK(distance(tiny_images::jpeg_restarts, picture()) <= 8);
  CHECK(distance(tiny_images::jpeg_subsampled, decoded::jpeg_subsampled) <= 2);
  CHECK(distance(tiny_images::jpeg_rgb, decoded::jpeg_rgb) <= 2);
  CHECK(distance(tiny_images::jpeg_grey, decoded::jpeg_grey) <= 2);
  CHECK(distance(tiny_images::jpeg_cmyk, decoded::jpeg_cmyk) <= 2);
  CHECK(distance(tiny_images::jpeg_cmyk_without_adobe, decoded::jpeg_cmyk) <= 2);
  CHECK(distance(tiny_images::jpeg_ycck, decoded::jpeg_ycck) <= 2);
  CHECK(distance(tiny_images::jpeg_ycck, picture()) <= 8);
}

TEST_CASE("PNG of every kind decodes to the very pixels") {
  namespace decoded = tiny_images::decoded;
  CHECK(distance(tiny_images::png_deflated, picture()) == 0);
  CHECK(distance(tiny_images::png_rgba, picture()) == 0);
  CHECK(distance(tiny_images::png_interlaced, picture()) == 0);
  CHECK(distance(tiny_images::png_interlaced_16_bit, picture()) == 0);
  CHECK(distance(tiny_images::png_palette, decoded::png_palette) == 0);
  CHECK(distance(tiny_images::png_palette_transparent, decoded::png_palette) == 0);
  CHECK(distance(tiny_images::png_interlaced_palette, decoded::png_palette) == 0);
  CHECK(distance(tiny_images::png_grey_alpha, decoded::png_grey_alpha) == 0);
}

TEST_CASE("EXIF orientation is ignored, or applied on request") {
  const mobilenet::decode_options upright{.apply_exif_orientation = true};
  const byte_vector stored = pixels_of(*decode(tiny_images::jpeg_baseline));
  const std::uint32_t width = tiny_images::width;
  const std::uint32_t height = tiny_images::height;
  for (std::uint16_t orientation = 1; orientation <= 8; ++orientation)
    for (const bool big_endian : {false, true}) {
      CAPTURE(orientation);
      const byte_vector jpeg = with_exif(tiny_images::jpeg_baseline, orientation, big_endian);
      check_pixels(jpeg, width, height, stored);
      const auto image = decode(jpeg, upright);
      REQUIRE(image);
      const bool transposed = orientation >= 5;
      REQUIRE(image->width() == (transposed ? height : width));
      REQUIRE(image->height() == (transposed ? width : height));
      // Tells by the stored pictures' corners which of them each corner of the upright one is.
      const auto corner = [&](const byte_vector& pixels, std::uint32_t w, std::uint32_t h, bool right, bool bottom) {
        const std::size_t at = std::size_t{3} * ((bottom ? h - 1 : 0) * w + (right ? w - 1 : 0));
        return byte_vector(&pixels[at], &pixels[at] + 3);
      };
      const auto corner_of_six = [&](unsigned value) {  // 0, 2, 3 and 5 are the corners of the 3x2 numbers
        return corner(stored, width, height, value % 3 == 2, value >= 3);
      };
      const auto* numbers = tiny_images::turned[orientation - 1];
      const byte_vector found = pixels_of(*image);
      const std::uint32_t w = image->width();
      const std::uint32_t h = image->height();
      CHECK(corner(found, w, h, false, false) == corner_of_six(numbers[0]));
      CHECK(corner(found, w, h, true, false) == corner_of_six(numbers[transposed ? 1 : 2]));
      CHECK(corner(found, w, h, false, true) == corner_of_six(numbers[transposed ? 4 : 3]));
      CHECK(corner(found, w, h, true, true) == corner_of_six(numbers[5]));
    }
}

TEST_CASE("pixels are turned as Pillow turns them") {
  for (unsigned orientation = 0; orientation <= 9; ++orientation) {
    CAPTURE(orientation);
    auto numbers = mobilenet::image::create(3, 2);
    REQUIRE(numbers);
    for (unsigned i = 0; i < 18; ++i) numbers->data()[i] = static_cast<std::uint8_t>(i / 3);
    const auto image = mobilenet::detail::orient_image(*std::move(numbers), orientation);
    REQUIRE(image);
    const bool known = orientation >= 1 && orientation <= 8;
    CHECK(image->width() == (known && orientation >= 5 ? 2 : 3));
    for (unsigned i = 0; i < 6; ++i)
      CHECK(image->data()[3 * i + 1] == tiny_images::turned[known ? orientation - 1 : 0][i]);
  }
}

TEST_CASE("EXIF: a PNG's too; nonsense counts as upright") {
  const mobilenet::decode_options upright{.apply_exif_orientation = true};
  const auto turned = decode(tiny_images::png_with_exif, upright);
  REQUIRE(turned);
  CHECK(turned->width() == tiny_images::height);
  CHECK(decode(tiny_images::png_with_exif)->width() == tiny_images::width);
  for (const std::uint16_t orientation : std::initializer_list<std::uint16_t>{0, 9, 1536}) {
    const auto image = decode(with_exif(tiny_images::jpeg_baseline, orientation, true), upright);
    REQUIRE(image);
    CHECK(image->width() == tiny_images::width);
  }
  // Any byte of the block may be wrong.
  const byte_vector jpeg = with_exif(tiny_images::jpeg_baseline, 6, true);
  for (std::size_t at = 6; at < 34; ++at)
    for (const std::uint8_t wrong : byte_vector{0, 1, 127, 255}) {
      byte_vector damaged = jpeg;
      damaged[at] = wrong;
      const auto image = decode(damaged, upright);
      REQUIRE_MESSAGE(image, image.error().message);
    }
}

TEST_CASE("PNG: every colour type becomes RGB, alpha is dropped, 16 bits keep the upper 8") {
  check_pixels(make_png(2, 1, support::png_rgb, 8, {0, 1, 2, 3, 4, 5, 6}), 2, 1, {1, 2, 3, 4, 5, 6});
  check_pixels(make_png(1, 2, support::png_grey, 8, {0, 7, 0, 9}), 1, 2, {7, 7, 7, 9, 9, 9});
  check_pixels(make_png(1, 1, support::png_grey_alpha, 8, {0, 50, 3}), 1, 1, {50, 50, 50});
  check_pixels(make_png(1, 1, support::png_rgba, 8, {0, 10, 20, 30, 0}), 1, 1, {10, 20, 30});
  check_pixels(make_png(1, 1, support::png_rgb, 16, {0, 10, 255, 20, 0, 30, 128}), 1, 1, {10, 20, 30});
  check_pixels(make_png(1, 1, support::png_grey, 16, {0, 77, 200}), 1, 1, {77, 77, 77});
  check_pixels(make_png(1, 1, support::png_grey_alpha, 16, {0, 77, 200, 0, 0}), 1, 1, {77, 77, 77});
  check_pixels(make_png(1, 1, support::png_rgba, 16, {0, 10, 255, 20, 0, 30, 128, 0, 0}), 1, 1, {10, 20, 30});
  check_pixels(make_png(2, 1, support::png_grey, 4, {0, 0x3c}), 2, 1, {51, 51, 51, 204, 204, 204});
  check_pixels(make_png(4, 1, support::png_grey, 2, {0, 0b00011011}), 4, 1,
               {0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255});
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
  check_pixels(make_bmp(3, 1, 8, {1, 0, 1, 0}, {30, 20, 10, 0, 60, 50, 40, 0}), 3, 1,
               {40, 50, 60, 10, 20, 30, 40, 50, 60});
  check_pixels(make_bmp(2, 1, 1, {0b01000000, 0, 0, 0}, {30, 20, 10, 0, 60, 50, 40, 0}), 2, 1,
               {10, 20, 30, 40, 50, 60});
  check_pixels(make_bmp(1, 1, 16, {0xff, 0x7f, 0, 0}), 1, 1, {255, 255, 255});
  check_pixels(make_bmp(1, 1, 16, {0x03, 0x00, 0, 0}), 1, 1, {0, 0, 25});  // 255 * 3 / 31, rounded
}

TEST_CASE("BMP: colours that a palette lacks are black, not what the stack held; palettes of OS/2") {
  const byte_vector two{30, 20, 10, 0, 60, 50, 40, 0};
  check_pixels(make_bmp(3, 1, 8, {1, 2, 255, 0}, two), 3, 1, {40, 50, 60, 0, 0, 0, 0, 0, 0});
  check_pixels(make_bmp(3, -1, 4, {0x1f, 0x00, 0, 0}, two), 3, 1, {40, 50, 60, 0, 0, 0, 10, 20, 30});
  check_pixels(make_bmp(2, -2, 8, {0, 0, 0, 0, 1, 1, 0, 0}, two), 2, 2,
               {10, 20, 30, 10, 20, 30, 40, 50, 60, 40, 50, 60});
  const byte_vector core{30, 20, 10, 60, 50, 40};
  check_pixels(make_core_bmp(2, 1, 1, {0b01000000, 0, 0, 0}, core), 2, 1, {10, 20, 30, 40, 50, 60});
  check_pixels(make_core_bmp(3, 2, 4, {0x01, 0x00, 0, 0, 0x11, 0x10, 0, 0}, core), 3, 2,
               {40, 50, 60, 40, 50, 60, 40, 50, 60, 10, 20, 30, 40, 50, 60, 10, 20, 30});
  byte_vector all(768);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i / 3);
  check_pixels(make_core_bmp(2, 1, 8, {255, 252, 0, 0}, all), 2, 1, {255, 255, 255, 252, 252, 252});
}

TEST_CASE("BMP: pixels that do not follow the header at once, headers of other lengths, colour masks") {
  const byte_vector rows{3, 2, 1, 6, 5, 4, 0, 0};
  const byte_vector two{1, 2, 3, 4, 5, 6};
  for (const int gap : {1, 4, 100}) check_pixels(support::with_gap(make_bmp(2, 1, 24, rows), gap), 2, 1, two);
  check_pixels(support::with_gap(make_bmp(3, 1, 8, {1, 0, 2, 0}, {30, 20, 10, 0, 60, 50, 40, 0}), 8), 3, 1,
               {40, 50, 60, 10, 20, 30, 0, 0, 0});
  for (const int header : {52, 56, 64, 108, 124}) {
    byte_vector longer = support::with_gap(make_bmp(2, 1, 24, rows), header - 40);
    longer[14] = static_cast<std::uint8_t>(header);
    check_pixels(longer, 2, 1, two);
  }
  // 16 bits as 5-6-5: white, and pure green of the lowest step, which is 4 of 255.
  const byte_vector masks{0x00, 0xf8, 0, 0, 0xe0, 0x07, 0, 0, 0x1f, 0, 0, 0};
  const byte_vector white_and_green{0xff, 0xff, 0x20, 0x00};
  check_pixels(make_bmp(2, 1, 16, white_and_green, masks, 3), 2, 1, {255, 255, 255, 0, 4, 0});
  check_pixels(support::with_gap(make_bmp(2, 1, 16, white_and_green, masks, 3), 8), 2, 1, {255, 255, 255, 0, 4, 0});
  const byte_vector ten_bits{0, 0, 0xf0, 0x3f, 0, 0xfc, 0x0f, 0, 0xff, 0x03, 0, 0};
  check_pixels(make_bmp(2, 1, 32, {0xff, 0x03, 0x30, 0x20, 0, 0, 0, 0}, ten_bits, 3), 2, 1, {128, 0, 255, 0, 0, 0});
  const byte_vector no_green{0, 0, 0xff, 0, 0, 0, 0, 0, 0xff, 0, 0, 0};
  check_pixels(make_bmp(1, 1, 32, {3, 2, 1, 9}, no_green, 3), 1, 1, {1, 0, 3});
  const byte_vector wide_mask{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0x1f, 0, 0, 0};  // more bits than a pixel has
  check_pixels(make_bmp(2, 1, 16, {0xff, 0xff, 0, 0}, wide_mask, 3), 2, 1, {255, 0, 255, 0, 0, 0});
  byte_vector odd = make_bmp(2, 1, 24, rows);
  odd[14] = 41;
  check_refused(odd, errc::invalid_image, "image: damaged: a BMP with a header of 41 bytes");
  check_refused(make_bmp(2, 1, 3, rows), errc::unsupported, "image: unsupported format: BMP with 3 bits a pixel");
}

TEST_CASE("JPEG: what decoders would fill with grey is refused where it can be told") {
  const byte_vector good(std::begin(tiny_images::jpeg_baseline), std::end(tiny_images::jpeg_baseline));
  const auto scan = find_marker(good, 0xda) - good.begin();
  byte_vector jpeg(good.begin(), good.begin() + scan);
  support::append(jpeg, byte_vector{0xff, 0xd9});
  check_refused(jpeg, errc::invalid_image, "image: damaged: a JPEG without a scan");

  jpeg.assign(good.begin(), good.begin() + scan + 2 + good[static_cast<std::size_t>(scan) + 3]);
  support::append(jpeg, byte_vector{0x12, 0xff, 0xd9});
  check_refused(jpeg, errc::invalid_image, "image: damaged: its compressed data ends before its pixels do");

  jpeg = good;
  for (auto at = find_marker(jpeg, 0xdb) - jpeg.begin(); at < scan; ++at)
    if (jpeg[static_cast<std::size_t>(at)] == 0xff && jpeg[static_cast<std::size_t>(at) + 1] == 0xdb)
      jpeg[static_cast<std::size_t>(at) + 1] = 0xfe;  // a comment
  check_refused(jpeg, errc::invalid_image, "image: damaged: quantisation table 0 is missing");

  jpeg = good;
  find_marker(jpeg, 0xc0)[1] = 0xfe;
  check_refused(jpeg, errc::invalid_image, "image: damaged: a scan before the frame");

  // Two kilobytes that would take minutes: the one scan again and again, over many pixels.
  jpeg.assign(good.begin(), good.end() - 2);
  const byte_vector again(good.begin() + scan, good.end() - 2);
  support::append(jpeg, again);
  support::append(jpeg, byte_vector{0xff, 0xd9});
  check_refused(jpeg, errc::invalid_image, "image: damaged: a JPEG with more scans than components");
}

TEST_CASE("what is no image is refused in one line that says what it is") {
  using namespace std::string_literals;
  check_refused({}, errc::invalid_image, "image: the file is empty");
  const std::string heic_brands =
      "\0\0\0\x18"
      "ftypmif1\0\0\0\0mif1"s;
  const struct {
    std::string bytes;
    std::string found;
  } others[] = {
      {"\0"s, "it begins with 00"},
      {"\xff\xd8", "it begins with ff d8"},
      {std::string(1000, '\xff'), "it begins with ff ff ff ff ff ff ff ff"},
      {"just a text", "it begins with 6a 75 73 74 20 61 20 74"},
      {"BMW is a make of cars", "it begins with 42 4d 57 20 69 73 20 61"},
      {"RIFF\x10\0\0\0WEBPVP8 "s, "WebP"},
      {"RIFF\x10\0\0\0WAVEfmt "s, "it begins with 52 49 46 46 10 00 00 00"},
      {"\0\0\0\x1c"
       "ftypavif\0\0\0\0avifmif1"s,
       "AVIF"},
      {"\0\0\0\x1c"
       "ftypmif1\0\0\0\0mif1avif"s,
       "AVIF"},
      {"\0\0\0\x18"
       "ftypheic\0\0\0\0mif1"s,
       "HEIC"},
      {heic_brands + "heic", "HEIC"},
      {"\0\0\0\x18"
       "ftypisom\0\0\2\0mp42"s,
       "MP4 or QuickTime"},
      {"GIF89a and then some text that is no picture at all", "GIF"},
      {"GIF87a", "GIF"},
      {"II*\0\x08\0\0\0"s, "TIFF"},
      {"MM\0*\0\0\0\x08"s, "TIFF"},
      {"%PDF-1.7", "PDF"},
      {"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "SVG"},
      {"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- <html> -->\n<svg/>", "SVG"},
      {"<!DOCTYPE html><title>404 Not Found</title>", "HTML"},
      {"\r\n <HTML>", "HTML"},
      {"<?xml version=\"1.0\"?><note/>", "it begins with 3c 3f 78 6d 6c 20 76 65"},
      {"<!-- never closed", "it begins with 3c 21 2d 2d 20 6e 65 76"},
      {"\0\0\0\x0cJXL \r\n\x87\n"s, "JPEG XL"},
      {"\0\0\0\x0cjP  \r\n\x87\n"s, "JPEG 2000"},
      {"\0\0\1\0\1\0"s, "ICO"},
      {"8BPS\0\1"s, "PSD"},
      {"data:image/png;base64,iVBORw0KGgo=", "base64 text"},
      {"/9j/4AAQSkZJRg==", "base64 text"},
      {"\r\n\xff\xd8\xff\xe0", "2 bytes of white space before a JPEG"},
      {"\n\x89PNG\r\n\x1a\n", "1 byte of white space before a PNG"},
      {" \t\r\n", "it begins with 20 09 0d 0a"},
  };
  for (const auto& [text, found] : others)
    check_refused(byte_vector(text.begin(), text.end()), errc::unsupported,
                  "image: unsupported format: " + found + ", expected JPEG, PNG or BMP");
}

TEST_CASE("kinds of JPEG, PNG and BMP that are not read are named") {
  for (const auto& arithmetic : {std::span<const std::uint8_t>(tiny_images::jpeg_arithmetic),
                                 std::span<const std::uint8_t>(tiny_images::jpeg_arithmetic_progressive)})
    check_refused(arithmetic, errc::unsupported, "image: unsupported format: JPEG with arithmetic coding");
  byte_vector twelve_bits(std::begin(tiny_images::jpeg_baseline), std::end(tiny_images::jpeg_baseline));
  const auto at = find_marker(twelve_bits, 0xc0);
  at[4] = 12;
  check_refused(twelve_bits, errc::unsupported, "image: unsupported format: JPEG with 12 bits a sample, expected 8");
  byte_vector for_ios = make_png(1, 1, support::png_rgb, 8, {0, 1, 2, 3});
  const std::string chunk = "CgBI";
  std::copy(chunk.begin(), chunk.end(), for_ios.begin() + 12);
  check_refused(for_ios, errc::unsupported,
                "image: unsupported format: PNG as Xcode rewrites it for iOS, expected a standard one");
  check_refused(tiny_images::bmp_run_length, errc::unsupported,
                "image: unsupported format: BMP with run-length compression");
  check_refused(make_bmp(1, 1, 0, {0, 0, 0, 0}, {}, 4), errc::unsupported,
                "image: unsupported format: BMP with a JPEG or PNG inside");
}

TEST_CASE("a JPEG with hundreds of scans is refused: each costs a pass over all pixels") {
  byte_vector jpeg(std::begin(tiny_images::jpeg_progressive), std::end(tiny_images::jpeg_progressive));
  const auto scan = find_marker(jpeg, 0xda);
  const byte_vector header(scan, scan + 2 + scan[3]);
  byte_vector many(jpeg.begin(), scan);
  for (int i = 0; i < 101; ++i) support::append(many, header);
  support::append(many, byte_vector{0xff, 0xd9});
  check_refused(many, errc::invalid_image, "image: damaged: more than 100 scans");

  // Over many pixels 17 are too many.
  const auto size = find_marker(many, 0xc2) + 5;
  for (const int i : {0, 2}) size[i] = 6000 >> 8, size[i + 1] = 6000 & 255;
  check_refused(many, errc::invalid_image, "image: damaged: 17 scans over 6000x6000 pixels");
}

TEST_CASE("a JPEG whose sampling factors are no whole ratio is refused") {
  byte_vector jpeg(std::begin(tiny_images::jpeg_baseline), std::end(tiny_images::jpeg_baseline));
  const auto at = find_marker(jpeg, 0xc0);
  at[11] = 0x31;
  at[14] = 0x21;
  check_refused(jpeg, errc::unsupported, "image: unsupported format: JPEG whose sampling factors are not whole ratios");
}

TEST_CASE("decoders are asked one after the other until one knows the format") {
  unsigned asked = 0;
  const auto webp = [&](std::span<const std::byte> bytes,
                        const mobilenet::decode_options&) -> mobilenet::result<mobilenet::image> {
    ++asked;
    if (mobilenet::recognise_image(bytes) != mobilenet::image_format::webp)
      return mobilenet::unsupported_format(bytes, "WebP");
    return mobilenet::image::create(5, 7);
  };
  static_assert(mobilenet::image_decoder<decltype(webp)>);
  static_assert(mobilenet::image_decoder<decltype(decode_image)>);
  static_assert(!mobilenet::image_decoder<int>);
  const std::string file = "RIFF....WEBP";
  const auto known = mobilenet::decode_by_first(std::as_bytes(std::span(file)), {}, decode_image, webp);
  REQUIRE(known);
  CHECK(known->width() == 5);
  CHECK(asked == 1);
  const auto bytes = std::as_bytes(std::span(tiny_images::png_deflated));
  CHECK(mobilenet::decode_by_first(bytes, {}, webp, decode_image));
  CHECK(asked == 2);
  const auto unread = mobilenet::decode_by_first(bytes.first(4), {}, decode_image, webp);
  REQUIRE_FALSE(unread);
  CHECK(unread.error().message == "image: unsupported format: it begins with 89 50 4e 47, expected WebP");
  const auto broken = mobilenet::decode_by_first(bytes.first(40), {}, decode_image, webp);
  REQUIRE_FALSE(broken);
  CHECK(broken.error().code == errc::invalid_image);
}

TEST_CASE("an image without pixels is refused") {
  CHECK_FALSE(decode(make_png(0, 1, support::png_rgb, 8, {0})));
  CHECK_FALSE(decode(make_png(1, 0, support::png_rgb, 8, {0})));
  CHECK_FALSE(decode(make_bmp(0, 1, 24, {0, 0, 0, 0})));
  CHECK_FALSE(decode(make_bmp(1, 0, 24, {0, 0, 0, 0})));
}

TEST_CASE("too many pixels are refused from the header alone, in megapixels") {
  const std::string expected = "image: 100000x100000 is 10000 megapixels, expected at most 64";
  check_refused(make_png(100'000, 100'000, support::png_rgb, 8, {0}), errc::image_too_large, expected);
  check_refused(make_png(100'000, 100'000, support::png_palette, 8, {0}, {0, 0, 0}), errc::image_too_large, expected);
  check_refused(make_bmp(100'000, 100'000, 24, {}), errc::image_too_large, expected);
  check_refused(make_bmp(100'000, -100'000, 24, {}), errc::image_too_large, expected);
  check_refused(make_png(4'000'000'000u, 4'000'000'000u, support::png_rgb, 8, {0}), errc::image_too_large,
                "image: 4000000000x4000000000 is 16000000000000 megapixels, expected at most 64");
  check_refused(make_bmp(0x7fffffff, -0x7fffffff - 1, 24, {}), errc::image_too_large,
                "image: 2147483647x2147483648 is 4611686016280 megapixels, expected at most 64");

  byte_vector jpeg(std::begin(tiny_images::jpeg_baseline), std::end(tiny_images::jpeg_baseline));
  const auto at = find_marker(jpeg, 0xc0);
  std::fill_n(at + 5, 4, std::uint8_t{0xff});  // height and width
  check_refused(jpeg, errc::image_too_large, "image: 65535x65535 is 4294.9 megapixels, expected at most 64");
}

TEST_CASE("photos of 50 megapixels are allowed; a limit is stated so that it differs from what was found") {
  const auto message = [](std::uint32_t width, std::uint32_t height, const mobilenet::decode_options& options) {
    const auto image = decode(make_png(width, height, support::png_rgb, 8, {0}), options);
    REQUIRE_FALSE(image);
    return image.error().message;
  };
  const char* too_few = "image: damaged: it has fewer pixels than its header states";  // the size was accepted
  CHECK(message(8000, 6000, {}) == too_few);
  CHECK(message(8160, 6144, {}) == too_few);
  CHECK(message(8000, 8000, {}) == too_few);
  CHECK(message(8001, 8000, {}) == "image: 8001x8000 is 64.1 megapixels, expected at most 64");
  CHECK(message(8001, 1000, {.max_pixels = 8'000'999}) == "image: 8001x1000 is 8.1 megapixels, expected at most 8");
  CHECK(message(8064, 6048, {.max_pixels = 40'500'000}) ==
        "image: 8064x6048 is 48.8 megapixels, expected at most 40.5");
  CHECK(message(1000, 1000, {.max_pixels = 999'999}) == "image: 1000x1000 is 1000000 pixels, expected at most 999999");
  CHECK(message(20, 13, {.max_pixels = 259}) == "image: 20x13 is 260 pixels, expected at most 259");
  CHECK(message(20, 13, {.max_pixels = 260}) == too_few);
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

TEST_CASE("a BMP cut anywhere is refused") {
  const byte_vector bmp = make_bmp(2, 2, 24, {3, 2, 1, 6, 5, 4, 0, 0, 13, 12, 11, 16, 15, 14, 0, 0});
  CHECK(decode(std::span(bmp).first(bmp.size() - 2)));  // without the padding of its last row
  for (std::size_t length = 0; length < bmp.size() - 2; ++length) {
    const auto image = decode(std::span(bmp).first(length));
    REQUIRE_MESSAGE(!image, length);
    CHECK(image.error().code == (length == 1 ? errc::unsupported : errc::invalid_image));
  }
  check_refused(std::span(bmp).first(bmp.size() - 3), errc::invalid_image, truncated);
}

TEST_CASE("a JPEG whose Huffman table has more codes than bytes exist is refused") {
  byte_vector jpeg(std::begin(tiny_images::jpeg_baseline), std::end(tiny_images::jpeg_baseline));
  const auto at = find_marker(jpeg, 0xc4);
  std::fill_n(at + 5, 16, std::uint8_t{17});
  check_refused(jpeg, errc::invalid_image, "image: damaged: a Huffman table has more than 256 codes");
}

TEST_CASE("a JPEG that lacks its Huffman tables, as frames of MJPEG do, is refused, not decoded to grey") {
  const byte_vector whole(std::begin(tiny_images::jpeg_baseline), std::end(tiny_images::jpeg_baseline));
  byte_vector jpeg = whole;
  const std::uint8_t tables[] = {0xff, 0xc4};
  constexpr std::uint8_t comment = 0xfe;
  for (auto at = jpeg.begin();
       (at = std::search(at, jpeg.end(), std::begin(tables), std::end(tables))) != jpeg.end();) {
    byte_vector lacks_one = whole;
    lacks_one[static_cast<std::size_t>(at - jpeg.begin()) + 1] = comment;
    check_refused(lacks_one, errc::invalid_image, "image: damaged: a scan uses a Huffman table that is missing");
    at[1] = comment;
  }
  check_refused(jpeg, errc::unsupported,
                "image: unsupported format: JPEG without Huffman tables of its own, as in MJPEG");
}

TEST_CASE("a JPEG without a frame is damaged") {
  check_refused(byte_vector{0xff, 0xd8, 0xff, 0xd9}, errc::invalid_image, "image: damaged: a JPEG without a frame");
}

TEST_CASE("a PNG with a side longer than stb_image takes is too large, not damaged; one without pixels is damaged") {
  byte_vector wide = make_png(1, 1, support::png_rgb, 8, {0, 1, 2, 3});
  wide[16] = 2;  // 2^25 + 1
  check_refused(wide, errc::image_too_large, "image: 33554433x1 pixels, but the decoder reads at most 16777216 a side");
  byte_vector empty{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  byte_vector header;
  support::append_be32(header, 1);
  support::append_be32(header, 1);
  support::append(header, byte_vector{8, 2, 0, 0, 0});
  support::append_png_chunk(empty, "IHDR", header);
  support::append_png_chunk(empty, "IDAT", {});
  support::append_png_chunk(empty, "IEND", {});
  check_refused(empty, errc::invalid_image, "image: damaged: a PNG without pixels");
}

TEST_CASE("random damage crashes nothing") {
  std::mt19937 random(1);
  const std::span<const std::uint8_t> originals[] = {tiny_images::jpeg_baseline, tiny_images::jpeg_progressive,
                                                     tiny_images::png_deflated, tiny_images::png_palette};
  const byte_vector bmp = make_bmp(3, 1, 8, {1, 0, 1, 0}, {30, 20, 10, 0, 60, 50, 40, 0});
  std::size_t decoded = 0;
  for (int round = 0; round < 10'000; ++round)
    for (const auto original : {originals[round % 2], originals[2 + round % 2], std::span<const std::uint8_t>(bmp)}) {
      byte_vector bytes(original.begin(), original.end());
      for (std::size_t flips = 1 + random() % 4; flips > 0; --flips)
        bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
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
