// A PNG as stb_image reads it.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>
#include <mobilenet/image/detail/png.hpp>
#include <mobilenet/image/detail/stb_decoder.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// The chunks that decide the pixels of a PNG that read_png() accepted, without a copy of the file: the palette has
/// 256 colours, because stb_image leaves those that are missing uninitialised, and they are black, as for libpng.
class stb_png_source {
 public:
  stb_png_source(const file_bytes& file, const png_header& png) noexcept : cursor_(file) {
    const bool indexed = png.colour == png_header::indexed;
    put(file.part(0, 33));  // signature and header
    if (indexed) {
      put_head(768, "PLTE");
      put(png.palette);
      head_size_ +=
          768 - static_cast<std::size_t>(png.palette.size()) + png_checksum;  // zeros: stb_image does not compare it
    }
    if (png.transparency.size() > 0) {
      put_head(png.transparency.size(), "tRNS");
      put(png.transparency);
      head_size_ += png_checksum;
    }
    put_head(png.data, "IDAT");
    rest_ = file_bytes(std::span(head_).first(head_size_));
  }
  stb_png_source(const stb_png_source&) = delete;

  compiled::image_source source() noexcept { return {this, read, end_scan}; }

 private:
  void put(const file_bytes& bytes) noexcept {
    std::memcpy(head_.data() + head_size_, bytes.bytes().data(), bytes.bytes().size());
    head_size_ += bytes.bytes().size();
  }
  void put_head(std::uint64_t length, std::string_view name) noexcept {
    for (int shift = 24; shift >= 0; shift -= 8) head_[head_size_++] = static_cast<std::byte>(length >> shift & 0xff);
    for (const char c : name) head_[head_size_++] = static_cast<std::byte>(c);
  }

  static std::size_t read(void* state, unsigned char* to, std::size_t room) noexcept {
    auto& self = *static_cast<stb_png_source*>(state);
    std::size_t done = 0;
    while (done < room && (self.rest_.size() > 0 || self.next_piece())) {
      const std::size_t size = std::min(room - done, self.rest_.bytes().size());
      std::memcpy(to + done, self.rest_.bytes().data(), size);
      self.rest_ = self.rest_.from(size);
      done += size;
    }
    return done;
  }
  static bool end_scan(void*) noexcept { return false; }

  /// The next data chunk. After the last one, zeros for what the file lacks of it, and the end of the image.
  bool next_piece() noexcept {
    while (!data_ended_) {
      data_ended_ = !cursor_.next() || cursor_.name() == png_chunk("IEND");
      if (data_ended_ || cursor_.name() != png_chunk("IDAT")) continue;
      rest_ = cursor_.data();
      missing_ = cursor_.missing();
      if (rest_.size() > 0) return true;
    }
    static constexpr std::string_view end{
        "\0\0\0\0"
        "\0\0\0\0"
        "\0\0\0\0IEND\0\0\0\0",
        20};
    if (std::exchange(finished_, true)) return false;
    rest_ = file_bytes(std::as_bytes(std::span(end.data(), end.size()))).from(png_checksum - missing_);
    return true;
  }

  png_cursor cursor_;
  std::array<std::byte, 33 + 12 + 768 + 12 + 256 + 8> head_{};
  std::size_t head_size_ = 0;
  file_bytes rest_{{}};
  std::uint64_t missing_ = 0;  // bytes that the file lacks of the last data chunk
  bool data_ended_ = false;
  bool finished_ = false;
};

}  // namespace detail
MOBILENET_NAMESPACE_END
