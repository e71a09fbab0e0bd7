// Pixels to the network's input tensor, exactly as TensorFlow.js and its applications do it.
#pragma once

#include <mobilenet/image/view.hpp>
#include <mobilenet/tensor.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// How an application turns a picture into its model's input. The packed model records it; tfjs leaves it to
/// JavaScript: the defaults are those of @tensorflow-models/mobilenet for layers models.
///
///   cropped[y, x, :]  = image[y + top, x + left, :]
///   scaled[y, x, c]   = f(cropped[y, x, c]), every step rounded to float32
///   input[y, x, c]    = scaled, resized
struct preprocessing {
  enum class formula : std::uint32_t {
    subtract_divide = 0,  ///< (x - a) / b: a = b = 127.5 for layers models
    multiply_add = 1,     ///< x * a + b: a = (max - min) / 255 rounded to float32, b = min for graph models
    divide_add = 2,       ///< x / a + b: 255 and 0 for nsfwjs, 127 and -1 for Teachable Machine
  };
  /// No method looks at more than four pixels for one: none averages where it makes smaller.
  enum class resize_method : std::uint32_t {
    bilinear_aligned = 0,     ///< corners on corners: tf.image.resizeBilinear(image, size, true)
    bilinear_half_pixel = 1,  ///< the pixels' centres: tf.image.resizeBilinear(image, size, false, true)
    nearest = 2,              ///< tf.image.resizeNearestNeighbor(image, size)
  };
  enum class crop_rule : std::uint32_t {
    none = 0,           ///< other proportions are distorted
    centre_square = 1,  ///< the longer side loses as much at both ends; an odd pixel goes at the end
  };
  /// What a network of one channel sees of a colour.
  enum class grey_rule : std::uint32_t {
    red = 0,   ///< tf.browser.fromPixels(image, 1)
    luma = 1,  ///< tf.image.rgbToGrayscale: 0.2989 r + 0.587 g + 0.114 b, without its fraction
    mean = 2,  ///< tf.mean(pixels, 2): (r + g + b) / 3
  };

  formula scaling = formula::subtract_divide;
  float a = 127.5f;
  float b = 127.5f;
  resize_method resize = resize_method::bilinear_aligned;
  crop_rule crop = crop_rule::none;
  grey_rule grey = grey_rule::red;

  /// The formula of graph models, for pixels scaled to [low, high].
  static constexpr preprocessing to_range(float low, float high) noexcept {
    const double step = (static_cast<double>(high) - static_cast<double>(low)) / 255.0;
    return {.scaling = formula::multiply_add, .a = static_cast<float>(step), .b = low};
  }

