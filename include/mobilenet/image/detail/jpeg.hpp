// The segments of a JPEG: what its headers say, and whether everything that its pixels need is there.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/image/detail/errors.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// The second byte of a marker; the first is 0xff.
/// source   ITU-T T.81, table B.1
namespace jpeg_marker {
inline constexpr std::uint32_t huffman_tables = 0xc4;
inline constexpr std::uint32_t arithmetic_conditioning = 0xcc;
inline constexpr std::uint32_t end_of_image = 0xd9;
inline constexpr std::uint32_t start_of_scan = 0xda;
inline constexpr std::uint32_t quantisation_tables = 0xdb;
inline constexpr std::uint32_t number_of_lines = 0xdc;
inline constexpr std::uint32_t restart_interval = 0xdd;
inline constexpr std::uint32_t hierarchical_frame = 0xde;
inline constexpr std::uint32_t expand_reference = 0xdf;
inline constexpr std::uint32_t app0 = 0xe0;
inline constexpr std::uint32_t app1 = 0xe1;
inline constexpr std::uint32_t app14 = 0xee;
inline constexpr std::uint32_t app15 = 0xef;
inline constexpr std::uint32_t comment = 0xfe;

constexpr bool is_restart(std::uint32_t marker) noexcept { return marker >= 0xd0 && marker <= 0xd7; }
constexpr bool is_frame(std::uint32_t marker) noexcept {
  return marker >= 0xc0 && marker <= 0xcf && marker != huffman_tables && marker != 0xc8 &&
         marker != arithmetic_conditioning;
}
/// No length follows. 0 is a stuffed byte of the compressed data, 1 is reserved for arithmetic coding.
constexpr bool stands_alone(std::uint32_t marker) noexcept { return marker <= 1 || is_restart(marker); }
}  // namespace jpeg_marker

/// Moves from segment to segment. What lies between two of them is the compressed data of a scan, or padding.
class jpeg_cursor {
 public:
  explicit jpeg_cursor(const file_bytes& file) noexcept : file_(file) {}

  /// False at the end-of-image marker and at the end of the file.
  bool next() noexcept {
    gap_begin_ = end_;
    for (std::uint64_t i = end_;;) {
      i = gap_end_ = file_.find(0xff, i);
      while (file_.at(i + 1) == 0xff) ++i;  // fill bytes
      if (i + 1 >= file_.size()) {
        end_ = file_.size();
        return false;
      }
      marker_ = file_.at(i + 1);
      i += 2;
      if (jpeg_marker::stands_alone(marker_)) continue;
      ended_ = marker_ == jpeg_marker::end_of_image;
      begin_ = i;
      end_ = ended_ ? i : i + std::max(2u, file_.be16(i));
      return !ended_;
    }
  }

  std::uint32_t marker() const noexcept { return marker_; }
  /// Without marker and length.
  file_bytes payload() const noexcept { return file_.part(begin_ + 2, end_); }
  /// With marker and length.
  file_bytes segment() const noexcept { return file_.part(begin_ - 2, end_); }
  bool is_cut() const noexcept { return end_ > file_.size(); }
  /// From the segment before this one to its first fill byte or marker.
  file_bytes gap() const noexcept { return file_.part(gap_begin_, gap_end_); }
  bool at_end_of_image() const noexcept { return ended_; }

 private:
  file_bytes file_;
  std::uint32_t marker_ = 0;
  std::uint64_t begin_ = 2;  // of the length; the start-of-image marker is before it
  std::uint64_t end_ = 2;
  std::uint64_t gap_begin_ = 2;
  std::uint64_t gap_end_ = 2;
  bool ended_ = false;
};

enum class jpeg_colours : std::uint8_t { grey, ycc, rgb, cmyk, ycck };

struct jpeg_component {
  std::uint32_t id = 0;
  std::uint32_t horizontal = 0;  ///< sampling factors
  std::uint32_t vertical = 0;
  std::uint32_t table = 0;         ///< of quantisation
  std::uint64_t coefficients = 0;  ///< bit i: some scan has coefficient i
  std::uint64_t final_bits = 0;    ///< bit i: some scan has its last bit
};

