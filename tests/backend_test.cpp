// One body for every back end: each kind of layer against the reference back end, on awkward sizes.
#include "pack/float_to_half.hpp"
#include "support/backends.hpp"
#include "support/random_layer.hpp"

#include <mobilenet/network.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace mobilenet;
using test::layer_weights;
using test::random_floats;

// The operation of back end B, or the reference back end's in its place.
template <class B, class Layer>
using op_of = typename mobilenet::detail::operation_of<B, Layer>::type;

// A value in back end B's layout.
template <class B>
buffer value_of(const shape& s) {
  return buffer::create(B::bytes(s), "value").value();
}

// A layer's input in the layout that it reads.
template <class B, class Layer>
buffer arranged(const tensor& nhwc) {
  const shape s = nhwc.dimensions();
  buffer made = value_of<B>(s);
  const bool reads_nhwc = std::is_same_v<Layer, layers::conv2d> || !provides<B, Layer>;
  if constexpr (has_own_layout<B>) {
    if (!reads_nhwc) {
      B::from_nhwc(s, nhwc.data(), made.data());
      return made;
    }
  }
  std::copy_n(nhwc.data(), s.elements(), made.as<float>());
  return made;
}

template <class B, class Layer>
std::vector<float> run_layer(const Layer& layer, const weights& w, const std::vector<tensor>& in, unsigned threads) {
  auto context = B::context::create({threads}).value();
  auto op = op_of<B, Layer>::prepare(context, layer, w).value();
  std::vector<buffer> inputs;
  operands io;
  for (const tensor& t : in) inputs.push_back(arranged<B, Layer>(t));
  for (std::size_t i = 0; i < inputs.size(); ++i) io.inputs[i] = inputs[i].data();
  const shape size = layer.output_shape();
  buffer out = value_of<B>(size);
  io.output = out.data();
  op.run(context, io);

  std::vector<float> nhwc(size.elements());
  if constexpr (has_own_layout<B>) {
    if (provides<B, Layer>) {
      B::to_nhwc(size, out.data(), nhwc.data());
      return nhwc;
    }
  }
  std::copy_n(out.as<float>(), nhwc.size(), nhwc.data());
  return nhwc;
}

template <class B, class Layer>
void compare_with_reference(const Layer& layer, std::uint32_t seed) {
  random_floats values(seed);
  const layer_weights weights = test::random_weights(layer, values);
  std::vector<tensor> in;
  for (std::size_t i = 0; i < Layer::inputs; ++i) {
    in.push_back(tensor::create(layer.in).value());
    values.fill(in.back().data(), layer.in.elements(), -1.0f, 6.0f);
  }

  const auto expected = run_layer<reference>(layer, weights.view(), in, 1);
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  const float tolerance = 1e-4f * std::max({*high - *low, std::abs(*high), 1e-3f});
  for (const unsigned threads : support::thread_counts({1, 2, 3})) {
    const auto found = run_layer<B>(layer, weights.view(), in, threads);
    float worst = 0.0f;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const float difference = std::abs(found[i] - expected[i]);
      worst = difference <= worst ? worst : difference;  // NaN becomes the worst
    }
    INFO("in " << to_string(layer.in) << ", out " << to_string(layer.output_shape()) << ", threads " << threads);
    CHECK(worst <= tolerance);
  }
}

const layers::range none;

TEST_CASE_TEMPLATE("a pointwise convolution equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 1;
  for (const shape in : {shape{1, 1, 1},
                         {1, 1, 16},
                         {1, 7, 8},
                         {7, 7, 24},
                         {3, 5, 17},
                         {14, 14, 48},
                         {5, 13, 33},
                         {28, 3, 96},
                         {7, 7, 512}})
    for (const std::uint32_t out : {1u, 8u, 15u, 16u, 24u, 40u, 64u, 100u})
      compare_with_reference<B>(layers::pointwise_conv2d{in, out, out % 2 == 0 ? layers::relu6 : none}, seed++);
}

TEST_CASE_TEMPLATE("a depthwise convolution equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 100;
  for (const std::uint32_t channels : {1u, 3u, 8u, 16u, 20u, 24u, 48u, 64u})
    for (const shape size :
         {shape{1, 1, 0}, {1, 9, 0}, {2, 2, 0}, {3, 1, 0}, {7, 7, 0}, {8, 15, 0}, {14, 14, 0}, {17, 31, 0}})
      for (const std::uint32_t stride : {1u, 2u}) {
        const shape in{size.height, size.width, channels};
        compare_with_reference<B>(
            layers::depthwise_conv2d{in, {3, 3, stride, layers::same_padding(in, 3, 3, stride)}, layers::relu6},
            seed++);
      }
}

