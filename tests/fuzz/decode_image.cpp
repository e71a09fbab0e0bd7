// An image file, as anyone may send it.
#include "target.hpp"

#include <mobilenet/image/decode_image.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Few pixels, so that a claimed size costs no time; that large ones are refused is a test of its own.
  const mobilenet::decode_options options{.max_pixels = 1 << 16, .apply_exif_orientation = true};
  const auto image = mobilenet::decode_image(std::as_bytes(std::span(data, size)), options);
  if (!image) return fuzz::check_message(image.error().message);
  fuzz::require(std::uint64_t{image->width()} * image->height() <= options.max_pixels);
  fuzz::read_all(std::span(image->data(), std::size_t{image->width()} * image->height() * 3));
  return 0;
}
