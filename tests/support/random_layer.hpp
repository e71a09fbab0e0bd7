// Layers with random weights, for tests that compare back ends.
#pragma once

#include <mobilenet/node.hpp>
#include <mobilenet/tensor.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>

namespace mobilenet::test {

/// Uniform in [low, high), the same on every platform (std::uniform_real_distribution is not).
class random_floats {
 public:
  explicit random_floats(std::uint32_t seed) : engine_(seed) {}
  float operator()(float low, float high) {
    return low + (high - low) * (static_cast<float>(engine_() >> 8) * 0x1p-24f);
  }
  void fill(float* data, std::size_t count, float low, float high) {
    for (std::size_t i = 0; i < count; ++i) data[i] = (*this)(low, high);
  }

 private:
  std::mt19937 engine_;
};

/// Owns the packed weights of one layer: random numbers, and zeros where the format pads with zeros.
class layer_weights {
 public:
  /// elements   numbers per output channel: k_h * k_w * c_in, or k_h * k_w for a depthwise layer
  static layer_weights random(std::size_t elements, std::uint32_t channels, random_floats& values) {
    const float reach = 1.5f / std::sqrt(static_cast<float>(elements));
    return fill(
        elements, channels, [&](std::size_t, std::size_t) { return values(-reach, reach); },
        [&] { return values(-0.5f, 0.5f); });
  }
  /// A 1x1 convolution that copies its input.
  static layer_weights identity(std::uint32_t channels) {
    return fill(
        channels, channels, [](std::size_t e, std::size_t o) { return e == o ? 1.0f : 0.0f; }, [] { return 0.0f; });
  }
  mobilenet::weights view() const { return {kernel_.data(), element::f32, bias_.data()}; }

 private:
  template <class Kernel, class Bias>
  static layer_weights fill(std::size_t elements, std::uint32_t channels, Kernel kernel_at, Bias bias_at) {
    constexpr std::size_t width = layers::panel_width;
    const std::uint32_t padded = layers::panels(channels) * layers::panel_width;
    layer_weights made;
    made.kernel_ = tensor::create({1, static_cast<std::uint32_t>(elements), padded}).value();
    made.bias_ = tensor::create({1, 1, padded}).value();
    for (std::size_t o = 0; o < padded; ++o) {
      for (std::size_t e = 0; e < elements; ++e)
        made.kernel_.data()[(o / width * elements + e) * width + o % width] = o < channels ? kernel_at(e, o) : 0.0f;
      made.bias_.data()[o] = o < channels ? bias_at() : 0.0f;
    }
    return made;
  }
  tensor kernel_;
  tensor bias_;
};

/// Random weights for a layer; none for a layer without weights.
template <class Layer>
layer_weights random_weights(const Layer& layer, random_floats& values) {
  if constexpr (layers::weighted<Layer>)
    return layer_weights::random(static_cast<std::size_t>(layer.kernel_rows()), layer.output_shape().channels, values);
  else
    return {};
}

}  // namespace mobilenet::test
