#include <doctest/doctest.h>

#if MOBILENET_WITH_DECODE_TURBOJPEG

#include "support/files.hpp"
#include "support/hand_made_images.hpp"
#include "support/tiny_images.hpp"

#include <mobilenet/image/decode_turbojpeg.hpp>
#if MOBILENET_WITH_DECODE
#include <mobilenet/image/decode_image.hpp>
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>

namespace {

using mobilenet::decode_turbojpeg;
using mobilenet::errc;

auto decode(std::span<const std::uint8_t> bytes, const mobilenet::decode_options& options = {}) {
  return decode_turbojpeg(std::as_bytes(bytes), options);
}

int distance(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> expected) {
  const auto image = decode(bytes);
  REQUIRE_MESSAGE(image, image.error().message);
  REQUIRE(image->width() == tiny_images::width);
  REQUIRE(image->height() == tiny_images::height);
  int worst = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) worst = std::max(worst, std::abs(image->data()[i] - expected[i]));
  return worst;
}

}  // namespace

TEST_CASE("TurboJPEG: the pixels of djpeg, and CMYK as Pillow turns it into RGB") {
  namespace decoded = tiny_images::decoded;
  CHECK(distance(tiny_images::jpeg_baseline, decoded::jpeg_baseline) == 0);
  CHECK(distance(tiny_images::jpeg_progressive, decoded::jpeg_baseline) == 0);
  CHECK(distance(tiny_images::jpeg_with_thumbnail, decoded::jpeg_baseline) == 0);
  CHECK(distance(tiny_images::jpeg_subsampled, decoded::jpeg_subsampled) == 0);
  CHECK(distance(tiny_images::jpeg_rgb, decoded::jpeg_rgb) == 0);
  CHECK(distance(tiny_images::jpeg_grey, decoded::jpeg_grey) == 0);
  CHECK(distance(tiny_images::jpeg_cmyk, decoded::jpeg_cmyk) <= 1);
  CHECK(distance(tiny_images::jpeg_cmyk_without_adobe, decoded::jpeg_cmyk) <= 1);
  CHECK(distance(tiny_images::jpeg_ycck, decoded::jpeg_ycck) <= 1);
  const auto arithmetic = decode(tiny_images::jpeg_arithmetic).value();
  CHECK(distance(tiny_images::jpeg_arithmetic_progressive,
                 {arithmetic.data(), std::size_t{tiny_images::width} * tiny_images::height * 3}) == 0);
}

TEST_CASE("TurboJPEG: the errors of decode_image") {
  const auto check = [](const auto& image, errc code, const std::string& message) {
    REQUIRE_FALSE(image);
    CHECK(image.error().code == code);
    CHECK(image.error().message == message);
  };
  const std::span<const std::uint8_t> jpeg(tiny_images::jpeg_baseline);
  check(decode(std::vector<std::uint8_t>{0xff, 0xd8, 0xff, 0xd9}), errc::invalid_image,
        "image: damaged: a JPEG without a frame");
  std::vector<std::uint8_t> lossless(jpeg.begin(), jpeg.end());
  support::find_marker(lossless, 0xc0)[1] = 0xc3;
  check(decode(lossless), errc::unsupported, "image: unsupported format: JPEG, lossless or hierarchical");
  check(decode({}), errc::invalid_image, "image: the file is empty");
  check(decode(tiny_images::png_deflated), errc::unsupported, "image: unsupported format: PNG, expected JPEG");
  check(decode(jpeg, {.max_pixels = 259}), errc::image_too_large, "image: 20x13 is 260 pixels, expected at most 259");
  std::string damaged(jpeg.begin(), jpeg.end());
  damaged.replace(damaged.size() - 60, 40, std::string(40, '\x7f'));
  const auto spoilt = decode_turbojpeg(std::as_bytes(std::span(damaged)));
  if (!spoilt) CHECK(spoilt.error().message.starts_with("image: damaged: "));
}

TEST_CASE("TurboJPEG: a frame of MJPEG, which has no Huffman tables, is read with the standard ones") {
  std::vector<std::uint8_t> frame(std::begin(tiny_images::jpeg_baseline), std::end(tiny_images::jpeg_baseline));
  for (int table = 0; table < 4; ++table) frame = support::without_segment(frame, 0xc4);
  CHECK(distance(frame, tiny_images::decoded::jpeg_baseline) == 0);
}

