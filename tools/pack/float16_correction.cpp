#include "pack/float16_correction.hpp"

#include "pack/float_to_half.hpp"
#include "pack/pack_panels.hpp"

#include <mobilenet/backends/reference.hpp>
#include <mobilenet/detail/half.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>
#include <variant>
#include <vector>

namespace mobilenet::tools {
namespace {

constexpr unsigned picture_count = 4;

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

using activation = std::vector<float>;

// What the reference back end computes from one picture's values.
activation run_layer(const unpacked_layer& layer, const weights& w, const std::vector<activation>& values) {
  operands io;
  for (std::size_t i = 0; i < layers::input_count(layer.layer); ++i) io.inputs[i] = values[layer.inputs[i]].data();
  activation out(layers::output_type(layer.layer).elements());
  io.output = out.data();
  std::visit(
      [&]<class Layer>(const Layer& l) {
        reference::context context;
        if (auto op = reference::op<Layer>::prepare(context, l, w)) op->run(context, io);  // never fails
      },
      layer.layer);
  return out;
}

// Over all pictures, of one value.
std::vector<double> channel_means(const std::vector<std::vector<activation>>& pictures, value_id value,
                                  std::size_t channels) {
  std::vector<double> means(channels);
  std::size_t positions = 0;
  for (const auto& values : pictures) {
    const activation& a = values[value];
    for (std::size_t i = 0; i < a.size(); ++i) means[i % channels] += static_cast<double>(a[i]);
    positions += a.size() / channels;
  }
  for (double& m : means) m /= static_cast<double>(positions);
  return means;
}

void correct_bias(unpacked_layer& layer, const std::vector<double>& means) {
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

bool rounds_to_float16(const unpacked_layer& layer) {
  return !layer.bias.empty() && layer.kernel.size() / layer.bias.size() >= fewest_float16_rows &&
         !std::holds_alternative<layers::depthwise_conv2d>(layer.layer);
}

void correct_biases_for_float16(unpacked_model& source) {
  std::vector<std::size_t> last_read(source.layers.size() + 1);
  for (std::size_t i = 0; i < source.layers.size(); ++i)
    for (const value_id v : source.layers[i].inputs)
      if (v != no_value) last_read[v] = i;

  std::vector<std::vector<activation>> pictures(picture_count);  // each with its values
  for (unsigned i = 0; i < picture_count; ++i)
    pictures[i].push_back(make_picture(i, source.input, source.preprocessing));
  for (std::size_t n = 0; n < source.layers.size(); ++n) {
    unpacked_layer& layer = source.layers[n];
    const std::vector<double> means =
        channel_means(pictures, layer.inputs[0], layers::input_type(layer.layer).channels);
    const std::size_t channels = layer.bias.size();
    std::vector<float> kernel, bias;
    if (channels != 0) {
      kernel = pack_panels<float>(layer.kernel, layer.kernel.size() / channels, channels);
      bias = pack_panels<float>(layer.bias, 1, channels);
    }
    // Inputs stay those of the exact network: the layers before have been corrected to give about these.
    const weights packed{kernel.data(), element::f32, bias.data()};
    for (auto& values : pictures) {
      values.push_back(run_layer(layer, packed, values));
      for (const value_id v : layer.inputs)
        if (v != no_value && last_read[v] == n) activation().swap(values[v]);
    }
    if (rounds_to_float16(layer)) correct_bias(layer, means);
  }
}

}  // namespace mobilenet::tools
