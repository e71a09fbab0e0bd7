// What all decoders here make of the JPEGs that cameras and programs write: one body for each of them.
#include "support/files.hpp"
#include "support/hand_made_images.hpp"
#include "support/tiny_images.hpp"

#if MOBILENET_WITH_DECODE
#include <mobilenet/image/decode_image.hpp>
#endif
#if MOBILENET_WITH_DECODE_TURBOJPEG
#include <mobilenet/image/decode_turbojpeg.hpp>
#endif

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <span>
#include <string>
#include <vector>

namespace {

using mobilenet::errc;
using support::byte_vector;

using decoder = mobilenet::result<mobilenet::image> (*)(std::span<const std::byte>, const mobilenet::decode_options&);

// Calls check(decode) for each decoder of this build; decode(jpeg) gives result<image>.
void for_each_decoder(const auto& check) {
  const struct {
    const char* name;
    decoder decode;
  } decoders[] = {
#if MOBILENET_WITH_DECODE
    {"stb_image", mobilenet::decode_image},
#endif
#if MOBILENET_WITH_DECODE_TURBOJPEG
    {"TurboJPEG", mobilenet::decode_turbojpeg},
#endif
  };
  for (const auto& one : decoders) {
    CAPTURE(one.name);
    check([decode = one.decode](std::span<const std::uint8_t> jpeg) { return decode(std::as_bytes(jpeg), {}); });
  }
}

byte_vector bytes_of(std::span<const std::uint8_t> file) { return {file.begin(), file.end()}; }

byte_vector pixels_of(const mobilenet::result<mobilenet::image>& image) {
  REQUIRE_MESSAGE(image, image.error().message);
  return {image->data(), image->data() + std::size_t{image->width()} * image->height() * 3};
}

// Every decoder makes the same of both files.
void check_same_pixels(std::span<const std::uint8_t> jpeg, std::span<const std::uint8_t> expected) {
  for_each_decoder([&](const auto& decode) { CHECK(pixels_of(decode(jpeg)) == pixels_of(decode(expected))); });
}

void check_refused(std::span<const std::uint8_t> jpeg, errc code, const std::string& message) {
  for_each_decoder([&](const auto& decode) {
    const auto image = decode(jpeg);
    REQUIRE_FALSE(image);
    CHECK(image.error().code == code);
    CHECK(image.error().message == message);
  });
}

const byte_vector baseline = bytes_of(tiny_images::jpeg_baseline);
const byte_vector progressive = bytes_of(tiny_images::jpeg_progressive);
const byte_vector cmyk = bytes_of(tiny_images::jpeg_cmyk);
const byte_vector restarts = bytes_of(tiny_images::jpeg_restarts);

constexpr const char* truncated = "image: truncated: the file ends before the pixels do";
constexpr const char* too_little = "image: damaged: its compressed data ends before its pixels do";

}  // namespace