TEST_CASE_TEMPLATE("a depthwise convolution takes any kernel, stride and padding", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 300;
  for (const std::uint32_t channels : {5u, 16u, 40u}) {
    const shape in{9, 12, channels};
    compare_with_reference<B>(layers::depthwise_conv2d{in, {3, 3, 2, {0, 0, 1, 1}}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, {3, 3, 2, {1, 1, 1, 1}}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, {3, 3, 1, {}}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, {3, 3, 1, {2, 0, 0, 2}}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, {5, 5, 1, {2, 2, 2, 2}}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, {1, 3, 3, {0, 1, 0, 1}}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, {7, 7, 2, {3, 3, 3, 3}}, none}, seed++);
  }
}

TEST_CASE_TEMPLATE("a convolution equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 400;
  for (const std::uint32_t out : {8u, 16u, 24u, 32u, 50u})
    for (const shape in : {shape{1, 1, 3}, {2, 3, 3}, {8, 8, 3}, {15, 17, 3}, {32, 31, 3}, {33, 64, 3}}) {
      compare_with_reference<B>(layers::conv2d{in, out, {3, 3, 2, layers::same_padding(in, 3, 3, 2)}, layers::relu6},
                                seed++);
      compare_with_reference<B>(layers::conv2d{in, out, {3, 3, 1, layers::same_padding(in, 3, 3, 1)}, none}, seed++);
    }
  compare_with_reference<B>(layers::conv2d{{12, 11, 5}, 20, {5, 5, 2, {2, 1, 1, 2}}, none}, seed++);
  compare_with_reference<B>(layers::conv2d{{12, 11, 1}, 20, {3, 3, 3, {}}, none}, seed++);
  compare_with_reference<B>(layers::conv2d{{7, 7, 20}, 10, {7, 7, 1, {}}, none}, seed++);
  compare_with_reference<B>(layers::conv2d{{9, 9, 16}, 16, {1, 1, 2, {}}, none}, seed++);
}

TEST_CASE_TEMPLATE("a global average pool equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 500;
  for (const shape in : {shape{1, 1, 4}, {7, 7, 1024}, {2, 3, 24}, {1, 5, 17}, {14, 9, 256}})
    compare_with_reference<B>(layers::global_average_pool{in}, seed++);
}

TEST_CASE_TEMPLATE("a dense layer equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 600;
  for (const std::uint32_t in : {1u, 16u, 100u, 256u, 1024u})
    for (const std::uint32_t out : {1u, 2u, 10u, 16u, 1000u, 1001u})
      compare_with_reference<B>(layers::dense{{1, 1, in}, out, none}, seed++);
}

TEST_CASE_TEMPLATE("a clamp to one value gives that value", B, MOBILENET_TEST_BACKENDS) {
  compare_with_reference<B>(layers::conv2d{{5, 5, 3}, 8, {3, 3, 2, {0, 0, 1, 1}}, {0.0f, 0.0f}}, 650);
  compare_with_reference<B>(layers::depthwise_conv2d{{5, 5, 8}, {3, 3, 1, {1, 1, 1, 1}}, {6.0f, 6.0f}}, 651);
  compare_with_reference<B>(layers::pointwise_conv2d{{5, 5, 8}, 8, {-1.0f, -1.0f}}, 652);
  compare_with_reference<B>(layers::dense{{1, 1, 8}, 8, {0.0f, 0.0f}}, 653);
}

TEST_CASE_TEMPLATE("softmax equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 700;
  for (const std::uint32_t count : {1u, 2u, 10u, 15u, 16u, 17u, 1000u, 1001u})
    compare_with_reference<B>(layers::softmax{{1, 1, count}}, seed++);
}

// A layer on a vector that is written out.
template <class B, class Layer>
std::vector<float> run_vector(const Layer& layer, const std::vector<float>& in) {
  std::vector<tensor> inputs;
  inputs.push_back(tensor::create(layer.in).value());
  std::copy(in.begin(), in.end(), inputs[0].data());
  return run_layer<B>(layer, {}, inputs, 1);
}

TEST_CASE_TEMPLATE("softmax of huge scores does not overflow", B, MOBILENET_TEST_BACKENDS) {
  const auto out = run_vector<B>(layers::softmax{{1, 1, 5}}, {1e30f, 1e30f, -1e30f, 0.0f, 88.0f});
  CHECK(out[0] == doctest::Approx(0.5));
  CHECK(out[1] == doctest::Approx(0.5));
  for (std::size_t i = 2; i < 5; ++i) CHECK(out[i] == doctest::Approx(0.0));
}

TEST_CASE_TEMPLATE("every activation function equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 750;
  for (std::uint32_t f = 0; f < layers::function_count; ++f)
    for (const std::uint32_t count : {1u, 15u, 16u, 17u, 1000u})
      compare_with_reference<B>(layers::activation{{1, 1, count}, static_cast<layers::function>(f), 0.3f}, seed++);
}