/// What the headers of a JPEG say.
struct jpeg_header {
  std::uint32_t frame = 0;  ///< marker of the frame header; 0 before it
  std::uint32_t bits = 0;   ///< per sample
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::uint32_t components = 0;
  std::array<jpeg_component, 4> component{};
  jpeg_colours colours = jpeg_colours::grey;

  bool jfif = false;
  bool adobe = false;
  std::uint32_t adobe_transform = 0;
  std::uint32_t quantisation_tables = 0;  ///< bit i: table i is there
  std::uint32_t huffman_tables = 0;       ///< bit i: DC table i is there; bit 4 + i: AC table i
  bool lacks_huffman_tables = false;      ///< all of them: frames of MJPEG are meant to be read with standard ones

  std::uint32_t scans = 0;
  std::uint32_t scanned_components = 0;  ///< in all scans together
  std::uint64_t scan_bytes = 0;
  bool ended = false;  ///< has an end-of-image marker

  bool progressive() const noexcept { return (frame & 3) == 2; }
  bool arithmetic() const noexcept { return frame >= 0xc9; }

  std::uint32_t most_horizontal() const noexcept {
    std::uint32_t most = 1;
    for (std::size_t i = 0; i < components; ++i) most = std::max(most, component[i].horizontal);
    return most;
  }
  std::uint32_t most_vertical() const noexcept {
    std::uint32_t most = 1;
    for (std::size_t i = 0; i < components; ++i) most = std::max(most, component[i].vertical);
    return most;
  }

  /// Blocks of 8x8 samples that a component has, without those that only fill an MCU.
  std::uint64_t blocks(const jpeg_component& c) const noexcept {
    const auto along = [](std::uint64_t size, std::uint64_t factor, std::uint64_t most) {
      return (size * factor + 8 * most - 1) / (8 * most);
    };
    return along(width, c.horizontal, most_horizontal()) * along(height, c.vertical, most_vertical());
  }
  /// The units that a restart interval counts: blocks in a scan of one component, else groups of blocks.
  std::uint64_t mcus(std::uint32_t scanned, const jpeg_component& first) const noexcept {
    const auto along = [](std::uint64_t size, std::uint64_t most) { return (size + 8 * most - 1) / (8 * most); };
    return scanned == 1 ? blocks(first) : along(width, most_horizontal()) * along(height, most_vertical());
  }
};

/// Finds the component that each id of a scan header means. An id that occurs twice means the next component that has
/// it, as for libjpeg-turbo: jdmarker.c, get_sos().
class jpeg_component_finder {
 public:
  explicit jpeg_component_finder(const jpeg_header& jpeg) noexcept : jpeg_(jpeg) {}

  /// The number of the component; `components` if the frame does not have it.
  std::size_t find(std::uint32_t id) noexcept {
    for (std::size_t i = 0; i < jpeg_.components; ++i)
      if (jpeg_.component[i].id == id && (found_ >> i & 1u) == 0) {
        found_ |= 1u << i;
        return i;
      }
    return jpeg_.components;
  }

 private:
  const jpeg_header& jpeg_;
  std::uint32_t found_ = 0;
};