TEST_CASE("TurboJPEG: a photo is scaled down as long as both sides keep the smallest side") {
  const auto size = [](std::uint32_t smallest_side) {
    const auto image = decode(tiny_images::jpeg_baseline, {.smallest_side = smallest_side});
    REQUIRE(image);
    return std::to_string(image->width()) + "x" + std::to_string(image->height());
  };
  CHECK(size(0) == "20x13");
  CHECK(size(14) == "20x13");
  CHECK(size(13) == "20x13");
  CHECK(size(8) == "20x13");
  CHECK(size(7) == "10x7");
  CHECK(size(5) == "10x7");
  CHECK(size(4) == "5x4");
  CHECK(size(3) == "5x4");
  CHECK(size(2) == "3x2");
  CHECK(size(1) == "3x2");

  // The mean of two by two pixels is what half of the size shows.
  for (const auto jpeg : {std::span<const std::uint8_t>(tiny_images::jpeg_baseline),
                          std::span<const std::uint8_t>(tiny_images::jpeg_cmyk)}) {
    const auto full = decode(jpeg).value();
    const auto half = decode(jpeg, {.smallest_side = 6}).value();
    for (std::size_t y = 0; y < 6; ++y)
      for (std::size_t x = 0; x < 10; ++x) {
        const auto at = [&](std::size_t column, std::size_t row) { return int{full.data()[(row * 20 + column) * 3]}; };
        const int mean =
            (at(2 * x, 2 * y) + at(2 * x + 1, 2 * y) + at(2 * x, 2 * y + 1) + at(2 * x + 1, 2 * y + 1)) / 4;
        CHECK(std::abs(half.data()[(y * 10 + x) * 3] - mean) <= 4);
      }
  }
  const auto rotated = decode(tiny_images::jpeg_baseline, {.apply_exif_orientation = true, .smallest_side = 6});
  CHECK(rotated->width() == 10);
  CHECK(decode(tiny_images::jpeg_baseline, {.max_pixels = 259, .smallest_side = 1}).error().code ==
        errc::image_too_large);
}

#if MOBILENET_WITH_DECODE
TEST_CASE("stb_image and TurboJPEG differ by at most 16 of 255 on photos, 0.2 in the mean") {
  const std::string data = support::test_data();
  if (data.empty()) return;
  for (const char* name :
       {"cat_progressive.jpg", "china.jpg", "flower.jpg", "hot_dog.jpg", "panda.jpg", "parrot.jpg", "rocket.jpg"}) {
    CAPTURE(name);
    const auto file = support::read_file(data + "/images/" + name);
    const auto ours = decode_turbojpeg(file);
    const auto other = mobilenet::decode_image(file);
    REQUIRE(ours);
    REQUIRE(other);
    REQUIRE(ours->width() == other->width());
    REQUIRE(ours->height() == other->height());
    const std::size_t samples = std::size_t{ours->width()} * ours->height() * 3;
    int worst = 0;
    double sum = 0;
    for (std::size_t i = 0; i < samples; ++i) {
      const int difference = std::abs(ours->data()[i] - other->data()[i]);
      worst = std::max(worst, difference);
      sum += difference;
    }
    CHECK(worst <= 16);  // 2 or 3; 13 in one photo, where they blow up subsampled colours in different ways
    CHECK(sum / static_cast<double>(samples) <= 0.2);
  }
}

TEST_CASE("TurboJPEG: odd sampling factors are left to stb_image") {
  const auto odd = decode(tiny_images::jpeg_odd_sampling);
  REQUIRE(!odd);
  CHECK(odd.error().code == errc::unsupported);
  CHECK(mobilenet::decode_by_first(std::as_bytes(std::span(tiny_images::jpeg_odd_sampling)), {}, decode_turbojpeg,
                                   mobilenet::decode_image));
}

TEST_CASE("TurboJPEG first, stb_image for the rest") {
  const mobilenet::decode_options options;
  for (const auto file : {std::span<const std::uint8_t>(tiny_images::jpeg_baseline),
                          std::span<const std::uint8_t>(tiny_images::png_deflated)})
    CHECK(mobilenet::decode_by_first(std::as_bytes(file), options, decode_turbojpeg, mobilenet::decode_image));
}
#endif

#else
TEST_CASE("TurboJPEG") { MESSAGE("skipped: built without libturbojpeg"); }
#endif
