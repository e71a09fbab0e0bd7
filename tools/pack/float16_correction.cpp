#include "pack/float16_correction.hpp"

#include "pack/float_to_half.hpp"
#include "pack/pack_panels.hpp"

#include <mobilenet/backends/reference.hpp>
#include <mobilenet/detail/half.hpp>

#include <cstdint>
#include <cstdlib>
#include <utility>
#include <variant>
#include <vector>

namespace mobilenet::tools {
namespace {

constexpr unsigned pictures = 4;

// Noise, a ramp, a chequerboard, waves: bright and dark, coarse and fine, each channel a little different.
std::uint8_t sample(unsigned picture, std::uint32_t y, std::uint32_t x, std::uint32_t c, const shape& size) {
  const auto triangle = [](std::uint32_t t) {  // 0 to 255 and back in 96 steps
    const int phase = static_cast<int>(t % 96);
    return static_cast<std::uint8_t>(255 - std::abs(phase - 48) * 255 / 48);
  };
  switch (picture) {
    case 0: return static_cast<std::uint8_t>((((y * size.width + x) * 3 + c) * 2654435761u) >> 24);
    case 1: return static_cast<std::uint8_t>(x * (200 + 25 * c) / size.width);
    case 2: return static_cast<std::uint8_t>(((x / 16 + y / 16) % 2 == 0 ? 50 : 180) + 20 * c);
    default: return triangle(2 * x + (c + 1) * y);
  }
}

std::vector<float> make_picture(unsigned number, const shape& size, const mobilenet::preprocessing& scaling) {
  std::vector<float> values;
  values.reserve(size.elements());
  for (std::uint32_t y = 0; y < size.height; ++y)
    for (std::uint32_t x = 0; x < size.width; ++x)
      for (std::uint32_t c = 0; c < size.channels; ++c) values.push_back(scaling.apply(sample(number, y, x, c, size)));
  return values;
}

template <class Layer, class Params>
void run(const Params& params, const packed_weights& weights, const float* in, float* out) {
  reference::context context;
  if (auto layer = Layer::prepare(context, params, weights)) layer->run(context, in, out);  // never fails
}
void run_layer(const layers::conv2d& p, const packed_weights& w, const float* in, float* out) {
  run<reference::conv2d>(p, w, in, out);
}
void run_layer(const layers::depthwise_conv2d& p, const packed_weights& w, const float* in, float* out) {
  run<reference::depthwise_conv2d>(p, w, in, out);
}
void run_layer(const layers::pointwise_conv2d& p, const packed_weights& w, const float* in, float* out) {
  run<reference::pointwise_conv2d>(p, w, in, out);
}
void run_layer(const layers::global_average_pool& p, const packed_weights& w, const float* in, float* out) {
  run<reference::global_average_pool>(p, w, in, out);
}
void run_layer(const layers::dense& p, const packed_weights& w, const float* in, float* out) {
  run<reference::dense>(p, w, in, out);
}
void run_layer(const layers::softmax& p, const packed_weights& w, const float* in, float* out) {
  run<reference::softmax>(p, w, in, out);
}
void run_layer(const layers::sigmoid& p, const packed_weights& w, const float* in, float* out) {
  run<reference::sigmoid>(p, w, in, out);
}

std::vector<double> channel_means(const std::vector<std::vector<float>>& activations, std::size_t channels) {
  std::vector<double> means(channels);
  for (const auto& activation : activations)
    for (std::size_t i = 0; i < activation.size(); ++i) means[i % channels] += static_cast<double>(activation[i]);
  for (double& m : means)
    m /= static_cast<double>(activations.size()) * static_cast<double>(activations[0].size() / channels);
  return means;
}

void correct_bias(layer_source& layer, const std::vector<double>& means) {
  const std::size_t channels = layer.bias.size();
  std::vector<double> lost(channels);
  for (std::size_t i = 0; i < layer.kernel.size(); ++i) {
    const float rounded = mobilenet::detail::half_to_float(float_to_half(layer.kernel[i]));
    lost[i % channels] +=
        (static_cast<double>(layer.kernel[i]) - static_cast<double>(rounded)) * means[i / channels % means.size()];
  }
  for (std::size_t c = 0; c < channels; ++c)
    layer.bias[c] = static_cast<float>(static_cast<double>(layer.bias[c]) + lost[c]);
}

}  // namespace

bool rounds_to_float16(const layer_source& layer) {
  return !layer.bias.empty() && layer.kernel.size() / layer.bias.size() >= fewest_float16_rows &&
         !std::holds_alternative<layers::depthwise_conv2d>(layer.params);
}

void correct_biases_for_float16(model_source& source) {
  const shape input = layers::input_shape(source.layers.front().params);
  std::vector<std::vector<float>> activations;
  for (unsigned i = 0; i < pictures; ++i) activations.push_back(make_picture(i, input, source.preprocessing));
  for (layer_source& layer : source.layers) {
    const shape in = layers::input_shape(layer.params);
    const std::vector<double> means = channel_means(activations, in.channels);
    const std::size_t channels = layer.bias.size();
    std::vector<float> kernel, bias;
    if (channels != 0) {
      kernel = pack_panels<float>(layer.kernel, layer.kernel.size() / channels, channels);
      bias = pack_panels<float>(layer.bias, 1, channels);
    }
    // Inputs stay those of the exact network: the layers before have been corrected to give about these.
    const packed_weights weights{kernel.data(), weight_type::float32, bias.data()};
    for (auto& activation : activations) {
      std::vector<float> out(layers::output_shape(layer.params).elements());
      std::visit([&](const auto& p) { run_layer(p, weights, activation.data(), out.data()); }, layer.params);
      activation = std::move(out);
    }
    if (rounds_to_float16(layer)) correct_bias(layer, means);
  }
}

}  // namespace mobilenet::tools
