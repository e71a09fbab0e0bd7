// BMP: reading its headers, and its pixels, which are not compressed.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/image/detail/errors.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>
#include <mobilenet/image/view.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// A file header of 14 bytes, an information header, colour masks or a palette, then rows of pixels.
struct bmp_header {
  static constexpr std::uint64_t file_header = 14;

  std::uint32_t length = 0;  ///< bytes of the information header
  std::uint64_t pixels = 0;  ///< where the rows begin
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool top_down = false;
  std::uint32_t bits = 0;                ///< of a pixel
  std::array<std::uint32_t, 3> masks{};  ///< of red, green and blue, where a pixel has more than 8 bits
  std::uint64_t colours = 0;             ///< of the palette, where it has up to 8

  /// Bytes from one row to the next.
  std::uint64_t stride() const noexcept { return (std::uint64_t{width} * bits + 31) / 32 * 4; }
};

/// errors   invalid_image: not a valid header; unsupported: compressed, or pixels of an unusual depth
/// source   Microsoft, BITMAPINFOHEADER and BITMAPV5HEADER; OS/2, BITMAPCOREHEADER
inline result<bmp_header> read_bmp_header(const file_bytes& file) {
  constexpr std::array<std::uint32_t, 8> lengths{12, 16, 40, 52, 56, 64, 108, 124};
  constexpr std::array<std::uint32_t, 7> depths{1, 2, 4, 8, 16, 24, 32};
  bmp_header bmp;
  bmp.length = file.le32(14);
  if (file.size() < bmp_header::file_header + 4) return truncated_image();
  if (std::find(lengths.begin(), lengths.end(), bmp.length) == lengths.end())
    return damaged_image("a BMP with a header of " + std::to_string(bmp.length) + " bytes");
  if (file.size() < bmp_header::file_header + bmp.length) return truncated_image();

  const bool core = bmp.length == 12;
  const std::uint32_t height = core ? file.le16(20) : file.le32(22);
  bmp.pixels = file.le32(10);
  bmp.width = core ? file.le16(18) : file.le32(18);
  bmp.top_down = !core && (height & 0x80000000u) != 0;
  bmp.height = bmp.top_down ? 0u - height : height;
  bmp.bits = file.le16(core ? 24 : 28);

  const std::uint32_t compression = bmp.length < 40 ? 0 : file.le32(30);
  if (compression == 1 || compression == 2) return unsupported_kind("BMP with run-length compression");
  if (compression == 4 || compression == 5) return unsupported_kind("BMP with a JPEG or PNG inside");
  if (compression > 3 || (compression == 3 && bmp.length == 64)) return unsupported_kind("BMP with compression");
  if (std::find(depths.begin(), depths.end(), bmp.bits) == depths.end())
    return unsupported_kind("BMP with " + std::to_string(bmp.bits) + " bits a pixel");

  if (bmp.bits <= 8) {
    const std::uint64_t begin = bmp_header::file_header + bmp.length;
    const std::uint64_t room = bmp.pixels > begin ? (bmp.pixels - begin) / (core ? 3 : 4) : 0;
    const std::uint64_t used = bmp.length < 40 || file.le32(46) == 0 ? 256 : file.le32(46);
    bmp.colours = std::min({room, used, std::uint64_t{256}});
  } else if (compression == 3) {
    constexpr std::uint64_t masks = 54;  // after a header of 40 bytes, or inside a longer one
    const std::uint32_t all = bmp.bits == 32 ? 0xffffffff : (1u << bmp.bits) - 1;
    bmp.masks = {file.le32(masks) & all, file.le32(masks + 4) & all, file.le32(masks + 8) & all};
  } else if (bmp.bits == 16) {
    bmp.masks = {0x7c00, 0x03e0, 0x001f};
  } else {
    bmp.masks = {0xff0000, 0x00ff00, 0x0000ff};
  }
  return bmp;
}

/// The bits of a pixel that a mask selects, scaled to 0 to 255 and rounded, as browsers do it.
inline std::uint8_t masked_sample(std::uint32_t pixel, std::uint32_t mask) noexcept {
  if (mask == 0) return 0;
  std::uint32_t most = mask >> std::countr_zero(mask);
  std::uint32_t value = (pixel & mask) >> std::countr_zero(mask);
  if (most == 255) return static_cast<std::uint8_t>(value);
  for (; most > 0xffff; most >>= 1) value >>= 1;
  return static_cast<std::uint8_t>((value * 255 + most / 2) / most);
}

/// Colours that the palette lacks are black. The fourth sample of 32 bits is ignored: it is padding in most files.
/// errors   invalid_image: truncated; out_of_memory
inline result<image> read_bmp_pixels(const bmp_header& bmp, const file_bytes& file) {
  const std::uint64_t stride = bmp.stride();
  const std::uint64_t last_row = (std::uint64_t{bmp.width} * bmp.bits + 7) / 8;
  const std::uint64_t needed = stride * (bmp.height - 1) + last_row;
  if (bmp.pixels > file.size() || needed > file.size() - bmp.pixels) return truncated_image();
  auto decoded = image::create(bmp.width, bmp.height);
  if (!decoded) return decoded;

  std::array<std::array<std::uint8_t, 3>, 256> palette{};
  for (std::size_t i = 0; i < bmp.colours; ++i)
    for (std::size_t c = 0; c < 3; ++c)  // stored as blue, green, red
      palette[i][c] = static_cast<std::uint8_t>(
          file.at(bmp_header::file_header + bmp.length + (bmp.length == 12 ? 3 : 4) * i + 2 - c));

  std::uint8_t* out = decoded->data();
  for (std::uint32_t y = 0; y < bmp.height; ++y) {
    const std::uint64_t row = bmp.pixels + stride * (bmp.top_down ? y : bmp.height - 1 - y);
    for (std::uint64_t x = 0; x < bmp.width; ++x, out += 3) {
      if (bmp.bits <= 8) {
        const std::uint32_t byte = file.at(row + x * bmp.bits / 8);
        const std::uint64_t shift = 8 - bmp.bits - x * bmp.bits % 8;
        std::copy_n(palette[byte >> shift & ((1u << bmp.bits) - 1)].begin(), 3, out);
      } else {
        const std::uint32_t pixel = file.le32(row + x * bmp.bits / 8);  // no mask selects a byte after the pixel
        for (std::size_t c = 0; c < 3; ++c) out[c] = masked_sample(pixel, bmp.masks[c]);
      }
    }
  }
  return decoded;
}

}  // namespace detail
MOBILENET_NAMESPACE_END
