// JPEG, PNG and BMP bytes to pixels: JPEG and PNG by stb_image. Not part of mobilenet.hpp: include it where you decode.
#pragma once

#include <mobilenet/image/decoder.hpp>
#include <mobilenet/image/detail/bmp.hpp>
#include <mobilenet/image/detail/errors.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>
#include <mobilenet/image/detail/jpeg_segments.hpp>
#include <mobilenet/image/detail/stb_image.hpp>
#include <mobilenet/image/exif.hpp>
#include <mobilenet/image/format.hpp>
#include <mobilenet/image/view.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN

namespace detail {

/// What stb_image does not read, or reads wrongly.
inline result<void> check_supported(const file_bytes& file, image_format format, const jpeg_segments& jpeg) {
  // Its channels are in another order, and it has no checksums.
  if (format == image_format::png && file.has(12, "CgBI"))
    return unsupported_kind("PNG as Xcode rewrites it for iOS, expected a standard one");
  if (format != image_format::jpeg) return {};
  if (jpeg.frame > 0xc2) return unsupported_kind("JPEG with arithmetic coding, lossless or hierarchical");
  if (jpeg.frame != 0 && jpeg.bits != 8)
    return unsupported_kind("JPEG with " + std::to_string(jpeg.bits) + " bits a sample, expected 8");
  if (jpeg.lacks_huffman_tables && jpeg.huffman_tables == 0)
    return unsupported_kind("JPEG without Huffman tables of its own, as in MJPEG");
  if (jpeg.lacks_huffman_tables) return damaged_image("a scan uses a Huffman table that is missing");
  return {};
}

/// A PNG is whole when its chunks reach the one that says it ends, and there are pixels among them.
inline result<void> check_whole_png(const file_bytes& file) {
  constexpr std::uint32_t end_chunk = 0x49454e44;   // "IEND"
  constexpr std::uint32_t data_chunk = 0x49444154;  // "IDAT"
  std::uint64_t data = 0;
  for (std::uint64_t i = 8; i + 8 <= file.size(); i += 12 + std::uint64_t{file.be32(i)}) {
    if (file.be32(i + 4) == data_chunk) data += file.be32(i);
    if (file.be32(i + 4) != end_chunk) continue;
    if (data == 0) return damaged_image("a PNG without pixels");
    return {};
  }
  return truncated_image();
}

/// "Adobe", version 100, transform 0: four components are CMYK.
inline constexpr std::string_view adobe_segment{
    "\xff\xee\x00\x0e"
    "Adobe\0\x64\0\0\0\0\0",
    16};

/// A copy of a JPEG with that segment in front of all others.
inline file_copy with_adobe_segment(std::span<const std::byte> jpeg) {
  constexpr std::size_t start_of_image = 2;
  file_copy copy(jpeg.size() + adobe_segment.size());
  if (copy.data == nullptr) return copy;
  std::byte* to = copy.data.get();
  std::memcpy(to, jpeg.data(), start_of_image);
  std::memcpy(to + start_of_image, adobe_segment.data(), adobe_segment.size());
  std::memcpy(to + start_of_image + adobe_segment.size(), jpeg.data() + start_of_image, jpeg.size() - start_of_image);
  return copy;
}

struct image_size {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
};

/// What the header says, before stb_image multiplies anything. All 0: damaged.
inline image_size read_image_size(const file_bytes& file, std::span<const std::byte> bytes) {
  // stb_image knows no reason but "unknown" for a PNG that is too large for it.
  if (file.starts_with("\x89PNG\r\n\x1a\n") && file.be32(12) == 0x49484452) return {file.be32(16), file.be32(20)};
  int width = 0;
  int height = 0;
  int channels = 0;
  const auto* data = reinterpret_cast<const stb::stbi_uc*>(bytes.data());
  if (stb::mobilenet_stbi_info_from_memory(data, static_cast<int>(bytes.size()), &width, &height, &channels) == 0)
    return {};
  return {static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height)};
}

}  // namespace detail

