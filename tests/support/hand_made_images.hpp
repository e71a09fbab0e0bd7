// PNG and BMP files spelled out byte by byte: any header field can be given a wrong value.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

namespace support {

using byte_vector = std::vector<std::uint8_t>;

inline void append(byte_vector& out, std::span<const std::uint8_t> more) {
  out.insert(out.end(), more.begin(), more.end());
}
inline void append_be32(byte_vector& out, std::uint32_t v) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(v >> shift));
}
inline void append_le(byte_vector& out, std::uint32_t v, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
}

inline void append_png_chunk(byte_vector& out, std::string_view type, const byte_vector& data) {
  append_be32(out, static_cast<std::uint32_t>(data.size()));
  const std::size_t checked = out.size();
  for (const char c : type) out.push_back(static_cast<std::uint8_t>(c));
  append(out, data);
  std::uint32_t crc = ~0u;
  for (std::size_t i = checked; i < out.size(); ++i) {
    crc ^= out[i];
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
  }
  append_be32(out, ~crc);
}

/// zlib's format without compression.
inline byte_vector stored_zlib(const byte_vector& data) {
  byte_vector out{0x78, 0x01};
  for (std::size_t at = 0; at == 0 || at < data.size(); at += 65535) {
    const std::size_t length = std::min<std::size_t>(65535, data.size() - at);
    out.push_back(at + length >= data.size() ? 1 : 0);
    append_le(out, static_cast<std::uint32_t>(length), 2);
    append_le(out, ~static_cast<std::uint32_t>(length), 2);
    append(out, std::span(data).subspan(at, length));
  }
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  for (const std::uint8_t x : data) {
    a = (a + x) % 65521;
    b = (b + a) % 65521;
  }
  append_be32(out, b << 16 | a);
  return out;
}

/// Where a JPEG's first marker of a kind begins.
template <class Bytes>
auto find_marker(Bytes& jpeg, std::uint8_t marker) {
  const std::uint8_t bytes[] = {0xff, marker};
  const auto at = std::search(jpeg.begin(), jpeg.end(), std::begin(bytes), std::end(bytes));
  REQUIRE(at != jpeg.end());
  return at;
}

/// A JPEG with more bytes between its last scan's data and its end-of-image marker.
inline byte_vector with_padding(byte_vector jpeg, std::span<const std::uint8_t> padding) {
  jpeg.insert(jpeg.end() - 2, padding.begin(), padding.end());
  return jpeg;
}

/// A JPEG with a segment after the start-of-image marker.
inline byte_vector with_segment(byte_vector jpeg, std::uint8_t marker, std::span<const std::uint8_t> payload) {
  byte_vector segment{0xff, marker, static_cast<std::uint8_t>((payload.size() + 2) >> 8),
                      static_cast<std::uint8_t>((payload.size() + 2) & 255)};
  append(segment, payload);
  jpeg.insert(jpeg.begin() + 2, segment.begin(), segment.end());
  return jpeg;
}

/// A JPEG without its first segment of a kind.
inline byte_vector without_segment(byte_vector jpeg, std::uint8_t marker) {
  const auto at = find_marker(jpeg, marker);
  jpeg.erase(at, at + 2 + at[2] * 256 + at[3]);
  return jpeg;
}

/// A baseline JPEG of one scan whose components have other ids.
inline byte_vector with_component_ids(byte_vector jpeg, std::string_view ids) {
  const auto frame = find_marker(jpeg, 0xc0);
  const auto scan = find_marker(jpeg, 0xda);
  REQUIRE(frame[9] == ids.size());
  REQUIRE(scan[4] == ids.size());
  for (std::ptrdiff_t i = 0; i < std::ssize(ids); ++i) {
    const auto id = static_cast<std::uint8_t>(ids[static_cast<std::size_t>(i)]);
    frame[10 + 3 * i] = id;
    scan[5 + 2 * i] = id;
  }
  return jpeg;
}

enum png_color : std::uint8_t { png_grey = 0, png_rgb = 2, png_palette = 3, png_grey_alpha = 4, png_rgba = 6 };

/// rows     each with its filter byte in front
inline byte_vector make_png(std::uint32_t width, std::uint32_t height, png_color color, std::uint8_t depth,
                            const byte_vector& rows, const byte_vector& palette = {}) {
  byte_vector out{0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};
  byte_vector header;
  append_be32(header, width);
  append_be32(header, height);
  append(header, std::array<std::uint8_t, 5>{depth, color, 0, 0, 0});
  append_png_chunk(out, "IHDR", header);
  if (!palette.empty()) append_png_chunk(out, "PLTE", palette);
  append_png_chunk(out, "IDAT", stored_zlib(rows));
  append_png_chunk(out, "IEND", {});
  return out;
}

/// A BMP with the 40-byte header, as nearly all are.
/// height   negative: rows from top to bottom
/// rows     each padded to a multiple of 4 bytes
inline byte_vector make_bmp(std::int32_t width, std::int32_t height, std::uint16_t bits, const byte_vector& rows,
                            const byte_vector& palette = {}, std::uint32_t compression = 0) {
  byte_vector out{'B', 'M'};
  const auto pixels_at = static_cast<std::uint32_t>(14 + 40 + palette.size());
  append_le(out, static_cast<std::uint32_t>(pixels_at + rows.size()), 4);
  append_le(out, 0, 4);
  append_le(out, pixels_at, 4);
  append_le(out, 40, 4);
  append_le(out, static_cast<std::uint32_t>(width), 4);
  append_le(out, static_cast<std::uint32_t>(height), 4);
  append_le(out, 1, 2);
  append_le(out, bits, 2);
  append_le(out, compression, 4);
  append_le(out, static_cast<std::uint32_t>(rows.size()), 4);
  append_le(out, 2835, 4);
  append_le(out, 2835, 4);
  append_le(out, compression == 0 ? static_cast<std::uint32_t>(palette.size() / 4) : 0, 4);
  append_le(out, 0, 4);
  append(out, palette);  // or, with compression 3, the colour masks
  append(out, rows);
  return out;
}

/// Bytes put into a BMP between its header (or palette) and its pixels, and the pixels' offset changed.
inline byte_vector with_gap(byte_vector bmp, int gap) {
  const int pixels_at = bmp[10] | bmp[11] << 8;
  bmp.insert(bmp.begin() + pixels_at, static_cast<std::size_t>(gap), std::uint8_t{0x77});
  bmp[10] = static_cast<std::uint8_t>((pixels_at + gap) & 255);
  bmp[11] = static_cast<std::uint8_t>((pixels_at + gap) >> 8);
  return bmp;
}

/// A BMP with the 12-byte header of OS/2: a palette of three bytes a colour.
inline byte_vector make_core_bmp(std::uint16_t width, std::uint16_t height, std::uint16_t bits, const byte_vector& rows,
                                 const byte_vector& palette) {
  byte_vector out{'B', 'M'};
  const auto pixels_at = static_cast<std::uint32_t>(14 + 12 + palette.size());
  append_le(out, static_cast<std::uint32_t>(pixels_at + rows.size()), 4);
  append_le(out, 0, 4);
  append_le(out, pixels_at, 4);
  append_le(out, 12, 4);
  append_le(out, width, 2);
  append_le(out, height, 2);
  append_le(out, 1, 2);
  append_le(out, bits, 2);
  append(out, palette);
  append(out, rows);
  return out;
}

}  // namespace support
