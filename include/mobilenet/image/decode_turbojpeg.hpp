// JPEG bytes to pixels, by libjpeg-turbo: faster than stb_image, and the pixels that browsers show.
#pragma once

#include <mobilenet/image/decoder.hpp>
#include <mobilenet/image/detail/errors.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>
#include <mobilenet/image/detail/jpeg.hpp>
#include <mobilenet/image/detail/jpeg_stream.hpp>
#include <mobilenet/image/exif.hpp>
#include <mobilenet/image/format.hpp>
#include <mobilenet/image/view.hpp>

#include <turbojpeg.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

namespace detail {

/// Rows of CMYK, inverted as all programs store it, to RGB: each ink lets through its share of what black does.
inline void cmyk_to_rgb(const std::uint8_t* cmyk, std::size_t pixels, std::uint8_t* rgb) noexcept {
  for (; pixels > 0; --pixels, cmyk += 4)
    for (int c = 0; c < 3; ++c) {
      const unsigned product = cmyk[c] * cmyk[3] + 128u;
      *rgb++ = static_cast<std::uint8_t>((product + (product >> 8)) >> 8);  // product / 255, rounded
    }
}

/// The segments that decide the pixels, in one piece of memory. TurboJPEG reports only the first of its warnings:
/// without the others, the first one is about lost data. errors   out_of_memory
inline result<file_copy> essential_jpeg(const file_bytes& file, const jpeg_header& jpeg) {
  constexpr std::size_t added = 64;  // Adobe's segment and the end of the image
  file_copy copy(file.bytes().size() + added);
  if (copy.data == nullptr) return error{errc::out_of_memory, "image: no memory for a copy of the file"};
  std::size_t at = 0;
  jpeg_stream::piece piece;
  for (jpeg_stream stream(file, jpeg); stream.next(piece); at += piece.bytes.bytes().size())
    std::memcpy(copy.data.get() + at, piece.bytes.bytes().data(), piece.bytes.bytes().size());
  copy.size = at;
  return copy;
}

/// What TurboJPEG's last call failed with; nothing if it lost no pixel. After damage it goes on, with grey, and calls
/// that a warning. Only bytes too many, at the end of a scan's data, cost nothing.
inline result<void> turbojpeg_status(tjhandle decoder, int status, const jpeg_header& jpeg) {
  if (status == 0) return {};
  const std::string_view why = tjGetErrorStr2(decoder);
  const auto says = [&](std::string_view words) { return why.find(words) != why.npos; };
  if (tjGetErrorCode(decoder) == TJERR_WARNING && says("extraneous bytes")) return {};
  if (says("subsampling type"))
    return unsupported_kind("JPEG with sampling factors that the TurboJPEG interface has no name for");
  if (says("premature end") || says("found marker 0xd9 instead of RST")) return missing_jpeg_data(jpeg);
  if (says("allocation failure") || says("Insufficient memory"))
    return error{errc::out_of_memory, "image: no memory to decode " + std::to_string(jpeg.width) + "x" +
                                          std::to_string(jpeg.height) + " pixels"};
  return damaged_image(says("Huffman table definition") ? "a Huffman table has a code of ones alone"
                                                        : "its compressed data is damaged");
}

/// The size to decode to: the smallest of 1, 1/2, 1/4 and 1/8 whose sides keep `smallest_side` pixels.
struct scaled_size {
  std::uint32_t width;
  std::uint32_t height;
};
constexpr scaled_size scaled_down(std::uint32_t width, std::uint32_t height, std::uint32_t smallest_side) noexcept {
  for (const std::uint32_t factor : {8u, 4u, 2u}) {
    const scaled_size size{(width + factor - 1) / factor, (height + factor - 1) / factor};
    if (smallest_side > 0 && size.width >= smallest_side && size.height >= smallest_side) return size;
  }
  return {width, height};
}

}  // namespace detail

/// Decodes a JPEG to 8-bit RGB: baseline, progressive, arithmetic coded; grey, colour, CMYK, YCCK.
/// EXIF orientation is ignored unless options ask for it. Other formats: decode_by_first in image_decoder.hpp.
///
/// bytes    the whole file
/// errors   unsupported: not a JPEG, or one of more than 8 bits, lossless or hierarchical; invalid_image: empty,
///          damaged or truncated; image_too_large: found in the header before anything is allocated; out_of_memory
/// source   libjpeg-turbo 2.1 and later
inline result<image> decode_turbojpeg(std::span<const std::byte> bytes, const decode_options& options = {}) {
  if (bytes.empty()) return error{errc::invalid_image, "image: the file is empty"};
  if (recognise_image(bytes) != image_format::jpeg) return unsupported_format(bytes, "JPEG");
  const detail::file_bytes file(bytes);
  const auto jpeg = detail::read_jpeg(file);
  if (!jpeg) return jpeg.error();
  constexpr std::uint32_t longest_side = 65500;  // libjpeg-turbo's own limit
  if (jpeg->width > longest_side || jpeg->height > longest_side)
    return detail::too_long_image(jpeg->width, jpeg->height, longest_side);
  if (auto small = detail::check_pixels(jpeg->width, jpeg->height, options.max_pixels); !small)
    return std::move(small).error();
  if (auto enough = detail::check_enough_data(*jpeg); !enough) return std::move(enough).error();

  const auto copy = detail::essential_jpeg(file, *jpeg);
  if (!copy) return copy.error();
  const auto* data = reinterpret_cast<const unsigned char*>(copy->data.get());
  const auto length = static_cast<unsigned long>(copy->size);
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  if (decoder == nullptr) return error{errc::out_of_memory, "image: no memory for a decoder"};
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colours = 0;
  const int header = tjDecompressHeader3(decoder.get(), data, length, &width, &height, &subsampling, &colours);
  if (auto read = detail::turbojpeg_status(decoder.get(), header, *jpeg); !read) return std::move(read).error();

  const auto [columns, rows] = detail::scaled_down(jpeg->width, jpeg->height, options.smallest_side);
  auto decoded = image::create(columns, rows);
  if (!decoded) return decoded;
  const std::size_t pixels = std::size_t{columns} * rows;
  const bool four = jpeg->components == 4;
  std::unique_ptr<std::uint8_t, void (*)(void*)> cmyk(nullptr, std::free);
  if (four) {
    cmyk.reset(static_cast<std::uint8_t*>(std::malloc(pixels * 4)));
    if (cmyk == nullptr)
      return error{errc::out_of_memory, "image: no memory for " + std::to_string(pixels) + " pixels of CMYK"};
  }
  std::uint8_t* pixels_to = four ? cmyk.get() : decoded->data();
  const int status = tjDecompress2(decoder.get(), data, length, pixels_to, static_cast<int>(columns), 0,
                                   static_cast<int>(rows), four ? TJPF_CMYK : TJPF_RGB, 0);
  if (auto done = detail::turbojpeg_status(decoder.get(), status, *jpeg); !done) return std::move(done).error();
  if (four) detail::cmyk_to_rgb(cmyk.get(), pixels, decoded->data());
  if (!options.apply_exif_orientation) return decoded;
  return detail::orient_image(*std::move(decoded), detail::exif_orientation(file));
}

MOBILENET_NAMESPACE_END
