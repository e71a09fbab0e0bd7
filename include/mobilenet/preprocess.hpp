// Pixels to the network's input tensor, exactly as TensorFlow.js does it.
#pragma once

#include <mobilenet/image/view.hpp>
#include <mobilenet/tensor.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// How a model wants its pixels scaled. The packed model records it; tfjs keeps it in the code of
/// @tensorflow-models/mobilenet, one formula for each of that package's two generations.
struct preprocessing {
  enum class formula : std::uint32_t {
    subtract_divide = 0,  ///< (x - a) / b: layers models, a = b = 127.5
    multiply_add = 1,     ///< x * a + b: graph models, a = (max - min) / 255 rounded to float32, b = min
  };
  formula scaling = formula::subtract_divide;
  float a = 127.5f;
  float b = 127.5f;

  /// The formula of graph models, for pixels scaled to [low, high].
  static constexpr preprocessing to_range(float low, float high) noexcept {
    const double step = (static_cast<double>(high) - static_cast<double>(low)) / 255.0;
    return {formula::multiply_add, static_cast<float>(step), low};
  }

  /// The value that sample x enters the network with; every step is rounded to float32.
  float apply(std::uint8_t x) const noexcept {
    // Through volatile, or a compiler that may fuse multiply and add (-march=native) leaves out a rounding.
    if (scaling == formula::multiply_add) {
      const volatile float product = static_cast<float>(x) * a;
      return product + b;
    }
    const volatile float difference = static_cast<float>(x) - a;
    return difference / b;
  }
  friend constexpr bool operator==(const preprocessing&, const preprocessing&) = default;
};

namespace detail {

// GCC fuses a + b * c into one instruction with one rounding wherever the target has it, and tfjs rounds
// twice: the result would no longer be bit for bit the same. GCC has no pragma for just that.
// (clang obeys the pragma below unless it is told -ffp-contract=fast, which for it means: whatever the source says.)
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off")
#endif

/// One output row of the bilinear resize: `columns` taps, three channels, between two input rows that
/// are already scaled. All in double, one rounding at the end, as the tfjs cpu back end computes.
struct resize_tap {
  std::size_t left;  // bytes from the row's start
  std::size_t right;
  double fraction;
};

inline void resize_row(const std::uint8_t* top, const std::uint8_t* bottom, double row_fraction, const resize_tap* taps,
                       std::size_t columns, const std::array<std::uint32_t, 3>& channel, const double* scaled,
                       float* out) noexcept {
#if defined(__clang__)
#pragma clang fp contract(off)
#endif
  for (std::size_t x = 0; x < columns; ++x) {
    const resize_tap& tap = taps[x];
    for (const std::uint32_t c : channel) {
      const double top_left = scaled[top[tap.left + c]];
      const double top_right = scaled[top[tap.right + c]];
      const double bottom_left = scaled[bottom[tap.left + c]];
      const double bottom_right = scaled[bottom[tap.right + c]];
      const double upper = top_left + (top_right - top_left) * tap.fraction;
      const double lower = bottom_left + (bottom_right - bottom_left) * tap.fraction;
      *out++ = static_cast<float>(upper + (lower - upper) * row_fraction);
    }
  }
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif

}  // namespace detail

/// Turns pixels of any size into the network's input: scales every sample by the profile, then resizes
/// bilinearly with aligned corners (no antialiasing), as tfjs does in this order. Equal to
/// TensorFlow.js 4.22 bit for bit. Keeps the tables of one input size, so that a second image of the same
/// size allocates nothing. One preprocessor per thread.
///
///   scaled[y, x, c] = profile.apply(image[y, x, c])
///   out[y, x, c]    = bilinear(scaled, y * (h_in - 1) / (h_out - 1), x * (w_in - 1) / (w_out - 1))
///
/// image    [h_in, w_in] pixels             8-bit, any pixel_format, any stride
/// out      [h_out, w_out, 3]               float32, NHWC, RGB
/// errors   invalid_argument (image, no output memory), shape_mismatch (out has not 3 channels)
/// source   @tensorflow-models/mobilenet 2.1.1; tfjs-backend-cpu 4.22, ResizeBilinear
class preprocessor {
 public:
  explicit preprocessor(const preprocessing& profile = {}) {
    for (unsigned x = 0; x < scaled_.size(); ++x)
      scaled_[x] = static_cast<double>(profile.apply(static_cast<std::uint8_t>(x)));
  }

