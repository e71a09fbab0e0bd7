// A JPEG from marker to marker, before a decoder sees it: what it is, and whether it is whole.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/image/detail/errors.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

struct jpeg_segments {
  std::uint32_t frame = 0;  ///< marker of the frame header: 0xc0 and 0xc1 baseline, 0xc2 progressive; 0: none
  std::uint32_t bits = 0;   ///< per sample
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t components = 0;
  bool adobe = false;  ///< has the segment that says how four components are meant

  // What the scans are checked by.
  struct component {
    std::uint32_t horizontal, vertical;  ///< sampling factors
    std::uint32_t table;                 ///< of quantisation
  };
  std::array<component, 4> component_of{};
  std::uint32_t tables = 0;           ///< of quantisation, that are there: bit i for table i
  std::uint32_t huffman_tables = 0;   ///< that are there: bit i for DC table i, bit 4 + i for AC table i
  bool lacks_huffman_tables = false;  ///< a scan uses one that was not there before it
  std::uint32_t scans = 0;
  std::uint32_t scanned_components = 0;  ///< in all scans together
  std::uint64_t scan_bytes = 0;

  bool progressive() const noexcept { return (frame & 3) == 2; }
  bool lossless_or_hierarchical() const noexcept {
    return (frame & 3) == 3 || (frame >= 0xc5 && frame <= 0xc7) || frame >= 0xcd;
  }
};

/// Decoders fill what is missing with grey and report success. What can be told without decoding is told here; a gap
/// in the middle of the data cannot.
///
/// errors   invalid_image
inline result<void> check_whole(const jpeg_segments& jpeg) {
  if (jpeg.frame == 0) return damaged_image("a JPEG without a frame");
  if (jpeg.scans == 0) return damaged_image("a JPEG without a scan");
  const std::size_t components = std::min<std::size_t>(jpeg.components, jpeg.component_of.size());
  std::uint32_t most_horizontal = 1, most_vertical = 1;
  for (std::size_t i = 0; i < components; ++i) {
    const auto& c = jpeg.component_of[i];
    if ((jpeg.tables >> c.table & 1u) == 0)
      return damaged_image("quantisation table " + std::to_string(c.table) + " is missing");
    most_horizontal = std::max(most_horizontal, c.horizontal);
    most_vertical = std::max(most_vertical, c.vertical);
  }
  if (jpeg.frame >= 0xc9) return {};  // arithmetic coding, which takes less than a bit
  // A block of 8x8 samples takes a bit for its first coefficient, and if it comes in one piece one for its end.
  std::uint64_t blocks = 0;
  const auto blocks_along = [](std::uint64_t size, std::uint64_t factor, std::uint64_t most) {
    return (size * factor + 8 * most - 1) / (8 * most);
  };
  for (std::size_t i = 0; i < components; ++i)
    blocks += blocks_along(jpeg.width, jpeg.component_of[i].horizontal, most_horizontal) *
              blocks_along(jpeg.height, jpeg.component_of[i].vertical, most_vertical);
  if (jpeg.scan_bytes * 8 < blocks * (jpeg.progressive() ? 1 : 2)) return truncated_image();
  return {};
}

