// A JPEG as stb_image reads it, which also finds out whether data were missing: stb_image decodes on without them.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>
#include <mobilenet/image/detail/jpeg.hpp>
#include <mobilenet/image/detail/jpeg_stream.hpp>
#include <mobilenet/image/detail/stb_decoder.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// Three things that stb_image does with the data of a scan are worked around:
///
/// - It takes 0xff 0x00 after the data for a marker. So no chunk reaches past a 0xff, and when stb_image has all that
///   it needs, the source goes on to the next segment.
/// - It decodes zeros when the data end too early. So the data go on with ones: no Huffman code consists of ones
///   alone, and more than stb_image reads ahead shows that it decodes them.
/// - It leaves the rest of a scan out if a restart marker is not where it is due.
class stb_jpeg_source {
 public:
  stb_jpeg_source(const file_bytes& file, const jpeg_header& jpeg) noexcept : stream_(file, jpeg) {}
  stb_jpeg_source(const stb_jpeg_source&) = delete;

  compiled::image_source source() noexcept { return {this, read, end_scan}; }

  /// Whether a scan had less data than stb_image needed, given whether it reports success.
  bool ran_short(bool decoded) const noexcept { return short_ || (!decoded && ones_ > 0); }

 private:
  static constexpr unsigned most_read_ahead = 4;  // bytes: stb_image's buffer has 32 bits

  static std::size_t read(void* state, unsigned char* to, std::size_t room) noexcept {
    auto& self = *static_cast<stb_jpeg_source*>(state);
    while (self.rest_.size() == 0) {
      if (self.piece_.scan && self.ones_ < most_read_ahead) {
        ++self.ones_;
        constexpr unsigned char eight_ones[] = {0xff, 0};
        std::memcpy(to, eight_ones, std::min(room, sizeof eight_ones));
        return std::min(room, sizeof eight_ones);
      }
      self.short_ |= self.piece_.scan;
      if (!self.stream_.next(self.piece_)) return 0;
      self.rest_ = self.piece_.bytes;
      self.ones_ = 0;
      self.restarts_ = 0;
    }
    const std::size_t size = self.piece_.scan ? self.next_chunk(room) : std::min(room, self.rest_.bytes().size());
    std::memcpy(to, self.rest_.bytes().data(), size);
    self.rest_ = self.rest_.from(size);
    return size;
  }

  static bool end_scan(void* state) noexcept {
    auto& self = *static_cast<stb_jpeg_source*>(state);
    if (self.piece_.scan) {
      self.short_ |= self.restarts_ < self.piece_.restarts;
      self.piece_.scan = false;
      self.rest_ = file_bytes({});
    }
    return self.rest_.size() == 0 && self.stream_.finished();
  }

  /// Bytes up to a 0xff, or a 0xff with the byte after it. Fill bytes are dropped.
  std::size_t next_chunk(std::size_t room) noexcept {
    while (rest_.at(0) == 0xff && rest_.at(1) == 0xff) rest_ = rest_.from(1);
    if (rest_.at(0) == 0xff && jpeg_marker::is_restart(rest_.at(1))) ++restarts_;
    const std::uint64_t chunk = rest_.at(0) == 0xff ? 2 : rest_.find(0xff, 0);
    return static_cast<std::size_t>(std::min<std::uint64_t>({chunk, room, rest_.size()}));
  }

  jpeg_stream stream_;
  jpeg_stream::piece piece_;
  file_bytes rest_{{}};  // of the piece
  unsigned ones_ = 0;    // bytes that followed the scan's data
  std::uint64_t restarts_ = 0;
  bool short_ = false;
};

}  // namespace detail
MOBILENET_NAMESPACE_END
