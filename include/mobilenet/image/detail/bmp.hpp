// A BMP before stb_image gets it: which of the many kinds it is, whether it is whole, and a plain form of the others.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/image/detail/errors.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// What the headers say. A file header of 14 bytes, an information header, colour masks or a palette, rows of pixels.
struct bmp_layout {
  static constexpr std::uint64_t file_header = 14;
  static constexpr std::uint64_t masks = 54;  ///< where they are, after a header of 40 bytes or in a longer one

  std::uint32_t header = 0;  ///< bytes of the information header
  std::uint64_t pixels = 0;  ///< where the rows begin
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  bool top_down = false;
  std::uint32_t bits = 0;     ///< of a pixel
  bool has_masks = false;     ///< for red, green and blue
  std::uint64_t colours = 0;  ///< of the palette
  std::uint64_t row = 0;      ///< bytes

  std::uint64_t pixel_bytes() const noexcept { return row * height; }
  std::uint64_t colour_bytes() const noexcept { return header == 12 ? 3 : 4; }
};

/// errors   invalid_image: a header that is none; unsupported: compressed, or pixels of an unusual depth
inline result<bmp_layout> read_bmp_layout(const file_bytes& file) {
  bmp_layout bmp;
  bmp.header = file.le32(14);
  if (file.size() < bmp_layout::file_header + 4) return truncated_image();
  constexpr std::array<std::uint32_t, 8> headers{12, 16, 40, 52, 56, 64, 108, 124};
  if (std::find(headers.begin(), headers.end(), bmp.header) == headers.end())
    return damaged_image("a BMP with a header of " + std::to_string(bmp.header) + " bytes");
  if (file.size() < bmp_layout::file_header + bmp.header) return truncated_image();
  const bool core = bmp.header == 12;
  const std::uint32_t height = core ? file.le16(20) : file.le32(22);
  bmp.pixels = file.le32(10);
  bmp.width = core ? file.le16(18) : file.le32(18);
  bmp.top_down = !core && (height & 0x80000000u) != 0;
  bmp.height = bmp.top_down ? 0u - height : height;
  bmp.bits = file.le16(core ? 24 : 28);

  const std::uint32_t compression = bmp.header < 40 ? 0 : file.le32(30);
  if (compression == 4 || compression == 5) return unsupported_kind("BMP with a JPEG or PNG inside");
  if (compression > 3 || (compression == 3 && bmp.header == 64)) return unsupported_kind("BMP with compression");
  if (compression == 1 || compression == 2) return unsupported_kind("BMP with run-length compression");
  constexpr std::array<std::uint32_t, 6> depths{1, 4, 8, 16, 24, 32};
  if (std::find(depths.begin(), depths.end(), bmp.bits) == depths.end())
    return unsupported_kind("BMP with " + std::to_string(bmp.bits) + " bits a pixel");
  bmp.has_masks = compression == 3 && (bmp.bits == 16 || bmp.bits == 32);
  for (std::uint64_t i = 0; bmp.has_masks && i < 3; ++i)
    if (const int bits = std::popcount(file.le32(bmp_layout::masks + 4 * i)); bits > 8)
      return unsupported_kind("BMP with " + std::to_string(bits) + " bits a colour");

  bmp.row = (std::uint64_t{bmp.width} * bmp.bits + 31) / 32 * 4;
  if (bmp.bits <= 8) {
    const std::uint64_t begin = bmp_layout::file_header + bmp.header;
    const std::uint64_t room = bmp.pixels > begin ? (bmp.pixels - begin) / bmp.colour_bytes() : 0;
    const std::uint64_t used = bmp.header < 40 || file.le32(46) == 0 ? 256 : file.le32(46);
    bmp.colours = std::min({room, used, std::uint64_t{256}});
  }
  return bmp;
}

/// stb_image reads missing pixels of a BMP as zeros; these are as many bytes as it must have.
inline result<void> check_whole(const bmp_layout& bmp, const file_bytes& file) {
  if (bmp.pixels > file.size() || bmp.pixel_bytes() > file.size() - bmp.pixels) return truncated_image();
  return {};
}

/// Whether stb_image reads it as it is. It wants the pixels right after the header of 40 bytes and the masks, and
/// leaves colours that a palette lacks indeterminate (of a header of 12 bytes also the last four).
inline bool is_plain(const bmp_layout& bmp) noexcept {
  return bmp.header == 40 && bmp.bits > 8 && bmp.pixels == bmp_layout::masks + (bmp.has_masks ? 12 : 0);
}

/// The same pixels with a header of 40 bytes, masks if there are any, and a palette of 256 colours, those that the file
/// lacks black.
inline file_copy plain_bmp(const bmp_layout& bmp, const file_bytes& file, std::span<const std::byte> bytes) {
  constexpr std::size_t header = 40;
  constexpr std::size_t palette = bmp_layout::file_header + header;
  const std::size_t pixels_at = palette + (bmp.has_masks ? 12 : 0) + (bmp.bits <= 8 ? 4 * 256 : 0);
  const auto pixel_bytes = static_cast<std::size_t>(bmp.pixel_bytes());
  file_copy copy(pixels_at + pixel_bytes);
  if (copy.data == nullptr) return copy;

  const auto put = [&](std::size_t at, std::uint32_t value) {
    std::memcpy(copy.data.get() + at, &value, sizeof value);
  };
  std::memcpy(copy.data.get(), "BM", 2);
  put(10, static_cast<std::uint32_t>(pixels_at));
  put(14, header);
  put(18, bmp.width);
  put(22, bmp.top_down ? 0u - bmp.height : bmp.height);
  put(26, 1 | bmp.bits << 16);  // planes, bits
  put(30, bmp.has_masks ? 3 : 0);
  for (std::size_t i = 0; bmp.has_masks && i < 12; i += 4) put(bmp_layout::masks + i, file.le32(bmp_layout::masks + i));
  for (std::size_t i = 0; i < bmp.colours; ++i)
    put(palette + 4 * i, file.le32(bmp_layout::file_header + bmp.header + bmp.colour_bytes() * i) & 0xffffff);
  std::memcpy(copy.data.get() + pixels_at, bytes.data() + bmp.pixels, pixel_bytes);
  return copy;
}

}  // namespace detail
MOBILENET_NAMESPACE_END