/// Decodes a JPEG (baseline or progressive; grey, colour, CMYK, YCCK), PNG or BMP to 8-bit RGB. Grey becomes
/// R = G = B, alpha is dropped as tf.browser.fromPixels drops it, 16-bit samples keep their upper half, CMYK counts
/// as stored inverted as all programs store it. EXIF orientation is ignored unless options ask for it.
///
/// bytes    the whole file
/// errors   unsupported: another format, named where it is known; invalid_image: empty, damaged or truncated;
///          image_too_large: more pixels than options allow, found in the header before anything is allocated;
///          out_of_memory
/// source   stb_image 2.27 and later
inline result<image> decode_image(std::span<const std::byte> bytes, const decode_options& options = {}) {
  if (bytes.empty()) return error{errc::invalid_image, "image: the file is empty"};
  if (bytes.size() > std::size_t{std::numeric_limits<int>::max() - 64})
    return error{errc::image_too_large,
                 "image: file of " + std::to_string(bytes.size()) + " bytes, expected less than 2 GiB"};
  const detail::file_bytes file(bytes);
  const image_format format = recognise_image(bytes);
  if (format != image_format::jpeg && format != image_format::png && format != image_format::bmp)
    return unsupported_format(bytes, "JPEG, PNG or BMP");

  detail::jpeg_segments jpeg;
  if (format == image_format::jpeg) {
    auto read = detail::read_jpeg_segments(file);
    if (!read) return std::move(read).error();
    jpeg = *read;
  }
  if (auto supported = detail::check_supported(file, format, jpeg); !supported) return std::move(supported).error();
  detail::bmp_header bmp;
  if (format == image_format::bmp) {
    auto read = detail::read_bmp_header(file);
    if (!read) return std::move(read).error();
    bmp = *read;
  }
  const auto [width, height] =
      format == image_format::bmp ? detail::image_size{bmp.width, bmp.height} : detail::read_image_size(file, bytes);
  if (width == 0 || height == 0) return detail::damaged_image("the header of the " + std::string(to_string(format)));
  if (std::uint64_t{width} * height > options.max_pixels)
    return detail::too_large_image(width, height, std::to_string(options.max_pixels) + " in all");
  if (format == image_format::bmp) return detail::decode_bmp(bmp, file);
  constexpr std::uint32_t longest_side = 1u << 24;  // stb_image's own limit
  if (width > longest_side || height > longest_side)
    return detail::too_large_image(width, height, std::to_string(longest_side) + " a side");
  auto whole = format == image_format::jpeg ? detail::check_whole(jpeg) : detail::check_whole_png(file);
  if (!whole) return std::move(whole).error();

  // Without Adobe's segment stb_image takes CMYK for YCbCr and alpha.
  std::optional<detail::file_copy> copy;
  if (jpeg.components == 4 && !jpeg.adobe) copy = detail::with_adobe_segment(bytes);
  if (copy) {
    if (copy->data == nullptr) return error{errc::out_of_memory, "image: no memory for a copy of the file"};
    bytes = {copy->data.get(), copy->size};
  }

  // Twice what the rows can take before they are unfiltered, because the buffer doubles; the compressed data is
  // collected in such a buffer first.
  const std::size_t samples = (std::size_t{width} + 8) * (std::size_t{height} + 8) * 4;
  detail::stb_growth_limit = 65536 + 2 * (bytes.size() + samples * sizeof(std::uint16_t));
  constexpr int rgb = 3;
  stb::stbi__g_failure_reason = nullptr;  // or an earlier image's would be found where memory was refused
  int found_width = 0;
  int found_height = 0;
  int channels = 0;
  stb::stbi_uc* pixels =
      stb::mobilenet_stbi_load_from_memory(reinterpret_cast<const stb::stbi_uc*>(bytes.data()),
                                           static_cast<int>(bytes.size()), &found_width, &found_height, &channels, rgb);
  if (pixels == nullptr) {
    if (detail::stb_growth_limit == 0) return detail::damaged_image("it inflates to more than its pixels can hold");
    const char* reason = stb::mobilenet_stbi_failure_reason();
    const std::string_view why = reason != nullptr ? reason : "outofmem";
    if (why == "outofmem")
      return error{errc::out_of_memory,
                   "image: no memory to decode " + std::to_string(width) + "x" + std::to_string(height) + " pixels"};
    // Of some damage the JPEG decoder says nothing; what is found then is what the PNG decoder said before it.
    return detail::damaged_image(
        why == "bad png sig" && format == image_format::jpeg ? "its segments do not fit together" : why);
  }
  image decoded = image::adopt(pixels, width, height, stb::mobilenet_stbi_image_free);
  if (!options.apply_exif_orientation) return decoded;
  return detail::turned_upright(std::move(decoded), detail::exif_orientation(file));
}

MOBILENET_NAMESPACE_END
