// The chunks of a PNG: what its header says, and whether the pixels are there.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/image/detail/errors.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// The name of a chunk as the number that its four bytes are.
constexpr std::uint32_t png_chunk(std::string_view name) noexcept {
  std::uint32_t number = 0;
  for (const char c : name) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

inline constexpr std::uint64_t png_checksum = 4;  ///< bytes, after a chunk and at the end of the compressed data

/// Moves from chunk to chunk. Checksums are skipped, as browsers skip them.
class png_cursor {
 public:
  static constexpr std::uint64_t signature = 8;

  explicit png_cursor(const file_bytes& file) noexcept : file_(file) {}

  /// False at the end of the file.
  bool next() noexcept {
    begin_ = end_;
    end_ = begin_ + 12 + file_.be32(begin_);
    return begin_ + 8 <= file_.size();
  }
  std::uint32_t name() const noexcept { return file_.be32(begin_ + 4); }
  /// As much of it as the file has.
  file_bytes data() const noexcept { return file_.part(begin_ + 8, end_ - 4); }
  /// Bytes of the data that the file lacks.
  std::uint64_t missing() const noexcept { return end_ - 4 - begin_ - 8 - data().size(); }

 private:
  file_bytes file_;
  std::uint64_t begin_ = signature;
  std::uint64_t end_ = signature;
};

struct png_header {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t depth = 0;  ///< bits of a sample, or of an index
  std::uint32_t colour = 0;
  file_bytes palette{{}};       ///< three bytes a colour; empty unless pixels are indices
  file_bytes transparency{{}};  ///< the transparent colour, or the alpha of each colour of the palette
  std::uint64_t data = 0;       ///< compressed bytes
  bool ended = false;           ///< reaches the chunk that ends it

  bool has_alpha() const noexcept { return colour == grey_alpha || colour == rgb_alpha || transparency.size() > 0; }

  static constexpr std::uint32_t grey = 0, rgb = 2, indexed = 3, grey_alpha = 4, rgb_alpha = 6;
};

/// errors   invalid_image; unsupported
/// source   PNG (third edition), 11.2.1
inline result<png_header> read_png_header(const file_bytes& data) {
  png_header png;
  png.width = data.be32(0);
  png.height = data.be32(4);
  png.depth = data.at(8);
  png.colour = data.at(9);
  const std::uint32_t depths = png.colour == png_header::grey      ? 1 | 2 | 4 | 8 | 16
                               : png.colour == png_header::indexed ? 1 | 2 | 4 | 8
                                                                   : 8 | 16;
  const bool known = png.colour <= 6 && png.colour != 1 && png.colour != 5;
  if (data.size() != 13) return damaged_image("its header has " + std::to_string(data.size()) + " bytes, expected 13");
  if (!known || png.depth == 0 || (png.depth & (png.depth - 1)) != 0 || (png.depth & depths) == 0)
    return damaged_image("pixels of colour type " + std::to_string(png.colour) + " with " + std::to_string(png.depth) +
                         " bits, which PNG does not have");
  if (data.at(10) != 0 || data.at(11) != 0 || data.at(12) > 1)
    return damaged_image("a method of compression, filtering or interlacing that PNG does not have");
  return png;
}

/// Takes what decides the pixels from one chunk. Transparency that PNG does not allow is ignored, as libpng ignores it.
inline result<void> read_png_chunk(png_header& png, const png_cursor& cursor) {
  const file_bytes data = cursor.data();
  switch (cursor.name()) {
    case png_chunk("IHDR"): return damaged_image("a second header");
    case png_chunk("PLTE"):
      if (png.colour != png_header::indexed || png.palette.size() > 0 || png.data > 0) return {};
      if (data.size() == 0 || data.size() > 768 || data.size() % 3 != 0)
        return damaged_image("a palette of " + std::to_string(data.size()) +
                             " bytes, expected 3 for each of up to 256 colours");
      png.palette = data;
      return {};
    case png_chunk("tRNS"): {
      const bool fits = png.colour == png_header::grey      ? data.size() == 2
                        : png.colour == png_header::rgb     ? data.size() == 6
                        : png.colour == png_header::indexed ? 3 * data.size() <= png.palette.size()
                                                            : false;
      if (fits && data.size() > 0 && png.data == 0) png.transparency = data;
      return {};
    }
    case png_chunk("IDAT"):
      if (png.colour == png_header::indexed && png.palette.size() == 0)
        return damaged_image("its pixels are indices, but it has no palette");
      png.data += data.size() + cursor.missing();
      return {};
    default: break;
  }
  std::string name;
  bool letters = true;
  for (int shift = 24; shift >= 0; shift -= 8) {
    const auto c = static_cast<char>(cursor.name() >> shift & 0xff);
    name += c;
    letters = letters && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
  }
  const bool ancillary = (cursor.name() & 0x20000000u) != 0;  // its first letter is a small one
  if (!letters) return damaged_image("a chunk whose name is not four letters");
  if (!ancillary) return unsupported_kind("PNG with a chunk " + name + ", without which it must not be decoded");
  return {};
}

/// The chunks up to the one that ends the image. Everything that is found wrong without inflating is found here.
///
/// A file that ends early may still have all pixels: it lacks the last chunk, or checksums.
///
/// errors   invalid_image: damaged or truncated; unsupported: needs a chunk that is not known
inline result<png_header> read_png(const file_bytes& file) {
  if (file.has(12, "CgBI")) return unsupported_kind("PNG as Xcode rewrites it for iOS, expected a standard one");
  png_cursor cursor(file);
  if (!cursor.next() || cursor.missing() > 0) return truncated_image();
  if (cursor.name() != png_chunk("IHDR")) return damaged_image("its first chunk is not its header");
  auto png = read_png_header(cursor.data());
  if (!png) return png;

  while (!png->ended && cursor.next()) {
    png->ended = cursor.name() == png_chunk("IEND");
    if (png->ended) break;
    const bool data = cursor.name() == png_chunk("IDAT");
    if (cursor.missing() > (data ? png_checksum : 0)) {
      if (data || png->data == 0) return truncated_image();
      break;  // it comes after the pixels
    }
    if (auto read = read_png_chunk(*png, cursor); !read) return std::move(read).error();
  }
  if (png->data == 0) {
    if (!png->ended) return truncated_image();
    return damaged_image("a PNG without pixels");
  }
  return png;
}

}  // namespace detail
MOBILENET_NAMESPACE_END
