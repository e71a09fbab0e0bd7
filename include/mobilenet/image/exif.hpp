// EXIF orientation: reading it, and turning pixels upright.
#pragma once

#include <mobilenet/image/detail/file_bytes.hpp>
#include <mobilenet/image/detail/jpeg.hpp>
#include <mobilenet/image/detail/png.hpp>
#include <mobilenet/image/view.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// The orientation, 1 to 8, among the first tags of a TIFF structure; 1, upright, where there is none.
/// source   CIPA DC-008 (Exif 2.32), 4.6.2 and 4.6.4; tag 274
inline std::uint32_t orientation_of_tiff(const file_bytes& tiff) noexcept {
  const bool big = tiff.starts_with("MM");
  if (!big && !tiff.starts_with("II")) return 1;
  const auto u16 = [&](std::uint64_t i) { return big ? tiff.be16(i) : tiff.le16(i); };
  const auto u32 = [&](std::uint64_t i) { return big ? tiff.be32(i) : tiff.le32(i); };
  if (u16(2) != 42) return 1;
  const std::uint64_t directory = u32(4);
  const std::uint32_t tags = u16(directory);
  for (std::uint64_t i = 0; i < tags; ++i) {
    const std::uint64_t tag = directory + 2 + 12 * i;
    if (u16(tag) != 274) continue;
    const std::uint32_t value = u16(tag + 8);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/// In a JPEG's first EXIF segment, or a PNG's eXIf chunk.
inline std::uint32_t exif_orientation(const file_bytes& file) noexcept {
  if (file.starts_with("\xff\xd8"))
    for (jpeg_cursor cursor(file); cursor.next() && cursor.marker() != jpeg_marker::start_of_scan;)
      if (cursor.marker() == jpeg_marker::app1 && cursor.payload().starts_with({"Exif\0\0", 6}))
        return orientation_of_tiff(cursor.payload().from(6));
  if (file.starts_with("\x89PNG"))
    for (png_cursor cursor(file); cursor.next();)
      if (cursor.name() == png_chunk("eXIf")) return orientation_of_tiff(cursor.data());
  return 1;
}

/// An image as orientation says that it is meant to be seen.
/// errors   out_of_memory
inline result<image> orient_image(image stored, std::uint32_t orientation) {
  if (orientation <= 1 || orientation > 8) return stored;
  const std::uint32_t width = stored.width();
  const std::uint32_t height = stored.height();
  const bool transposed = orientation >= 5;  // stored rows are meant as columns
  auto made = transposed ? image::create(height, width) : image::create(width, height);
  if (!made) return made;
  // Which side of the picture is stored as the first row, and as the first column.
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  std::uint8_t* out = made->data();
  for (std::uint32_t y = 0; y < made->height(); ++y)
    for (std::uint32_t x = 0; x < made->width(); ++x, out += 3) {
      const std::uint32_t column = transposed ? y : x;
      const std::uint32_t row = transposed ? x : y;
      const std::size_t from_x = from_right ? width - 1 - column : column;
      const std::size_t from_y = from_bottom ? height - 1 - row : row;
      std::memcpy(out, stored.data() + (from_y * width + from_x) * 3, 3);
    }
  return made;
}

}  // namespace detail
MOBILENET_NAMESPACE_END
