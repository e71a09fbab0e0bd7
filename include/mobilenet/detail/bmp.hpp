// What is done about a BMP before stb_image gets it.
#pragma once

#include <mobilenet/detail/file_bytes.hpp>
#include <mobilenet/detail/image_errors.hpp>
#include <mobilenet/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// The parts of a BMP: a file header of 14 bytes, an information header, a palette, and rows of pixels.
struct bmp_layout {
  static constexpr std::uint64_t file_header = 14;
  std::uint64_t header;  ///< bytes of the information header: 12, or 40 and more
  std::uint64_t pixels;  ///< where the rows begin
  std::uint32_t bits;    ///< of a pixel
  std::uint64_t row;     ///< bytes

  bmp_layout(const file_bytes& file, std::uint64_t width)
      : header(file.le32(14)),
        pixels(file.le32(10)),
        bits(file.le16(header == 12 ? 24 : 28)),
        row((width * bits + 31) / 32 * 4) {}
};

/// stb_image reads missing pixels of a BMP as zeros; these are as many bytes as it must have.
inline result<void> check_bmp(const file_bytes& file, std::uint64_t width, std::uint64_t height) {
  const bmp_layout bmp(file, width);
  if (bmp.pixels > file.size() || bmp.row * height > file.size() - bmp.pixels) return truncated_image();
  return {};
}

/// A file in memory of malloc's; null where there was none.
struct file_copy {
  std::unique_ptr<std::byte, void (*)(void*)> data{nullptr, std::free};
  std::size_t size = 0;

  explicit file_copy(std::size_t bytes)
      : data(static_cast<std::byte*>(std::calloc(1, bytes)), std::free), size(bytes) {}
};

/// A copy of a BMP of at most 8 bits a pixel with a header of 40 bytes and a palette of 256 colours, those that
/// the file lacks black. stb_image leaves them indeterminate, and of files with a header of 12 bytes also the last
/// four.
inline file_copy with_whole_palette(const file_bytes& file, std::span<const std::byte> bytes, std::uint32_t width,
                                    std::uint32_t height) {
  constexpr std::size_t header = 40;
  constexpr std::size_t colours = 256;
  constexpr std::size_t pixels_at = bmp_layout::file_header + header + 4 * colours;
  const bmp_layout bmp(file, width);
  const bool core = bmp.header == 12;
  file_copy copy(pixels_at + static_cast<std::size_t>(bmp.row * height));
  if (copy.data == nullptr) return copy;

  const auto put = [&](std::size_t at, std::uint32_t value) {
    std::memcpy(copy.data.get() + at, &value, sizeof value);
  };
  std::memcpy(copy.data.get(), "BM", 2);
  put(10, pixels_at);
  put(14, header);
  put(18, width);
  put(22, core ? height : file.le32(22));  // negative where the first row is the topmost
  put(26, 1 | bmp.bits << 16);             // planes, bits

  const std::uint64_t palette = bmp_layout::file_header + bmp.header;
  const std::uint64_t entry = core ? 3 : 4;
  const std::uint64_t used = core || file.le32(46) == 0 ? colours : file.le32(46);
  const std::uint64_t stored = bmp.pixels > palette ? (bmp.pixels - palette) / entry : 0;
  for (std::uint64_t i = 0; i < std::min({stored, used, std::uint64_t{colours}}); ++i)
    put(bmp_layout::file_header + header + 4 * static_cast<std::size_t>(i), file.le32(palette + entry * i) & 0xffffff);
  std::memcpy(copy.data.get() + pixels_at, bytes.data() + bmp.pixels, static_cast<std::size_t>(bmp.row * height));
  return copy;
}

}  // namespace detail
MOBILENET_NAMESPACE_END
