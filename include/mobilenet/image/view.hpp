// Pixels: what a decoder, a camera or a canvas hands over, and what preprocessor reads.
#pragma once

#include <mobilenet/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>

MOBILENET_NAMESPACE_BEGIN

/// The order of the 8-bit samples of one pixel. Alpha is ignored, as TensorFlow.js ignores that of ImageData;
/// grey counts as R = G = B.
enum class pixel_format : std::uint8_t { rgb, bgr, rgba, bgra, grey };

/// Bytes from one pixel to the next.
constexpr std::uint32_t bytes_per_pixel(pixel_format format) noexcept {
  switch (format) {
    case pixel_format::rgb:
    case pixel_format::bgr: return 3;
    case pixel_format::rgba:
    case pixel_format::bgra: return 4;
    case pixel_format::grey: return 1;
  }
  return 0;
}

/// Non-owning view of 8-bit pixels that stay where the host has them: rows from top to bottom, pixels
/// from left to right, `stride` bytes from one row's start to the next.
struct image_view {
  const std::uint8_t* data = nullptr;
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  std::size_t stride = 0;  ///< bytes; at least width * bytes_per_pixel(format)
  pixel_format format = pixel_format::rgb;
};

/// A view of rows that follow each other without gaps.
inline image_view packed_view(const std::uint8_t* data, std::uint32_t width, std::uint32_t height,
                              pixel_format format = pixel_format::rgb) noexcept {
  return {data, width, height, std::size_t{width} * bytes_per_pixel(format), format};
}

/// Checks what every reader of a view relies on.
/// errors   invalid_argument: no data, no pixels, an unknown format, or a stride shorter than a row
inline result<void> validate(const image_view& view) {
  const auto size = [&] { return std::to_string(view.width) + "x" + std::to_string(view.height); };
  if (view.width == 0 || view.height == 0)
    return error{errc::invalid_argument, "image: found " + size() + " pixels, expected at least 1x1"};
  if (view.data == nullptr) return error{errc::invalid_argument, "image: data is null, expected " + size() + " pixels"};
  if (bytes_per_pixel(view.format) == 0)
    return error{errc::invalid_argument,
                 "image: pixel format is " + std::to_string(static_cast<unsigned>(view.format)) + ", expected 0 to 4"};
  const std::size_t row = std::size_t{view.width} * bytes_per_pixel(view.format);
  if (view.stride < row)
    return error{errc::invalid_argument, "image: stride is " + std::to_string(view.stride) +
                                             " bytes, expected at least " + std::to_string(row) + " for a row of " +
                                             std::to_string(view.width) + " pixels"};
  return {};
}

/// The largest square in the middle of a view; of an odd rest, the pixel more is left out on the right or below.
inline image_view centre_square(image_view view) noexcept {
  const std::uint32_t side = std::min(view.width, view.height);
  const std::size_t top = (view.height - side) / 2;
  const std::size_t left = (view.width - side) / 2;
  view.data += top * view.stride + left * bytes_per_pixel(view.format);
  view.width = view.height = side;
  return view;
}

/// Owns decoded pixels: 8-bit RGB, rows without gaps. Move-only.
class image {
 public:
  image() = default;

  /// Pixels start indeterminate.
  /// errors   out_of_memory; invalid_argument: no pixels
  static result<image> create(std::uint32_t width, std::uint32_t height) {
    const auto size = [&] { return std::to_string(width) + "x" + std::to_string(height); };
    if (width == 0 || height == 0)
      return error{errc::invalid_argument, "image: found " + size() + " pixels, expected at least 1x1"};
    const bool fits = std::size_t{width} <= std::numeric_limits<std::size_t>::max() / 3 / height;
    auto* pixels = static_cast<std::uint8_t*>(fits ? std::malloc(std::size_t{width} * height * 3) : nullptr);
    if (pixels == nullptr) return error{errc::out_of_memory, "image: no memory for " + size() + " pixels"};
    return adopt(pixels, width, height, std::free);
  }

  /// Takes over pixels that a decoder allocated; release(pixels) will be called once.
  static image adopt(std::uint8_t* pixels, std::uint32_t width, std::uint32_t height, void (*release)(void*)) noexcept {
    image taken;
    taken.data_ = {pixels, release};
    taken.width_ = width;
    taken.height_ = height;
    return taken;
  }

  /// Gives the pixels to the caller, who frees them with the function that adopt() was given; create() uses malloc().
  std::uint8_t* release() noexcept { return data_.release(); }

  std::uint32_t width() const noexcept { return width_; }
  std::uint32_t height() const noexcept { return height_; }
  std::uint8_t* data() noexcept { return data_.get(); }
  const std::uint8_t* data() const noexcept { return data_.get(); }
  image_view view() const noexcept { return packed_view(data_.get(), width_, height_); }
  operator image_view() const noexcept { return view(); }

 private:
  std::unique_ptr<std::uint8_t, void (*)(void*)> data_{nullptr, std::free};
  std::uint32_t width_ = 0;
  std::uint32_t height_ = 0;
};

MOBILENET_NAMESPACE_END
