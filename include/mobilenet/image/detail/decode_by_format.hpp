// JPEG, PNG and BMP to pixels, as decode_image() does it; part of what is compiled once.
#pragma once

#include <mobilenet/image/decoder.hpp>
#include <mobilenet/image/detail/bmp.hpp>
#include <mobilenet/image/detail/errors.hpp>
#include <mobilenet/image/detail/file_bytes.hpp>
#include <mobilenet/image/detail/jpeg.hpp>
#include <mobilenet/image/detail/png.hpp>
#include <mobilenet/image/detail/stb_decoder.hpp>
#include <mobilenet/image/detail/stb_jpeg_source.hpp>
#include <mobilenet/image/detail/stb_png_source.hpp>
#include <mobilenet/image/exif.hpp>
#include <mobilenet/image/format.hpp>
#include <mobilenet/image/view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

/// stb_image's word for a failure, as a sentence for a person: "its compressed data is damaged" for "bad dist".
inline std::string_view plain_reason(std::string_view stb_reason) noexcept {
  if (stb_reason == "not enough pixels") return "it has fewer pixels than its header states";
  if (stb_reason == "invalid filter") return "a row has a filter that PNG does not have";
  return "its compressed data is damaged";
}

/// The pixels of an image of this size, with three or four samples each, or why stb_image has none.
static inline result<image> decode_by_stb(const compiled::image_source& source, std::size_t compressed,
                                          std::uint32_t width, std::uint32_t height, int channels = 3) {
  // Twice what the rows can take before they are unfiltered, because the buffer doubles; the compressed data is
  // collected in such a buffer first.
  const std::uint64_t samples = (std::uint64_t{width} + 8) * (std::uint64_t{height} + 8) * 4;
  const std::uint64_t growth_limit = 65536 + 2 * (compressed + samples * sizeof(std::uint16_t));
  const auto decoded = compiled::decode_by_stb(
      source, channels,
      static_cast<std::size_t>(std::min<std::uint64_t>(growth_limit, std::numeric_limits<std::size_t>::max())));
  if (decoded.samples != nullptr) return image::adopt(decoded.samples, width, height, std::free);

  const std::string_view why = decoded.failure != nullptr ? decoded.failure : "";
  if (decoded.outgrown) return damaged_image("it inflates to more than its pixels can hold");
  if (why == "too large")
    return error{errc::image_too_large, "image: " + std::to_string(width) + "x" + std::to_string(height) +
                                            " pixels are more than stb_image decodes"};
  if (why == "outofmem")
    return error{errc::out_of_memory,
                 "image: no memory to decode " + std::to_string(width) + "x" + std::to_string(height) + " pixels"};
  return damaged_image(plain_reason(why));
}

/// What stb_image does not read of the JPEGs that read_jpeg() accepts.
inline result<void> check_stb_reads(const jpeg_header& jpeg) {
  if (jpeg.arithmetic()) return unsupported_kind("JPEG with arithmetic coding");
  if (jpeg.lacks_huffman_tables) return unsupported_kind("JPEG without Huffman tables of its own, as in MJPEG");
  for (std::size_t i = 0; i < jpeg.components; ++i)
    if (jpeg.most_horizontal() % jpeg.component[i].horizontal != 0 ||
        jpeg.most_vertical() % jpeg.component[i].vertical != 0)
      return unsupported_kind("JPEG whose sampling factors are not whole ratios");
  return {};
}

static inline result<image> decode_jpeg(const file_bytes& file, const decode_options& options) {
  const auto jpeg = read_jpeg(file);
  if (!jpeg) return jpeg.error();
  if (auto readable = check_stb_reads(*jpeg); !readable) return std::move(readable).error();
  if (auto small = check_pixels(jpeg->width, jpeg->height, options.max_pixels); !small) return std::move(small).error();
  if (auto enough = check_enough_data(*jpeg); !enough) return std::move(enough).error();

  stb_jpeg_source source(file, *jpeg);
  auto decoded = decode_by_stb(source.source(), file.bytes().size(), jpeg->width, jpeg->height);
  const bool no_memory = !decoded && decoded.error().code == errc::out_of_memory;
  if (source.ran_short(decoded.has_value()) && !no_memory) return missing_jpeg_data(*jpeg);
  return decoded;
}

/// Turns RGBA in place into RGB over a background.
inline void composite(std::uint8_t* pixels, std::size_t count, std::uint8_t background) noexcept {
  const std::uint8_t* from = pixels;
  for (; count > 0; --count, from += 4) {
    const std::uint32_t alpha = from[3];
    for (std::size_t c = 0; c < 3; ++c)
      *pixels++ = static_cast<std::uint8_t>((from[c] * alpha + background * (255 - alpha) + 127) / 255);
  }
}

static inline result<image> decode_png(const file_bytes& file, const decode_options& options) {
  const auto png = read_png(file);
  if (!png) return png.error();
  if (auto small = check_pixels(png->width, png->height, options.max_pixels); !small) return std::move(small).error();
  constexpr std::uint32_t longest_side = 1u << 24;  // stb_image's own limit
  if (png->width > longest_side || png->height > longest_side)
    return too_long_image(png->width, png->height, longest_side);

  stb_png_source source(file, *png);
  const bool composited = png->has_alpha() && options.alpha != alpha_mode::drop;
  auto decoded = decode_by_stb(source.source(), file.bytes().size(), png->width, png->height, composited ? 4 : 3);
  if (!decoded && decoded.error().code == errc::invalid_image && !png->ended) return truncated_image();
  if (decoded && composited)
    composite(decoded->data(), std::size_t{png->width} * png->height,
              options.alpha == alpha_mode::over_white ? 255 : 0);
  return decoded;
}

inline result<image> decode_bmp(const file_bytes& file, const decode_options& options) {
  const auto bmp = read_bmp_header(file);
  if (!bmp) return bmp.error();
  if (auto small = check_pixels(bmp->width, bmp->height, options.max_pixels); !small) return std::move(small).error();
  return read_bmp_pixels(*bmp, file);
}

static inline result<image> decode_as_stored(std::span<const std::byte> bytes, const decode_options& options) {
  if (bytes.empty()) return error{errc::invalid_image, "image: the file is empty"};
  if (bytes.size() > std::size_t{std::numeric_limits<int>::max() - 64})
    return error{errc::image_too_large,
                 "image: file of " + std::to_string(bytes.size()) + " bytes, expected less than 2 GiB"};
  const file_bytes file(bytes);
  switch (recognise_image(bytes)) {
    case image_format::jpeg: return decode_jpeg(file, options);
    case image_format::png: return decode_png(file, options);
    case image_format::bmp: return decode_bmp(file, options);
    default: return unsupported_format(bytes, "JPEG, PNG or BMP");
  }
}

/// What decode_image() does.
static inline result<image> decode_by_format(std::span<const std::byte> bytes, const decode_options& options) {
  auto decoded = decode_as_stored(bytes, options);
  if (!decoded || !options.apply_exif_orientation) return decoded;
  return orient_image(*std::move(decoded), exif_orientation(file_bytes(bytes)));
}

}  // namespace detail
MOBILENET_NAMESPACE_END
