// JPEG, PNG and BMP bytes to pixels, by stb_image. Not part of mobilenet.hpp: include it where you decode.
#pragma once

#include <mobilenet/detail/stb_image.hpp>
#include <mobilenet/image.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

/// What decode_image refuses before it allocates.
struct decode_limits {
  std::uint64_t max_pixels = 40'000'000;
};

namespace detail {

/// Bytes of an image file, read at any offset: past the end they are 0.
class file_bytes {
 public:
  explicit file_bytes(std::span<const std::byte> bytes) : bytes_(bytes) {}

  std::uint64_t size() const noexcept { return bytes_.size(); }
  std::uint32_t at(std::uint64_t i) const noexcept { return i < size() ? static_cast<std::uint32_t>(bytes_[i]) : 0; }
  std::uint32_t be16(std::uint64_t i) const noexcept { return at(i) << 8 | at(i + 1); }
  std::uint32_t be32(std::uint64_t i) const noexcept { return be16(i) << 16 | be16(i + 2); }
  std::uint32_t le16(std::uint64_t i) const noexcept { return at(i + 1) << 8 | at(i); }
  std::uint32_t le32(std::uint64_t i) const noexcept { return le16(i + 2) << 16 | le16(i); }
  bool starts_with(std::string_view magic) const noexcept {
    return size() >= magic.size() && std::memcmp(bytes_.data(), magic.data(), magic.size()) == 0;
  }

