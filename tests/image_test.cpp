#include <mobilenet/image/view.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <utility>

using mobilenet::errc;
using mobilenet::image;
using mobilenet::pixel_format;

namespace {
int released = 0;
void count_release(void*) { ++released; }
}  // namespace

TEST_CASE("an image owns pixels that can be written and viewed") {
  auto made = image::create(3, 2);
  REQUIRE(made);
  for (std::uint8_t i = 0; i < 18; ++i) made->data()[i] = i;
  const mobilenet::image_view view = *made;
  CHECK(view.data[17] == 17);
  CHECK(view.width == 3);
  CHECK(view.height == 2);
  CHECK(view.stride == 9);
  CHECK(view.format == pixel_format::rgb);
  CHECK(validate(view));
}

TEST_CASE("an image whose bytes cannot be counted is refused") {
  const auto huge = image::create(0xffffffff, 0xffffffff);
  REQUIRE_FALSE(huge);
  CHECK(huge.error().code == errc::out_of_memory);
  CHECK(huge.error().message == "image: no memory for 4294967295x4294967295 pixels");
  const auto none = image::create(0, 5);
  REQUIRE_FALSE(none);
  CHECK(none.error().code == errc::invalid_argument);
  CHECK(none.error().message == "image: found 0x5 pixels, expected at least 1x1");
}

TEST_CASE("adopted pixels are released once, however often the image moves") {
  std::uint8_t pixels[3] = {};
  released = 0;
  {
    image a = image::adopt(pixels, 1, 1, count_release);
    image b = std::move(a);
    a = std::move(b);
    CHECK(released == 0);
  }
  CHECK(released == 1);
}

TEST_CASE("released pixels are the caller's to free") {
  std::uint8_t pixels[3] = {};
  released = 0;
  {
    image a = image::adopt(pixels, 1, 1, count_release);
    CHECK(a.release() == pixels);
    CHECK(a.data() == nullptr);
  }
  CHECK(released == 0);
}

TEST_CASE("bytes of a pixel") {
  CHECK(bytes_per_pixel(pixel_format::rgb) == 3);
  CHECK(bytes_per_pixel(pixel_format::bgr) == 3);
  CHECK(bytes_per_pixel(pixel_format::rgba) == 4);
  CHECK(bytes_per_pixel(pixel_format::bgra) == 4);
  CHECK(bytes_per_pixel(pixel_format::grey) == 1);
  const std::uint8_t pixel = 0;
  CHECK(mobilenet::packed_view(&pixel, 0x80000000, 1, pixel_format::rgba).stride == std::size_t{0x80000000} * 4);
}