TEST_CASE("JPEG: bytes between the data and the end of the image are padding, whatever they are") {
  byte_vector thousands;
  for (int i = 0; i < 4000; ++i) support::append(thousands, byte_vector{0xff, 0x00});  // as drones of DJI write it
  const byte_vector paddings[] = {
      thousands,
      {0xff, 0x00},
      {0xff, 0xd0},
      {0xff, 0xd3, 0xff, 0x00, 0xff, 0xd7},
      {0xff, 0xff, 0xff},
      {0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
      {0x12, 0x34, 0x56, 0x78, 0x9a, 0xff, 0x00, 0xbc, 0xde, 0xff, 0x00},
      {0xff, 0x00, 0xff, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0x00, 0xff, 0xd0, 0x12},
  };
  for (const auto& jpeg : {baseline, progressive, cmyk, restarts, bytes_of(tiny_images::jpeg_subsampled),
                           bytes_of(tiny_images::jpeg_grey)})
    for (const auto& padding : paddings) {
      CAPTURE(padding.size());
      check_same_pixels(support::with_padding(jpeg, padding), jpeg);
    }
}

TEST_CASE("JPEG: padding between segments, and segments that say nothing about pixels") {
  byte_vector padded = baseline;
  for (const std::uint8_t marker : byte_vector{0xda, 0xc4, 0xc0, 0xdb}) {
    const byte_vector padding{0x00, 0x12, 0xff, 0x00, 0xff, 0xff};
    padded.insert(support::find_marker(padded, marker), padding.begin(), padding.end());
  }
  check_same_pixels(padded, baseline);
  check_same_pixels(support::with_segment(baseline, 0xef, byte_vector(60'000, 0xff)), baseline);
  check_same_pixels(support::with_segment(baseline, 0xfe, byte_vector{}), baseline);
}

TEST_CASE("JPEG: what follows the end of the image is not read") {
  for (const byte_vector& more : {byte_vector{'\r', '\n'}, byte_vector(1000, 0xff), progressive}) {
    byte_vector jpeg = baseline;
    support::append(jpeg, more);
    check_same_pixels(jpeg, baseline);
  }
}

TEST_CASE("JPEG: component ids that repeat mean one component after the other, as for libjpeg-turbo") {
  check_same_pixels(support::with_component_ids(baseline, "\x01\x01\x01"), baseline);
  check_same_pixels(support::with_component_ids(baseline, "\x07\x07\x05"), baseline);
  check_same_pixels(support::with_component_ids(cmyk, "\x01\x02\x03\x01"), cmyk);
  check_same_pixels(support::with_component_ids(cmyk, "\x09\x09\x09\x09"), cmyk);

  byte_vector unknown = baseline;
  support::find_marker(unknown, 0xda)[5] = 77;
  check_refused(unknown, errc::invalid_image, "image: damaged: a scan of component 77, which the frame does not have");
}

TEST_CASE("JPEG: its marks decide between YCbCr and RGB as libjpeg-turbo decides it") {
  const byte_vector without_jfif = support::without_segment(baseline, 0xe0);
  const byte_vector rgb = support::with_component_ids(without_jfif, "RGB");
  const byte_vector adobe_rgb{'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 0};
  const byte_vector adobe_ycc{'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 1};
  for_each_decoder([&](const auto& decode) { CHECK(pixels_of(decode(rgb)) != pixels_of(decode(baseline))); });

  check_same_pixels(without_jfif, baseline);
  check_same_pixels(support::with_component_ids(without_jfif, "rgb"), baseline);
  check_same_pixels(support::with_component_ids(baseline, "RGB"), baseline);
  check_same_pixels(support::with_segment(baseline, 0xee, adobe_rgb), baseline);
  check_same_pixels(support::with_segment(without_jfif, 0xee, adobe_rgb), rgb);
  check_same_pixels(support::with_segment(rgb, 0xee, adobe_ycc), baseline);
  check_same_pixels(support::with_segment(without_jfif, 0xee, byte_vector{'A', 'd', 'o', 'b', 'e'}), baseline);
}

TEST_CASE("JPEG: what a program may remark on but costs no pixel is no damage") {
  byte_vector jfif_2_01 = baseline;
  support::find_marker(jfif_2_01, 0xe0)[9] = 2;
  check_same_pixels(jfif_2_01, baseline);

  const byte_vector adobe_transform_2{'A', 'd', 'o', 'b', 'e', 0, 100, 0, 0, 0, 0, 2};
  const byte_vector without_jfif = support::without_segment(baseline, 0xe0);
  check_same_pixels(support::with_segment(without_jfif, 0xee, adobe_transform_2), baseline);

  for (const std::ptrdiff_t parameter : {11, 12, 13}) {  // first and last coefficient, bits
    byte_vector jpeg = baseline;
    support::find_marker(jpeg, 0xda)[parameter] ^= 0x21;
    check_same_pixels(jpeg, baseline);
  }
}

TEST_CASE("JPEG: all pixels are there without the end-of-image marker, or with half of it") {
  for (const auto& jpeg : {baseline, progressive, cmyk, restarts})
    for (const std::size_t missing : {1u, 2u}) {
      CAPTURE(missing);
      check_same_pixels(std::span(jpeg).first(jpeg.size() - missing), jpeg);
      byte_vector padded(jpeg.begin(), jpeg.end() - static_cast<std::ptrdiff_t>(missing));
      padded.insert(padded.end(), 100, 0x00);
      if (missing == 2) check_same_pixels(padded, jpeg);
    }
}

TEST_CASE("JPEG: a file cut before its last pixel is truncated") {
  for (const auto& jpeg : {baseline, progressive, cmyk, restarts, bytes_of(tiny_images::jpeg_with_thumbnail)})
    for_each_decoder([&](const auto& decode) {
      for (std::size_t length = 3; length < jpeg.size() - 2; ++length) {
        CAPTURE(length);
        const auto image = decode(std::span(jpeg).first(length));
        REQUIRE_FALSE(image);
        CHECK(image.error().code == errc::invalid_image);
        CHECK(image.error().message == truncated);
      }
    });
}

TEST_CASE("JPEG: data that end too early are damage, also if the file does not end there") {
  for (const auto& jpeg : {baseline, cmyk, restarts}) {
    const auto scan = support::find_marker(jpeg, 0xda) - jpeg.begin();
    const std::ptrdiff_t data = scan + 2 + jpeg[static_cast<std::size_t>(scan) + 3];
    for (std::ptrdiff_t end = data; end < std::ssize(jpeg) - 2; ++end) {
      if (jpeg[static_cast<std::size_t>(end) - 1] == 0xff) continue;  // half a marker
      CAPTURE(end);
      byte_vector cut(jpeg.begin(), jpeg.begin() + end);
      support::append(cut, byte_vector{0xff, 0xd9});
      check_refused(cut, errc::invalid_image, too_little);
    }
  }
}

TEST_CASE("JPEG: a component without a scan is missing data") {
  // One scan of the first two of three components.
  byte_vector jpeg = baseline;
  const auto scan = support::find_marker(jpeg, 0xda);
  scan[3] = 10;
  scan[4] = 2;
  jpeg.erase(scan + 9, scan + 11);
  check_refused(jpeg, errc::invalid_image, too_little);
  jpeg.erase(jpeg.end() - 2, jpeg.end());
  check_refused(jpeg, errc::invalid_image, truncated);
}

TEST_CASE("JPEG: headers that contradict themselves are refused before a decoder sees them") {
  const auto check_changed = [](std::uint8_t marker, std::ptrdiff_t at, std::uint8_t value, errc code,
                                const std::string& message) {
    byte_vector jpeg = baseline;
    support::find_marker(jpeg, marker)[at] = value;
    CAPTURE(message);
    check_refused(jpeg, code, "image: " + message);
  };
  check_changed(0xc0, 1, 0xc3, errc::unsupported, "unsupported format: JPEG, lossless or hierarchical");
  check_changed(0xc0, 4, 12, errc::unsupported, "unsupported format: JPEG with 12 bits a sample, expected 8");
  check_changed(0xc0, 6, 0, errc::unsupported, "unsupported format: JPEG whose height is not in its header");
  check_changed(0xc0, 8, 0, errc::invalid_image, "damaged: its width is 0");
  check_changed(0xc0, 9, 2, errc::unsupported, "unsupported format: JPEG with 2 components, expected 1, 3 or 4");
  check_changed(0xc0, 9, 4, errc::invalid_image, "damaged: the frame header has the wrong length");
  check_changed(0xc0, 11, 0x05, errc::invalid_image, "damaged: a component has sampling factors 0x5, expected 1 to 4");
  check_changed(0xc0, 12, 4, errc::invalid_image, "damaged: a component uses quantisation table 4, expected 0 to 3");
  check_changed(0xc0, 12, 3, errc::invalid_image, "damaged: quantisation table 3 is missing");
  check_changed(0xdb, 4, 4, errc::invalid_image, "damaged: a quantisation table that JPEG does not have");
  check_changed(0xdb, 4, 0x10, errc::invalid_image, "damaged: a quantisation table has the wrong length");
  check_changed(0xc4, 4, 4, errc::invalid_image, "damaged: a Huffman table that JPEG does not have");
  check_changed(0xc4, 5, 3, errc::invalid_image, "damaged: a Huffman table has more codes of a length than exist");
  check_changed(0xc4, 20, 1, errc::invalid_image, "damaged: a Huffman table has the wrong length");
  check_changed(0xda, 3, 13, errc::invalid_image, "damaged: a scan header has the wrong length");
  check_changed(0xda, 4, 4, errc::invalid_image, "damaged: a scan of 4 components");
  check_changed(0xda, 6, 0x40, errc::invalid_image, "damaged: a scan uses a Huffman table that JPEG does not have");
  check_changed(0xda, 6, 0x30, errc::invalid_image, "damaged: a scan uses a Huffman table that is missing");
  check_changed(0xe0, 1, 0x02, errc::invalid_image, "damaged: a marker that JPEG does not have");
  check_changed(0xe0, 1, 0xd8, errc::invalid_image, "damaged: a marker that JPEG does not have");

  byte_vector twice = baseline;
  const auto frame = support::find_marker(baseline, 0xc0);
  twice.insert(support::find_marker(twice, 0xc0), frame, frame + 19);
  check_refused(twice, errc::invalid_image, "image: damaged: a second frame");
  byte_vector refined = progressive;
  support::find_marker(refined, 0xda)[12] = 5;
  check_refused(refined, errc::invalid_image,
                "image: damaged: a scan of coefficients that cannot be refined in this way");
}

TEST_CASE("JPEG: no decoder's own words reach the user") {
  // The scan begins with ones, which are no code of any table.
  const auto scan = support::find_marker(baseline, 0xda) - baseline.begin();
  byte_vector jpeg = baseline;
  for (std::ptrdiff_t i = 14; i < 22; ++i) jpeg[static_cast<std::size_t>(scan + i)] = i % 2 == 0 ? 0xff : 0x00;
  for_each_decoder([&](const auto& decode) {
    const auto image = decode(jpeg);
    REQUIRE_FALSE(image);
    CHECK(image.error().message == "image: damaged: its compressed data is damaged");
  });
}

TEST_CASE("JPEG: files of other programs decode as their plain twins") {
  const std::string data = support::test_data();
  if (data.empty()) return;
  const auto file = [&](const char* name) {
    const auto read = support::read_file(data + "/cases/images/" + name);
    const auto* begin = reinterpret_cast<const std::uint8_t*>(read.data());
    return byte_vector(begin, begin + read.size());
  };
  const byte_vector plain = file("base.jpg");
  for (const char* name :
       {"adobe_transform_2_three_components.jpg", "dji_padding_ff00.jpg", "ids_1_1_1.jpg", "ids_RGB_with_jfif.jpg",
        "jfif_2_01.jpg", "no_eoi.jpg", "rst_after_data.jpg", "sos_se0.jpg"}) {
    CAPTURE(name);
    check_same_pixels(file(name), plain);
  }
  check_same_pixels(file("cmyk_ids_1_2_3_1.jpg"), file("cmyk_base.jpg"));
}