TEST_CASE_TEMPLATE("sigmoid of huge scores does not overflow", B, MOBILENET_TEST_BACKENDS) {
  const std::vector<float> scores{1e30f, -1e30f, 0.0f, 88.0f, -88.0f, 200.0f, -200.0f, 1.0f, -1.0f};
  const double expected[9] = {1, 0, 0.5, 1, 0, 1, 0, 0.7310586, 0.2689414};
  const auto out = run_vector<B>(layers::activation{{1, 1, 9}, layers::function::sigmoid, 0.0f}, scores);
  for (std::size_t i = 0; i < 9; ++i) CHECK(out[i] == doctest::Approx(expected[i]));
}

TEST_CASE_TEMPLATE("an addition equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 780;
  for (const shape in : {shape{1, 1, 1}, {1, 1, 100}, {7, 5, 8}, {3, 4, 12}, {14, 14, 24}, {9, 9, 33}, {28, 28, 64}})
    for (const auto& range : {none, layers::relu6}) compare_with_reference<B>(layers::add{in, {}, range}, seed++);
}

TEST_CASE_TEMPLATE("a global max pool equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 790;
  for (const shape in : {shape{1, 1, 4}, {7, 7, 256}, {2, 3, 24}, {1, 5, 17}})
    compare_with_reference<B>(layers::global_max_pool{in}, seed++);
}

TEST_CASE_TEMPLATE("float16 kernels equal the reference on the same kernels", B, MOBILENET_TEST_BACKENDS) {
  // Halves of 1.0, -0.5, 2^-24 (subnormal) and 65504 times small inputs: every class of finite number.
  const std::uint16_t halves[4] = {0x3c00, 0xb800, 0x0001, 0x7bff};
  const layers::pointwise_conv2d layer{{3, 3, 20}, 24, none};
  buffer storage = buffer::create(2 * 20 * 16 * sizeof(std::uint16_t), "kernel").value();
  auto* kernel = storage.as<std::uint16_t>();
  for (std::size_t i = 0; i < layers::packed_kernel_elements(layer); ++i) kernel[i] = halves[(i * 7 + i / 16) % 4];
  for (std::size_t c = 0; c < 20; ++c)
    for (std::size_t j = 8; j < 16; ++j) kernel[(20 + c) * 16 + j] = 0;
  random_floats values(800);
  const layer_weights bias = test::random_weights(layer, values);
  const weights w{kernel, element::f16, bias.view().bias};
  std::vector<tensor> in;
  in.push_back(tensor::create(layer.in).value());
  values.fill(in[0].data(), layer.in.elements(), -1e-3f, 1e-3f);
  const auto expected = run_layer<reference>(layer, w, in, 1);
  const auto found = run_layer<B>(layer, w, in, 1);
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(found[i] - expected[i]) <= 1e-4f * (*high - *low));
}

TEST_CASE_TEMPLATE("every kind of layer takes float16 kernels", B, MOBILENET_TEST_BACKENDS) {
  const auto compare = [](const auto& layer) {
    random_floats values(810);
    const layer_weights wide = test::random_weights(layer, values);
    std::vector<std::uint16_t> kernel(layers::packed_kernel_elements(layer));
    std::transform(static_cast<const float*>(wide.view().kernel),
                   static_cast<const float*>(wide.view().kernel) + kernel.size(), kernel.begin(), tools::float_to_half);
    const weights w{kernel.data(), element::f16, wide.view().bias};
    std::vector<tensor> in;
    in.push_back(tensor::create(layer.in).value());
    values.fill(in[0].data(), layer.in.elements(), -1.0f, 6.0f);
    const auto expected = run_layer<reference>(layer, w, in, 1);
    const auto found = run_layer<B>(layer, w, in, 1);
    const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(found[i] - expected[i]) <= 1e-4f * (*high - *low));
  };
  compare(layers::conv2d{{15, 17, 3}, 40, {3, 3, 2, {1, 1, 1, 1}}, layers::relu6});
  compare(layers::conv2d{{8, 8, 5}, 20, {3, 3, 1, {1, 1, 1, 1}}, none});
  compare(layers::depthwise_conv2d{{9, 9, 40}, {3, 3, 1, {1, 1, 1, 1}}, none});
  compare(layers::depthwise_conv2d{{9, 9, 24}, {5, 5, 1, {2, 2, 2, 2}}, none});
  compare(layers::pointwise_conv2d{{5, 5, 8}, 40, none});
  compare(layers::pointwise_conv2d{{5, 5, 300}, 40, none});
  compare(layers::dense{{1, 1, 100}, 50, none});
}

TEST_CASE_TEMPLATE("the number of threads does not change a bit", B, MOBILENET_TEST_BACKENDS) {
  random_floats values(900);
  const layers::pointwise_conv2d layer{{14, 13, 64}, 72, layers::relu6};
  const layer_weights weights = test::random_weights(layer, values);
  std::vector<tensor> in;
  in.push_back(tensor::create(layer.in).value());
  values.fill(in[0].data(), layer.in.elements(), -1.0f, 6.0f);
  const auto single = run_layer<B>(layer, weights.view(), in, 1);
  for (const unsigned threads : support::thread_counts({2, 3, 4}))
    CHECK(run_layer<B>(layer, weights.view(), in, threads) == single);
}

}  // namespace
