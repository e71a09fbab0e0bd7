// JPEG bytes to pixels, by libjpeg-turbo: faster than stb_image, and the pixels that browsers show.
#pragma once

#include <mobilenet/image/decoder.hpp>
#include <mobilenet/image/detail/errors.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>
#include <mobilenet/image/detail/jpeg_segments.hpp>
#include <mobilenet/image/exif.hpp>
#include <mobilenet/image/format.hpp>
#include <mobilenet/image/view.hpp>

#include <turbojpeg.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
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
  const auto jpeg = detail::read_jpeg_segments(file);
  if (!jpeg) return jpeg.error();
  if (jpeg->frame == 0) return detail::damaged_image("a JPEG without a frame");
  if (jpeg->lossless_or_hierarchical()) return detail::unsupported_kind("JPEG, lossless or hierarchical");
  if (jpeg->bits != 8)
    return detail::unsupported_kind("JPEG with " + std::to_string(jpeg->bits) + " bits a sample, expected 8");

  constexpr std::uint32_t longest_side = 65500;  // libjpeg-turbo's own limit
  if (jpeg->width > longest_side || jpeg->height > longest_side)
    return detail::too_large_image(jpeg->width, jpeg->height, std::to_string(longest_side) + " a side");
  // It goes on after damage, with grey, and calls that a warning. Bytes too many between segments, though, are
  // what many a camera writes, and cost no pixel. (It tells the first warning only: damage after them goes unseen.)
  const auto failed = [](tjhandle decoder, int status) -> std::optional<error> {
    if (status == 0) return std::nullopt;
    const std::string_view why = tjGetErrorStr2(decoder);
    if (tjGetErrorCode(decoder) == TJERR_WARNING && why.find("extraneous bytes") != why.npos) return std::nullopt;
    if (why.find("subsampling type") != why.npos)
      return detail::unsupported_kind("JPEG with sampling factors that the TurboJPEG interface has no name for");
    return detail::damaged_image(why);
  };
  const std::unique_ptr<void, int (*)(tjhandle)> decoder(tjInitDecompress(), tjDestroy);
  if (decoder == nullptr) return error{errc::out_of_memory, "image: no memory for a decoder"};
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto length = static_cast<unsigned long>(bytes.size());
  int width = 0;
  int height = 0;
  int subsampling = 0;
  int colours = 0;
  if (auto wrong = failed(decoder.get(),
                          tjDecompressHeader3(decoder.get(), data, length, &width, &height, &subsampling, &colours)))
    return *std::move(wrong);
  if (width <= 0 || height <= 0) return detail::damaged_image("the header of the JPEG");
  const auto columns = static_cast<std::uint32_t>(width);
  const auto rows = static_cast<std::uint32_t>(height);
  if (std::uint64_t{columns} * rows > options.max_pixels)
    return detail::too_large_image(columns, rows, std::to_string(options.max_pixels) + " in all");
  if (auto whole = detail::check_whole(*jpeg); !whole) return std::move(whole).error();
  auto decoded = image::create(columns, rows);
  if (!decoded) return decoded;

  const std::size_t pixels = std::size_t{columns} * rows;
  const bool four = colours == TJCS_CMYK || colours == TJCS_YCCK;
  std::unique_ptr<std::uint8_t, void (*)(void*)> cmyk(nullptr, std::free);
  if (four) {
    cmyk.reset(static_cast<std::uint8_t*>(std::malloc(pixels * 4)));
    if (cmyk == nullptr)
      return error{errc::out_of_memory, "image: no memory for " + std::to_string(pixels) + " pixels of CMYK"};
  }
  std::uint8_t* pixels_to = four ? cmyk.get() : decoded->data();
  if (auto wrong = failed(decoder.get(), tjDecompress2(decoder.get(), data, length, pixels_to, width, 0, height,
                                                       four ? TJPF_CMYK : TJPF_RGB, 0)))
    return *std::move(wrong);
  if (four) detail::cmyk_to_rgb(cmyk.get(), pixels, decoded->data());
  if (!options.apply_exif_orientation) return decoded;
  return detail::turned_upright(*std::move(decoded), detail::exif_orientation(file));
}

MOBILENET_NAMESPACE_END
