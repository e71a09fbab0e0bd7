// An image file, as anyone may send it.
#include "target.hpp"

#include <mobilenet/image/decode_image.hpp>
#if MOBILENET_WITH_DECODE_TURBOJPEG
#include <mobilenet/image/decode_turbojpeg.hpp>
#endif

#include <cstddef>
#include <cstdint>
#include <span>

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define FUZZ_CHECK_INITIALISED(data, size) __msan_check_mem_is_initialized(data, size)
#endif
#endif
#ifndef FUZZ_CHECK_INITIALISED
#define FUZZ_CHECK_INITIALISED(data, size) static_cast<void>(0)
#endif

namespace {

int decode(std::span<const std::byte> file, const mobilenet::decode_options& options, const auto& decoder) {
  const auto image = decoder(file, options);
  if (!image) return fuzz::check_message(image.error().message);
  fuzz::require(std::uint64_t{image->width()} * image->height() <= options.max_pixels);
  const std::span pixels(image->data(), std::size_t{image->width()} * image->height() * 3);
  fuzz::read_all(pixels);
  FUZZ_CHECK_INITIALISED(pixels.data(), pixels.size());
  return 0;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = std::as_bytes(std::span(data, size));
  // Few pixels, so that a claimed size costs no time; that large ones are refused is a test of its own.
  constexpr std::uint64_t most = 1 << 16;
  using mobilenet::alpha_mode;
  decode(file, {.max_pixels = most, .apply_exif_orientation = true}, mobilenet::decode_image);
  decode(file, {.max_pixels = most, .alpha = alpha_mode::over_white}, mobilenet::decode_image);
#if MOBILENET_WITH_DECODE_TURBOJPEG
  decode(file, {.max_pixels = most, .apply_exif_orientation = true}, mobilenet::decode_turbojpeg);
  decode(file, {.max_pixels = most, .smallest_side = 5}, mobilenet::decode_turbojpeg);
#endif
  return 0;
}
