// A JPEG as decoders get it: only what decides its pixels, in a form that all of them read in the same way.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>
#include <mobilenet/image/detail/jpeg.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// Yields the segments of a JPEG that read_jpeg() accepted, piece by piece and without a copy of the file:
///
/// - tables, frames and scans; no application data, comments or padding between segments
/// - components numbered 1 to 4, or named R, G, B, and Adobe's segment in front of four components: decoders derive
///   from these the colours that read_jpeg() found
/// - parameters of sequential scans as they are decoded, whatever the file says
/// - a scan's data up to the last restart marker that is due
/// - an end-of-image marker, also if the file lacks it
class jpeg_stream {
 public:
  struct piece {
    file_bytes bytes{{}};
    bool scan = false;           ///< compressed data; may be empty
    std::uint64_t restarts = 0;  ///< restart markers that are due in it
  };

  jpeg_stream(const file_bytes& file, const jpeg_header& jpeg) noexcept : jpeg_(jpeg), cursor_(file) {}

  bool finished() const noexcept { return finished_; }

  /// False at the end. A piece is valid until the next call.
  bool next(piece& to) noexcept {
    if (!started_) {
      started_ = true;
      to = {start()};
      return true;
    }
    while (!finished_) {
      if (!at_segment_) {  // the scan's data lies before it
        at_segment_ = true;
        more_ = cursor_.next() && !cursor_.is_cut();
        if (in_scan_) {
          in_scan_ = false;
          to = {up_to_last_restart(cursor_.gap()), true, restarts_};
          return true;
        }
      }
      at_segment_ = false;
      finished_ = !more_;
      to = {finished_ ? constant("\xff\xd9") : kept_segment()};
      if (to.bytes.size() > 0) return true;
    }
    return false;
  }

 private:
  static file_bytes constant(std::string_view bytes) noexcept {
    return file_bytes(std::as_bytes(std::span(bytes.data(), bytes.size())));
  }

  file_bytes start() const noexcept {
    if (jpeg_.colours == jpeg_colours::cmyk)
      return constant(
          {"\xff\xd8\xff\xee\x00\x0e"
           "Adobe\0\x64\0\0\0\0\0",
           18});
    if (jpeg_.colours == jpeg_colours::ycck)
      return constant(
          {"\xff\xd8\xff\xee\x00\x0e"
           "Adobe\0\x64\0\0\0\0\2",
           18});
    return constant("\xff\xd8");
  }

  /// The segment at the cursor; empty if it does not decide pixels.
  file_bytes kept_segment() noexcept {
    if (jpeg_marker::is_frame(cursor_.marker())) return numbered_frame();
    switch (cursor_.marker()) {
      case jpeg_marker::start_of_scan: return numbered_scan();
      case jpeg_marker::restart_interval: restart_interval_ = cursor_.payload().be16(0); return cursor_.segment();
      case jpeg_marker::quantisation_tables:
      case jpeg_marker::huffman_tables:
      case jpeg_marker::arithmetic_conditioning: return cursor_.segment();
      default: return file_bytes({});
    }
  }

  std::byte id(std::size_t component) const noexcept {
    constexpr std::array rgb{std::byte{'R'}, std::byte{'G'}, std::byte{'B'}};
    return jpeg_.colours == jpeg_colours::rgb ? rgb[component] : static_cast<std::byte>(1 + component);
  }

  file_bytes numbered_frame() noexcept {
    const auto frame = copied_segment();
    for (std::size_t i = 0; i < jpeg_.components; ++i) frame[10 + 3 * i] = id(i);
    return file_bytes(frame);
  }

  file_bytes numbered_scan() noexcept {
    const auto scan = copied_segment();
    const file_bytes payload = cursor_.payload();
    const std::uint32_t scanned = payload.at(0);
    jpeg_component_finder components(jpeg_);
    std::size_t first = 0;
    for (std::size_t i = 0; i < scanned; ++i) {
      const std::size_t component = components.find(payload.at(1 + 2 * i));
      if (i == 0) first = component;
      scan[5 + 2 * i] = id(component);
    }
    if (!jpeg_.progressive()) {
      scan[5 + 2 * scanned] = std::byte{0};
      scan[6 + 2 * scanned] = std::byte{63};
      scan[7 + 2 * scanned] = std::byte{0};
    }
    in_scan_ = true;
    restarts_ = 0;
    if (restart_interval_ > 0) restarts_ = (jpeg_.mcus(scanned, jpeg_.component[first]) - 1) / restart_interval_;
    return file_bytes(scan);
  }

  std::span<std::byte> copied_segment() noexcept {
    const auto bytes = cursor_.segment().bytes();
    const std::size_t size = std::min(bytes.size(), changed_.size());
    std::memcpy(changed_.data(), bytes.data(), size);
    return std::span(changed_).first(size);
  }

  file_bytes up_to_last_restart(const file_bytes& data) const noexcept {
    std::uint64_t restarts = 0;
    for (std::uint64_t i = data.find(0xff, 0); i < data.size(); i = data.find(0xff, i + 1))
      if (jpeg_marker::is_restart(data.at(i + 1)) && ++restarts > restarts_) return data.part(0, i);
    return data;
  }

  jpeg_header jpeg_;
  jpeg_cursor cursor_;
  bool started_ = false;
  bool at_segment_ = false;  // the gap before it has been dealt with
  bool more_ = false;        // there is a segment at the cursor
  bool finished_ = false;
  bool in_scan_ = false;  // the last piece was the header of a scan
  std::uint32_t restart_interval_ = 0;
  std::uint64_t restarts_ = 0;
  std::array<std::byte, 32> changed_{};
};

}  // namespace detail
MOBILENET_NAMESPACE_END