/// errors   invalid_image; unsupported: more than 8 bits, lossless, hierarchical, two components, height not stated
inline result<void> read_jpeg_frame(jpeg_header& jpeg, std::uint32_t marker, const file_bytes& payload) {
  if (jpeg.frame != 0) return damaged_image("a second frame");
  const bool lossless_or_hierarchical = (marker & 3) == 3 || (marker & 7) > 4;
  if (lossless_or_hierarchical) return unsupported_kind("JPEG, lossless or hierarchical");
  if (payload.size() < 6) return damaged_image("the frame header has the wrong length");
  jpeg.frame = marker;
  jpeg.bits = payload.at(0);
  jpeg.height = payload.be16(1);
  jpeg.width = payload.be16(3);
  jpeg.components = payload.at(5);
  if (jpeg.bits != 8) return unsupported_kind("JPEG with " + std::to_string(jpeg.bits) + " bits a sample, expected 8");
  if (jpeg.height == 0) return unsupported_kind("JPEG whose height is not in its header");
  if (jpeg.width == 0) return damaged_image("its width is 0");
  if (jpeg.components != 1 && jpeg.components != 3 && jpeg.components != 4)
    return unsupported_kind("JPEG with " + std::to_string(jpeg.components) + " components, expected 1, 3 or 4");
  if (payload.size() != 6 + 3 * jpeg.components) return damaged_image("the frame header has the wrong length");

  for (std::size_t i = 0; i < jpeg.components; ++i) {
    jpeg_component& c = jpeg.component[i];
    c.id = payload.at(6 + 3 * i);
    c.horizontal = payload.at(7 + 3 * i) >> 4;
    c.vertical = payload.at(7 + 3 * i) & 15;
    c.table = payload.at(8 + 3 * i);
    if (c.horizontal < 1 || c.horizontal > 4 || c.vertical < 1 || c.vertical > 4)
      return damaged_image("a component has sampling factors " + std::to_string(c.horizontal) + "x" +
                           std::to_string(c.vertical) + ", expected 1 to 4");
    if (c.table > 3)
      return damaged_image("a component uses quantisation table " + std::to_string(c.table) + ", expected 0 to 3");
  }
  return {};
}

inline result<void> read_quantisation_tables(jpeg_header& jpeg, const file_bytes& payload) {
  std::uint64_t at = 0;
  while (at < payload.size()) {
    const std::uint32_t number = payload.at(at) & 15;
    const std::uint32_t precision = payload.at(at) >> 4;
    if (number > 3 || precision > 1) return damaged_image("a quantisation table that JPEG does not have");
    jpeg.quantisation_tables |= 1u << number;
    at += precision == 0 ? 65 : 129;
  }
  if (at != payload.size()) return damaged_image("a quantisation table has the wrong length");
  return {};
}

/// stb_image before 2.28 writes past the end of a table of more than 256 codes.
inline result<void> read_huffman_tables(jpeg_header& jpeg, const file_bytes& payload) {
  std::uint64_t at = 0;
  while (at < payload.size()) {
    const std::uint32_t number = payload.at(at) & 15;
    const std::uint32_t kind = payload.at(at) >> 4;  // DC or AC
    if (number > 3 || kind > 1) return damaged_image("a Huffman table that JPEG does not have");
    std::uint32_t codes = 0;
    std::uint32_t used = 0;  // of all codes of 16 bits
    for (std::uint32_t length = 1; length <= 16; ++length) {
      codes += payload.at(at + length);
      used += payload.at(at + length) << (16 - length);
    }
    if (codes > 256) return damaged_image("a Huffman table has more than 256 codes");
    if (used > 65536) return damaged_image("a Huffman table has more codes of a length than exist");
    if (codes > 0) jpeg.huffman_tables |= 1u << (4 * kind + number);
    at += 17 + codes;
  }
  if (at != payload.size()) return damaged_image("a Huffman table has the wrong length");
  return {};
}

/// As libjpeg-turbo decides it: jdapimin.c, default_decompress_parms().
inline jpeg_colours colours_of(const jpeg_header& jpeg) noexcept {
  if (jpeg.components == 1) return jpeg_colours::grey;
  if (jpeg.components == 4) return jpeg.adobe && jpeg.adobe_transform != 0 ? jpeg_colours::ycck : jpeg_colours::cmyk;
  if (jpeg.jfif) return jpeg_colours::ycc;
  if (jpeg.adobe) return jpeg.adobe_transform == 0 ? jpeg_colours::rgb : jpeg_colours::ycc;
  const auto& c = jpeg.component;
  return c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B' ? jpeg_colours::rgb : jpeg_colours::ycc;
}