  /// The value that sample x enters the network with; every step is rounded to float32.
  float apply(float x) const noexcept {
    // Through volatile, or a compiler that may fuse multiply and add (-march=native) leaves out a rounding.
    volatile float step = x;
    switch (scaling) {
      case formula::subtract_divide: step = x - a; return step / b;
      case formula::multiply_add: step = x * a; return step + b;
      case formula::divide_add: step = x / a; return step + b;
    }
    return step;
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

/// Where one output row or column lies between two input rows or columns.
struct resize_tap {
  std::size_t low = 0;
  std::size_t high = 0;
  double fraction = 0.0;
};

/// Tap `i` of `out` over `in`, as tfjs-backend-cpu computes it.
inline resize_tap tap_at(preprocessing::resize_method method, std::uint32_t i, std::uint32_t in,
                         std::uint32_t out) noexcept {
#if defined(__clang__)
#pragma clang fp contract(off)
#endif
  using enum preprocessing::resize_method;
  const bool aligned = method == bilinear_aligned && out > 1;
  const double ratio = aligned ? (in - 1.0) / (out - 1.0) : in / double(out);
  const double position = method == bilinear_half_pixel ? ratio * (i + 0.5) - 0.5 : ratio * i;
  const double low = std::max(0.0, std::floor(position));
  if (method == nearest) {
    const auto only = static_cast<std::size_t>(std::min(in - 1.0, low));
    return {only, only, 0.0};
  }
  const double high = std::min(in - 1.0, std::ceil(position));
  return {static_cast<std::size_t>(low), static_cast<std::size_t>(std::max(high, 0.0)), position - low};
}

/// The three scaled samples of a pixel of colour: float32 values, as doubles because that is what they are used as.
struct colour_samples {
  static constexpr std::size_t channels = 3;
  std::array<std::uint32_t, 3> place;  // of red, green, blue in the pixel
  const double* scaled;
  double operator()(const std::uint8_t* pixel, std::size_t c) const noexcept { return scaled[pixel[place[c]]]; }
};

/// The scaled red, or another sample that stands alone.
struct one_sample {
  static constexpr std::size_t channels = 1;
  std::uint32_t place;
  const double* scaled;
  double operator()(const std::uint8_t* pixel, std::size_t) const noexcept { return scaled[pixel[place]]; }
};

/// The weighted sum of red, green and blue with float32 weights, added up in double, cut to an integer.
struct luma_sample {
  static constexpr std::size_t channels = 1;
  std::array<std::uint32_t, 3> place;
  const double* scaled;
  double operator()(const std::uint8_t* pixel, std::size_t) const noexcept {
#if defined(__clang__)
#pragma clang fp contract(off)
#endif
    const double red = double{0.2989f} * pixel[place[0]];
    const double green = double{0.587f} * pixel[place[1]];
    const double blue = double{0.114f} * pixel[place[2]];
    return scaled[static_cast<std::uint8_t>(static_cast<float>(red + green + blue))];
  }
};

/// Every sample divided by 3 in float32, added up in double.
struct mean_sample {
  static constexpr std::size_t channels = 1;
  std::array<std::uint32_t, 3> place;
  preprocessing profile;
  double operator()(const std::uint8_t* pixel, std::size_t) const noexcept {
    double sum = 0.0;
    for (const std::uint32_t p : place) sum += double{static_cast<float>(pixel[p]) / 3.0f};
    return double{profile.apply(static_cast<float>(sum))};
  }
};

/// One output row of a resize: `columns` taps between two input rows. All in double, one rounding at the end, as
/// the tfjs cpu back end computes. A tap's places are bytes from the row's start.
template <class Samples>
void resize_row(const std::uint8_t* top, const std::uint8_t* bottom, double row_fraction, const resize_tap* taps,
                std::size_t columns, const Samples& sample, float* out) noexcept {
#if defined(__clang__)
#pragma clang fp contract(off)
#endif
  for (std::size_t x = 0; x < columns; ++x) {
    const resize_tap& tap = taps[x];
    for (std::size_t c = 0; c < Samples::channels; ++c) {
      const double top_left = sample(top + tap.low, c);
      const double top_right = sample(top + tap.high, c);
      const double bottom_left = sample(bottom + tap.low, c);
      const double bottom_right = sample(bottom + tap.high, c);
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

/// Turns pixels of any size into the network's input, in the order of struct preprocessing: equal to TensorFlow.js 4.22
/// (cpu back end) bit for bit. Keeps the tables of one input size, so that a second image of the same size allocates
/// nothing. One preprocessor per thread.
///
/// image    [h_in, w_in] pixels             8-bit, any pixel_format, any stride
/// out      [h_out, w_out, 3 or 1]          float32, NHWC, RGB or grey
/// errors   invalid_argument (image, no output memory), shape_mismatch (out has not 1 or 3 channels)
/// source   @tensorflow-models/mobilenet 2.1.1; tfjs-backend-cpu 4.22: ResizeBilinear, ResizeNearestNeighbor
class preprocessor {
 public:
  explicit preprocessor(const preprocessing& profile = {}) : profile_(profile) {
    for (unsigned x = 0; x < scaled_.size(); ++x)
      scaled_[x] = static_cast<double>(profile.apply(static_cast<float>(x)));
  }

  result<void> operator()(const image_view& picture, tensor_view<float> out) {
    if (auto valid = validate(picture); !valid) return std::move(valid).error();
    const shape size = out.dimensions;
    if ((size.channels != 3 && size.channels != 1) || size.height == 0 || size.width == 0)
      return error{errc::shape_mismatch, "preprocess: output is " + to_string(size) + ", expected 3 channels or 1"};
    if (out.data == nullptr) return error{errc::invalid_argument, "preprocess: output data is null"};
    const image_view image =
        profile_.crop == preprocessing::crop_rule::centre_square ? centre_square(picture) : picture;

    const auto place = places_of(image.format);
    if (size.channels == 3)
      fill(image, out, detail::colour_samples{place, scaled_.data()});
    else if (profile_.grey == preprocessing::grey_rule::red)
      fill(image, out, detail::one_sample{place[0], scaled_.data()});
    else if (profile_.grey == preprocessing::grey_rule::luma)
      fill(image, out, detail::luma_sample{place, scaled_.data()});
    else
      fill(image, out, detail::mean_sample{place, profile_});
    return {};
  }

 private:
  template <class Samples>
  void fill(const image_view& image, tensor_view<float> out, const Samples& sample) {
    const shape size = out.dimensions;
    if (image.width == size.width && image.height == size.height) return scale(image, sample, out.data);
    make_taps(image, size.width);
    float* row = out.data;
    for (std::uint32_t y = 0; y < size.height; ++y, row += std::size_t{size.width} * Samples::channels) {
      const detail::resize_tap tap = detail::tap_at(profile_.resize, y, image.height, size.height);
      detail::resize_row(image.data + image.stride * tap.low, image.data + image.stride * tap.high, tap.fraction,
                         taps_.data(), size.width, sample, row);
    }
  }

  template <class Samples>
  static void scale(const image_view& image, const Samples& sample, float* out) noexcept {
    const std::size_t pixel = bytes_per_pixel(image.format);
    for (std::uint32_t y = 0; y < image.height; ++y) {
      const std::uint8_t* in = image.data + image.stride * y;
      for (std::uint32_t x = 0; x < image.width; ++x, in += pixel)
        for (std::size_t c = 0; c < Samples::channels; ++c) *out++ = static_cast<float>(sample(in, c));
    }
  }

  void make_taps(const image_view& image, std::uint32_t columns) {
    if (image.width == width_in_ && image.format == format_ && taps_.size() == columns) return;
    const std::size_t pixel = bytes_per_pixel(image.format);
    taps_.resize(columns);
    for (std::uint32_t x = 0; x < columns; ++x) {
      detail::resize_tap& tap = taps_[x] = detail::tap_at(profile_.resize, x, image.width, columns);
      tap.low *= pixel;
      tap.high *= pixel;
    }
    width_in_ = image.width;
    format_ = image.format;
  }

  static constexpr std::array<std::uint32_t, 3> places_of(pixel_format format) noexcept {
    switch (format) {
      case pixel_format::bgr:
      case pixel_format::bgra: return {2, 1, 0};
      case pixel_format::grey: return {0, 0, 0};
      case pixel_format::rgb:
      case pixel_format::rgba: break;
    }
    return {0, 1, 2};
  }

  preprocessing profile_;
  std::array<double, 256> scaled_{};
  std::vector<detail::resize_tap> taps_;
  std::uint32_t width_in_ = 0;
  pixel_format format_ = pixel_format::rgb;
};

MOBILENET_NAMESPACE_END
