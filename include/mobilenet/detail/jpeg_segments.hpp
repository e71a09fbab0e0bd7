// A JPEG from marker to marker, before a decoder sees it: what it is, and whether it is whole.
#pragma once

#include <mobilenet/detail/file_bytes.hpp>
#include <mobilenet/detail/image_errors.hpp>
#include <mobilenet/error.hpp>

#include <cstdint>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

struct jpeg_segments {
  std::uint32_t frame = 0;  ///< marker of the frame header: 0xc0 and 0xc1 baseline, 0xc2 progressive; 0: none
  std::uint32_t bits = 0;   ///< per sample
  std::uint32_t components = 0;
  bool adobe = false;  ///< has the segment that says how four components are meant
};

/// Walks all segments.
///
/// A truncated JPEG must not get further: decoders fill its rest with grey and report success, which would be
/// classified without a word. So the scan data must run to the end-of-image marker. A Huffman table of more than
/// 256 codes makes stb_image before 2.28 write past its end. And each scan costs a pass over all pixels: without a
/// bound a megabyte of empty scans takes hours.
///
/// errors   invalid_image: truncated, or one of the above
/// source   ITU-T T.81, annex B
inline result<jpeg_segments> read_jpeg_segments(const file_bytes& file) {
  constexpr std::uint32_t huffman_tables = 0xc4;
  constexpr std::uint32_t end_of_image = 0xd9;
  constexpr std::uint32_t start_of_scan = 0xda;
  constexpr std::uint32_t app14 = 0xee;
  constexpr unsigned most_scans = 100;  // encoders write 1 to 20
  jpeg_segments found;
  unsigned scans = 0;
  std::uint64_t i = 2;  // past the start-of-image marker
  while (i + 1 < file.size()) {
    const std::uint32_t marker = file.at(i + 1);
    if (file.at(i) != 0xff || marker == 0xff) {  // entropy-coded data, or fill bytes
      ++i;
      continue;
    }
    if (marker == end_of_image) return found;
    i += 2;
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue;  // stuffed byte, restart: no length follows
    const std::uint64_t next = i + file.be16(i);
    if (next > file.size()) return truncated_image();
    if (marker == start_of_scan && ++scans > most_scans)
      return damaged_image("more than " + std::to_string(most_scans) + " scans");
    if (marker == app14 && file.has(i + 2, "Adobe")) found.adobe = true;
    if (marker >= 0xc0 && marker <= 0xcf && marker != huffman_tables && marker != 0xc8 && marker != 0xcc &&
        found.frame == 0) {
      found.frame = marker;
      found.bits = file.at(i + 2);
      found.components = file.at(i + 7);
    }
    for (std::uint64_t table = i + 2; marker == huffman_tables && table < next;) {
      std::uint32_t codes = 0;
      for (std::uint64_t length = 1; length <= 16; ++length) codes += file.at(table + length);
      if (codes > 256) return damaged_image("a Huffman table has more than 256 codes");
      table += 17 + codes;
    }
    i = next;
  }
  return truncated_image();
}

}  // namespace detail
MOBILENET_NAMESPACE_END