 private:
  std::span<const std::byte> bytes_;
};

inline error truncated_image() {
  return {errc::invalid_image, "image: truncated: the file ends before the pixels do"};
}
inline error damaged_image(std::string_view what) {
  std::string message = "image: damaged: ";
  for (const char c : what) message += c >= ' ' && c <= '~' ? c : '?';  // stb_image quotes chunk names as they are
  return {errc::invalid_image, std::move(message)};
}

/// stb_image fills the rest of a truncated JPEG with grey and reports success, which would be classified
/// without a word: so the scan data must run to the end-of-image marker. And its versions before 2.28 write
/// past a Huffman table of more than 256 codes.
inline result<void> check_jpeg(const file_bytes& file) {
  constexpr std::uint32_t huffman_tables = 0xc4;
  constexpr std::uint32_t end_of_image = 0xd9;
  std::uint64_t i = 2;  // past the start-of-image marker
  while (i + 1 < file.size()) {
    const std::uint32_t marker = file.at(i + 1);
    if (file.at(i) != 0xff || marker == 0xff) {  // entropy-coded data, or fill bytes
      ++i;
      continue;
    }
    if (marker == end_of_image) return {};
    i += 2;
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue;  // stuffed byte, restart: no length follows
    const std::uint64_t next = i + file.be16(i);
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

/// A PNG is whole when its chunks reach the one that says it ends.
inline result<void> check_png(const file_bytes& file) {
  constexpr std::uint32_t end_chunk = 0x49454e44;  // "IEND"
  for (std::uint64_t i = 8; i + 8 <= file.size(); i += 12 + std::uint64_t{file.be32(i)})
    if (file.be32(i + 4) == end_chunk) return {};
  return truncated_image();
}

/// stb_image reads missing pixels of a BMP as zeros; these are as many bytes as it must have.
inline result<void> check_bmp(const file_bytes& file, std::uint64_t width, std::uint64_t height) {
  const std::uint64_t pixels_at = file.le32(10);
  const bool core_header = file.le32(14) == 12;
  const std::uint64_t row = (width * file.le16(core_header ? 24 : 28) + 31) / 32 * 4;
  if (pixels_at > file.size() || row * height > file.size() - pixels_at) return truncated_image();
  return {};
}

struct image_size {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

/// What the header says, before stb_image multiplies anything. All 0: not one of the three formats, or damaged.
inline image_size read_image_size(const file_bytes& file, std::span<const std::byte> bytes) {
  // stb_image knows no reason but "unknown" for a PNG that is too large for it.
  if (file.starts_with("\x89PNG\r\n\x1a\n") && file.be32(12) == 0x49484452) return {file.be32(16), file.be32(20)};
  int width = 0;
  int height = 0;
  int channels = 0;
  const auto* data = reinterpret_cast<const stb::stbi_uc*>(bytes.data());
  if (stb::mobilenet_stbi_info_from_memory(data, static_cast<int>(bytes.size()), &width, &height, &channels) == 0) return {};
  const auto rows = static_cast<std::uint32_t>(height);
  return {static_cast<std::uint32_t>(width), height < 0 ? 0u - rows : rows};  // a BMP from the top down has -height
}

}  // namespace detail

/// Decodes a JPEG (baseline or progressive), PNG or BMP to 8-bit RGB. Grey becomes R = G = B, alpha is dropped,
/// 16-bit samples keep their upper half, EXIF orientation is ignored: as tf.browser.fromPixels gives a photo.
///
/// bytes    the whole file
/// errors   invalid_image: not one of these formats, damaged or truncated; image_too_large: more pixels than
///          limits allow, found in the header before anything is allocated; out_of_memory
/// source   stb_image 2.27 and later
inline result<image> decode_image(std::span<const std::byte> bytes, const decode_limits& limits = {}) {
  if (bytes.empty()) return error{errc::invalid_image, "image: the file is empty"};
  if (bytes.size() > std::size_t{std::numeric_limits<int>::max()})
    return error{errc::image_too_large,
                 "image: file of " + std::to_string(bytes.size()) + " bytes, expected less than 2 GiB"};
  const detail::file_bytes file(bytes);
  const bool jpeg = file.starts_with("\xff\xd8\xff");
  if (jpeg)
    if (auto whole = detail::check_jpeg(file); !whole) return std::move(whole).error();
  const auto [width, height] = detail::read_image_size(file, bytes);
  if (width == 0 || height == 0)
    return error{errc::invalid_image, "image: neither a JPEG, a PNG nor a BMP file, or its header is damaged"};
  if (std::uint64_t{width} * height > limits.max_pixels)
    return error{errc::image_too_large, "image: " + std::to_string(width) + "x" + std::to_string(height) +
                                            " pixels, expected at most " + std::to_string(limits.max_pixels) + " in all"};
  if (!jpeg) {
    auto whole = file.at(0) == 'B' ? detail::check_bmp(file, width, height) : detail::check_png(file);
    if (!whole) return std::move(whole).error();
  }

  // Twice what the rows can take before they are unfiltered, because the buffer doubles; the compressed data is
  // collected in such a buffer first.
  const std::size_t samples = (std::size_t{width} + 8) * (std::size_t{height} + 8) * 4;
  detail::stb_growth_limit = 65536 + 2 * (bytes.size() + samples * sizeof(std::uint16_t));
  constexpr int rgb = 3;
  int found_width = 0;
  int found_height = 0;
  int channels = 0;
  stb::stbi_uc* pixels = stb::mobilenet_stbi_load_from_memory(reinterpret_cast<const stb::stbi_uc*>(bytes.data()),
                                                    static_cast<int>(bytes.size()), &found_width, &found_height,
                                                    &channels, rgb);
  if (pixels == nullptr) {
    if (detail::stb_growth_limit == 0) return detail::damaged_image("it inflates to more than its pixels can hold");
    const char* reason = stb::mobilenet_stbi_failure_reason();
    const std::string_view why = reason != nullptr ? reason : "cannot be decoded";
    if (why == "outofmem")
      return error{errc::out_of_memory,
                   "image: no memory to decode " + std::to_string(width) + "x" + std::to_string(height) + " pixels"};
    return detail::damaged_image(why);
  }
  return image::adopt(pixels, width, height, stb::mobilenet_stbi_image_free);
}

MOBILENET_NAMESPACE_END
