// JPEG, PNG and BMP bytes to pixels: JPEG and PNG by stb_image. Not part of mobilenet.hpp: include it where you decode.
//
// The targets of CMake and Meson compile the decoder once for the whole program, as every program can: it defines
// MOBILENET_DECODE_SEPARATE in all of its translation units and compiles <mobilenet/compiled/decode.cpp> in one target.
// Without the macro, each translation unit that includes this header compiles the decoder, and decode_image() has
// internal linkage there: call it in source files, not in inline functions.
#pragma once

#include <mobilenet/image/decoder.hpp>
#include <mobilenet/image/detail/compiled_decoder.hpp>
#include <mobilenet/image/view.hpp>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

MOBILENET_NAMESPACE_BEGIN

/// Decodes a JPEG (baseline or progressive; grey, colour, CMYK, YCCK), PNG or BMP to 8-bit RGB. Grey becomes
/// R = G = B, 16-bit samples keep their upper half, CMYK counts as stored inverted as all programs store it.
///
/// bytes    the whole file
/// errors   unsupported: another format, named where it is known; invalid_image: empty, damaged or truncated;
///          image_too_large: more pixels than options allow, found in the header before anything is allocated;
///          out_of_memory
/// source   stb_image 2.27 and later
MOBILENET_DECODE_INLINE result<image> decode_image(std::span<const std::byte> bytes,
                                                   const decode_options& options = {}) {
  const compiled::decode_answer answer =
      compiled::decode({bytes.data(), bytes.size(), options.max_pixels, options.smallest_side,
                        static_cast<unsigned char>(options.alpha), options.apply_exif_orientation});
  if (answer.pixels != nullptr) return image::adopt(answer.pixels, answer.width, answer.height, std::free);
  const std::unique_ptr<char, void (*)(void*)> message(answer.message, std::free);
  return error{static_cast<errc>(answer.error_code),
               message != nullptr ? message.get() : "image: no memory for what is wrong with it"};
}

MOBILENET_NAMESPACE_END