/// Every scan costs a pass over all pixels, so a few bytes could cost hours: each component has one scan, or up to 100
/// if the image is progressive, and 16 if it is large. (Encoders write 1 to 14.)
inline result<void> check_scan_cost(const jpeg_header& jpeg) {
  constexpr std::uint64_t most_scans = 100;
  constexpr std::uint64_t scans_of_any_size = 16;
  constexpr std::uint64_t most_scanned_pixels = 500'000'000;
  if (!jpeg.progressive() && jpeg.scanned_components > jpeg.components)
    return damaged_image("a JPEG with more scans than components");
  if (jpeg.scans > most_scans) return damaged_image("more than " + std::to_string(most_scans) + " scans");
  if (jpeg.scans > scans_of_any_size && std::uint64_t{jpeg.scans} * jpeg.width * jpeg.height > most_scanned_pixels)
    return damaged_image(std::to_string(jpeg.scans) + " scans over " + std::to_string(jpeg.width) + "x" +
                         std::to_string(jpeg.height) + " pixels");
  return {};
}

inline result<void> read_jpeg_scan(jpeg_header& jpeg, const file_bytes& payload) {
  if (jpeg.frame == 0) return damaged_image("a scan before the frame");
  const std::uint32_t scanned = payload.at(0);
  if (scanned < 1 || scanned > jpeg.components)
    return damaged_image("a scan of " + std::to_string(scanned) + " components");
  if (payload.size() != 4 + 2 * scanned) return damaged_image("a scan header has the wrong length");
  if (jpeg.scans == 0) jpeg.colours = colours_of(jpeg);
  ++jpeg.scans;
  jpeg.scanned_components += scanned;
  if (auto affordable = check_scan_cost(jpeg); !affordable) return affordable;

  // Sequential scans have all coefficients, whatever they say.
  const std::uint64_t after = 1 + 2 * scanned;
  const std::uint32_t first = jpeg.progressive() ? payload.at(after) : 0;
  const std::uint32_t last = jpeg.progressive() ? payload.at(after + 1) : 63;
  const std::uint32_t bits_before = jpeg.progressive() ? payload.at(after + 2) >> 4 : 0;
  const std::uint32_t bits_left = jpeg.progressive() ? payload.at(after + 2) & 15 : 0;
  const bool dc_alone = first == 0 && last == 0;
  const bool ac_of_one = first > 0 && first <= last && last <= 63 && scanned == 1;
  if (jpeg.progressive() &&
      ((!dc_alone && !ac_of_one) || bits_left > 13 || (bits_before != 0 && bits_before != bits_left + 1)))
    return damaged_image("a scan of coefficients that cannot be refined in this way");

  const bool needs_dc_table = first == 0 && bits_before == 0;
  const bool needs_ac_table = last > 0;
  bool lacks_tables = false;
  jpeg_component_finder components(jpeg);
  for (std::uint64_t i = 1; i < after; i += 2) {
    const std::size_t number = components.find(payload.at(i));
    if (number == jpeg.components)
      return damaged_image("a scan of component " + std::to_string(payload.at(i)) + ", which the frame does not have");
    const std::uint64_t coefficients = ~std::uint64_t{0} >> (63 - (last - first)) << first;
    jpeg.component[number].coefficients |= coefficients;
    if (bits_left == 0) jpeg.component[number].final_bits |= coefficients;

    const std::uint32_t dc_table = payload.at(i + 1) >> 4;
    const std::uint32_t ac_table = payload.at(i + 1) & 15;
    if (jpeg.arithmetic()) continue;
    if (dc_table > 3 || ac_table > 3) return damaged_image("a scan uses a Huffman table that JPEG does not have");
    lacks_tables |= needs_dc_table && (jpeg.huffman_tables >> dc_table & 1u) == 0;
    lacks_tables |= needs_ac_table && (jpeg.huffman_tables >> (4 + ac_table) & 1u) == 0;
  }
  if (lacks_tables && jpeg.huffman_tables != 0) return damaged_image("a scan uses a Huffman table that is missing");
  jpeg.lacks_huffman_tables |= lacks_tables;
  return {};
}

