// An image file, as anyone may send it.
#include "target.hpp"

#include <mobilenet/image/decode_image.hpp>

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

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const auto alpha : {mobilenet::alpha_mode::drop, mobilenet::alpha_mode::over_white}) {
    // Few pixels, so that a claimed size costs no time; that large ones are refused is a test of its own.
    const mobilenet::decode_options options{.max_pixels = 1 << 16, .apply_exif_orientation = true, .alpha = alpha};
    const auto image = mobilenet::decode_image(std::as_bytes(std::span(data, size)), options);
    if (!image) return fuzz::check_message(image.error().message);
    fuzz::require(std::uint64_t{image->width()} * image->height() <= options.max_pixels);
    const std::span pixels(image->data(), std::size_t{image->width()} * image->height() * 3);
    fuzz::read_all(pixels);
    FUZZ_CHECK_INITIALISED(pixels.data(), pixels.size());
  }
  return 0;
}