  result<void> operator()(const image_view& image, tensor_view<float> out) {
    if (auto valid = validate(image); !valid) return std::move(valid).error();
    const shape size = out.dimensions;
    if (size.channels != 3 || size.height == 0 || size.width == 0)
      return error{errc::shape_mismatch, "preprocess: output is " + to_string(size) + ", expected 3 channels"};
    if (out.data == nullptr) return error{errc::invalid_argument, "preprocess: output data is null"};
    if (image.width == size.width && image.height == size.height) {
      scale(image, out.data);
      return {};
    }
    make_taps(image, size);

    const double rows_in = image.height - 1.0;
    const double row_step = size.height > 1 ? rows_in / (size.height - 1.0) : image.height / double(size.height);
    float* row_out = out.data;
    for (std::uint32_t y = 0; y < size.height; ++y, row_out += std::size_t{size.width} * 3) {
      const volatile double rounded = row_step * y;  // or the subtraction below could be fused with the product
      const double position = rounded;
      const auto upper = static_cast<std::uint32_t>(position);
      const double fraction = position - upper;
      const std::uint32_t lower = fraction > 0.0 && upper + 1 < image.height ? upper + 1 : upper;
      detail::resize_row(image.data + image.stride * upper, image.data + image.stride * lower, fraction, taps_.data(),
                         size.width, channel_, scaled_.data(), row_out);
    }
    return {};
  }

 private:
  void scale(const image_view& image, float* out) const noexcept {
    const std::size_t pixel = bytes_per_pixel(image.format);
    const auto channel = channels_of(image.format);
    for (std::uint32_t y = 0; y < image.height; ++y) {
      const std::uint8_t* in = image.data + image.stride * y;
      for (std::uint32_t x = 0; x < image.width; ++x, in += pixel)
        for (const std::uint32_t c : channel) *out++ = static_cast<float>(scaled_[in[c]]);
    }
  }

  void make_taps(const image_view& image, shape size) {
    channel_ = channels_of(image.format);
    if (image.width == width_in_ && image.format == format_ && taps_.size() == size.width) return;
    const std::size_t pixel = bytes_per_pixel(image.format);
    const double columns_in = image.width - 1.0;
    const double step = size.width > 1 ? columns_in / (size.width - 1.0) : image.width / double(size.width);
    taps_.resize(size.width);
    for (std::uint32_t x = 0; x < size.width; ++x) {
      const volatile double rounded = step * x;
      const double position = rounded;
      const auto left = static_cast<std::uint32_t>(position);
      const double fraction = position - left;
      const std::uint32_t right = fraction > 0.0 && left + 1 < image.width ? left + 1 : left;
      taps_[x] = {left * pixel, right * pixel, fraction};
    }
    width_in_ = image.width;
    format_ = image.format;
  }

  static constexpr std::array<std::uint32_t, 3> channels_of(pixel_format format) noexcept {
    switch (format) {
      case pixel_format::bgr:
      case pixel_format::bgra: return {2, 1, 0};
      case pixel_format::grey: return {0, 0, 0};
      case pixel_format::rgb:
      case pixel_format::rgba: break;
    }
    return {0, 1, 2};
  }

  std::array<double, 256> scaled_{};  // float32 values, as doubles because that is what they are used as
  std::array<std::uint32_t, 3> channel_{};
  std::vector<detail::resize_tap> taps_;
  std::uint32_t width_in_ = 0;
  pixel_format format_ = pixel_format::rgb;
};

MOBILENET_NAMESPACE_END