inline result<void> read_jpeg_segment(jpeg_header& jpeg, std::uint32_t marker, const file_bytes& payload) {
  using namespace jpeg_marker;
  if (is_frame(marker)) return read_jpeg_frame(jpeg, marker, payload);
  switch (marker) {
    case start_of_scan: return read_jpeg_scan(jpeg, payload);
    case quantisation_tables: return read_quantisation_tables(jpeg, payload);
    case huffman_tables: return read_huffman_tables(jpeg, payload);
    case arithmetic_conditioning:
    case number_of_lines:
    case comment: return {};
    case restart_interval:
      if (payload.size() != 2) return damaged_image("a restart interval has the wrong length");
      return {};
    case hierarchical_frame:
    case expand_reference: return unsupported_kind("JPEG, lossless or hierarchical");
    default: break;
  }
  if (marker < app0 || marker > app15) return damaged_image("a marker that JPEG does not have");
  // The lengths are those that libjpeg-turbo requires.
  if (marker == app0 && payload.size() >= 14 && payload.starts_with({"JFIF\0", 5})) jpeg.jfif = true;
  if (marker == app14 && payload.size() >= 12 && payload.starts_with("Adobe")) {
    jpeg.adobe = true;
    jpeg.adobe_transform = payload.at(11);
  }
  return {};
}

/// Data are missing: whether the file was cut shows in its end.
inline error missing_jpeg_data(const jpeg_header& jpeg) {
  return jpeg.ended ? damaged_image("its compressed data ends before its pixels do") : truncated_image();
}

/// Whether the scans have all that the components need. If the end-of-image marker is missing, more scans may be
/// missing that a progressive image only refines.
inline result<void> check_scans(const jpeg_header& jpeg) {
  if (jpeg.scans == 0) {
    if (!jpeg.ended) return truncated_image();
    return damaged_image(jpeg.frame == 0 ? "a JPEG without a frame" : "a JPEG without a scan");
  }
  for (std::size_t i = 0; i < jpeg.components; ++i) {
    const jpeg_component& c = jpeg.component[i];
    if ((jpeg.quantisation_tables >> c.table & 1u) == 0)
      return damaged_image("quantisation table " + std::to_string(c.table) + " is missing");
    const bool complete = jpeg.ended ? (c.coefficients & 1u) != 0 : ~c.final_bits == 0;
    if (!complete) return missing_jpeg_data(jpeg);
  }
  return {};
}

/// The segments up to the end-of-image marker. All that can be found to be wrong without decoding is found here, so
/// that decoders see only headers that they agree on.
///
/// errors   invalid_image: damaged or truncated; unsupported: a kind of JPEG that no decoder here reads
/// source   ITU-T T.81, annex B
inline result<jpeg_header> read_jpeg(const file_bytes& file) {
  jpeg_header jpeg;
  jpeg_cursor cursor(file);
  while (cursor.next() && !cursor.is_cut()) {
    if (jpeg.scans > 0) jpeg.scan_bytes += cursor.gap().size();
    if (auto read = read_jpeg_segment(jpeg, cursor.marker(), cursor.payload()); !read) return std::move(read).error();
  }
  if (jpeg.scans > 0) jpeg.scan_bytes += cursor.gap().size();
  jpeg.ended = cursor.at_end_of_image();
  if (auto complete = check_scans(jpeg); !complete) return std::move(complete).error();
  return jpeg;
}

/// A small file that claims many pixels is refused before memory is taken for them. A block of 8x8 samples takes a bit
/// for its first coefficient, and, unless it is progressive, one for its end. Arithmetic coding takes less than a bit.
inline result<void> check_enough_data(const jpeg_header& jpeg) {
  if (jpeg.arithmetic()) return {};
  std::uint64_t blocks = 0;
  for (std::size_t i = 0; i < jpeg.components; ++i) blocks += jpeg.blocks(jpeg.component[i]);
  if (jpeg.scan_bytes * 8 < blocks * (jpeg.progressive() ? 1 : 2)) return missing_jpeg_data(jpeg);
  return {};
}

}  // namespace detail
MOBILENET_NAMESPACE_END