/// Walks all segments to the end-of-image marker, without which the file is truncated. A Huffman table of more than 256
/// codes makes stb_image before 2.28 write past its end.
///
/// Every scan costs a pass over all pixels, so a few bytes could cost hours: each component has one scan, or if the
/// image is progressive at most 100, and 16 where it is large. (Encoders write 1 to 14.)
///
/// errors   invalid_image: truncated, or something that no decoder should get
/// source   ITU-T T.81, annex B
inline result<jpeg_segments> read_jpeg_segments(const file_bytes& file) {
  constexpr std::uint32_t huffman_tables = 0xc4;
  constexpr std::uint32_t end_of_image = 0xd9;
  constexpr std::uint32_t start_of_scan = 0xda;
  constexpr std::uint32_t quantisation_tables = 0xdb;
  constexpr std::uint32_t app14 = 0xee;
  constexpr std::uint64_t most_scans = 100;
  constexpr std::uint64_t scans_of_any_size = 16;
  constexpr std::uint64_t most_scanned_pixels = 500'000'000;
  jpeg_segments found;
  std::uint64_t i = 2;  // past the start-of-image marker
  while (i + 1 < file.size()) {
    const std::uint64_t begin = i;
    i = file.find(0xff, i);  // entropy-coded data may come before it
    const std::uint32_t marker = file.at(i + 1);
    if (found.scans > 0) found.scan_bytes += i - begin;
    if (marker == 0xff) {  // a fill byte
      ++i;
      continue;
    }
    if (marker == end_of_image) return found;
    i += 2;
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {  // a stuffed byte or a restart: no length follows
      if (found.scans > 0) ++found.scan_bytes;
      continue;
    }
    const std::uint64_t next = i + file.be16(i);
    if (next > file.size()) return truncated_image();
    if (marker == start_of_scan) {
      ++found.scans;
      const std::uint32_t components = file.at(i + 2);
      found.scanned_components += components;
      const std::uint64_t after = i + 3 + 2 * components;  // first and last coefficient; bits that came before
      const bool dc = !found.progressive() || (file.at(after) == 0 && file.at(after + 2) >> 4 == 0);
      const bool ac = !found.progressive() || file.at(after + 1) > 0;
      for (std::uint64_t c = i + 4; c < after; c += 2)
        found.lacks_huffman_tables |= (dc && (found.huffman_tables >> (file.at(c) >> 4 & 3) & 1u) == 0) ||
                                      (ac && (found.huffman_tables >> (4 + (file.at(c) & 3)) & 1u) == 0);
      if (found.frame == 0) return damaged_image("a scan before the frame");
      if (!found.progressive() && found.scanned_components > found.components)
        return damaged_image("a JPEG with more scans than components");
      if (found.scans > most_scans) return damaged_image("more than " + std::to_string(most_scans) + " scans");
      if (found.scans > scans_of_any_size &&
          std::uint64_t{found.scans} * found.width * found.height > most_scanned_pixels)
        return damaged_image(std::to_string(found.scans) + " scans over " + std::to_string(found.width) + "x" +
                             std::to_string(found.height) + " pixels");
    }
    if (marker == app14 && file.has(i + 2, "Adobe")) found.adobe = true;
    if (marker >= 0xc0 && marker <= 0xcf && marker != huffman_tables && marker != 0xc8 && marker != 0xcc &&
        found.frame == 0) {
      found.frame = marker;
      found.bits = file.at(i + 2);
      found.height = file.be16(i + 3);
      found.width = file.be16(i + 5);
      found.components = file.at(i + 7);
      for (std::size_t c = 0; c < found.component_of.size(); ++c)
        found.component_of[c] = {file.at(i + 9 + 3 * c) >> 4, file.at(i + 9 + 3 * c) & 15, file.at(i + 10 + 3 * c) & 3};
    }
    for (std::uint64_t table = i + 2; marker == quantisation_tables && table < next;) {
      found.tables |= 1u << (file.at(table) & 3);
      table += file.at(table) >> 4 == 0 ? 65 : 129;
    }
    for (std::uint64_t table = i + 2; marker == huffman_tables && table < next;) {
      std::uint32_t codes = 0;
      for (std::uint64_t length = 1; length <= 16; ++length) codes += file.at(table + length);
      if (codes > 256) return damaged_image("a Huffman table has more than 256 codes");
      const std::uint32_t number = (file.at(table) >> 4 & 1) * 4 + (file.at(table) & 3);
      if (codes > 0) found.huffman_tables |= 1u << number;
      table += 17 + codes;
    }
    i = next;
  }
  return truncated_image();
}

}  // namespace detail
MOBILENET_NAMESPACE_END
