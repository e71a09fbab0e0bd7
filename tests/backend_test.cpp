// One body for every back end: each kind of layer against the reference back end, on awkward sizes.
#include "support/backends.hpp"
#include "support/random_layer.hpp"

#include <mobilenet/backend.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace mobilenet;
using test::layer_weights;
using test::random_floats;

template <class B, class Params>
struct layer_of;
#define LAYER_OF(kind)               \
  template <class B>                 \
  struct layer_of<B, layers::kind> { \
    using type = typename B::kind;   \
  };
LAYER_OF(conv2d)
LAYER_OF(depthwise_conv2d)
LAYER_OF(pointwise_conv2d)
LAYER_OF(global_average_pool)
LAYER_OF(dense)
LAYER_OF(softmax)
LAYER_OF(sigmoid)
#undef LAYER_OF

template <class B>
tensor activation(const shape& s) {
  return tensor::create({1, 1, static_cast<std::uint32_t>(B::activation_elements(s))}).value();
}

// The input in B's own layout: only conv2d is promised to read NHWC, so a 1x1 conv2d that copies puts it there.
template <class B>
tensor to_layout(typename B::context& context, const tensor& nhwc) {
  const shape s = nhwc.dimensions();
  const layer_weights copy = layer_weights::identity(s.channels);
  auto layer = B::conv2d::prepare(context, {s, s.channels, 1, 1, 1, {}, {}}, copy.view()).value();
  tensor out = activation<B>(s);
  layer.run(context, nhwc.data(), out.data());
  return out;
}

template <class B, class Params>
std::vector<float> run_layer(const Params& params, const packed_weights& weights, const tensor& in, unsigned threads) {
  auto context = B::context::create({threads}).value();
  auto layer = layer_of<B, Params>::type::prepare(context, params, weights).value();
  tensor out = activation<B>(params.output_shape());
  if constexpr (std::is_same_v<Params, layers::conv2d>) {
    layer.run(context, in.data(), out.data());
  } else {
    const tensor arranged = to_layout<B>(context, in);
    layer.run(context, arranged.data(), out.data());
  }
  std::vector<float> nhwc(params.output_shape().elements());
  if constexpr (has_own_layout<B>)
    B::to_nhwc(params.output_shape(), out.data(), nhwc.data());
  else
    std::copy_n(out.data(), nhwc.size(), nhwc.data());
  return nhwc;
}

template <class B, class Params>
void compare_with_reference(const Params& params, std::uint32_t seed) {
  random_floats values(seed);
  const layer_weights weights = test::random_weights(params, values);
  tensor in = tensor::create(params.in).value();
  values.fill(in.data(), params.in.elements(), -1.0f, 6.0f);

  const auto expected = run_layer<reference>(params, weights.view(), in, 1);
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  const float tolerance = 1e-4f * std::max({*high - *low, std::abs(*high), 1e-3f});
  for (const unsigned threads : {1u, 2u, 3u}) {
    const auto found = run_layer<B>(params, weights.view(), in, threads);
    float worst = 0.0f;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const float difference = std::abs(found[i] - expected[i]);
      worst = difference <= worst ? worst : difference;  // NaN becomes the worst
    }
    INFO("in " << to_string(params.in) << ", out " << to_string(params.output_shape()) << ", threads " << threads);
    CHECK(worst <= tolerance);
  }
}

const layers::clamp none;

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
            layers::depthwise_conv2d{in, 3, 3, stride, layers::same_padding(in, 3, 3, stride), layers::relu6}, seed++);
      }
}

TEST_CASE_TEMPLATE("a depthwise convolution takes any kernel, stride and padding", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 300;
  for (const std::uint32_t channels : {5u, 16u, 40u}) {
    const shape in{9, 12, channels};
    compare_with_reference<B>(layers::depthwise_conv2d{in, 3, 3, 2, {0, 0, 1, 1}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, 3, 3, 2, {1, 1, 1, 1}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, 3, 3, 1, {}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, 3, 3, 1, {2, 0, 0, 2}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, 5, 5, 1, {2, 2, 2, 2}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, 1, 3, 3, {0, 1, 0, 1}, none}, seed++);
    compare_with_reference<B>(layers::depthwise_conv2d{in, 7, 7, 2, {3, 3, 3, 3}, none}, seed++);
  }
}

TEST_CASE_TEMPLATE("a convolution equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 400;
  for (const std::uint32_t out : {8u, 16u, 24u, 32u, 50u})
    for (const shape in : {shape{1, 1, 3}, {2, 3, 3}, {8, 8, 3}, {15, 17, 3}, {32, 31, 3}, {33, 64, 3}}) {
      compare_with_reference<B>(layers::conv2d{in, out, 3, 3, 2, layers::same_padding(in, 3, 3, 2), layers::relu6},
                                seed++);
      compare_with_reference<B>(layers::conv2d{in, out, 3, 3, 1, layers::same_padding(in, 3, 3, 1), none}, seed++);
    }
  compare_with_reference<B>(layers::conv2d{{12, 11, 5}, 20, 5, 5, 2, {2, 1, 1, 2}, none}, seed++);
  compare_with_reference<B>(layers::conv2d{{12, 11, 1}, 20, 3, 3, 3, {}, none}, seed++);
  compare_with_reference<B>(layers::conv2d{{7, 7, 20}, 10, 7, 7, 1, {}, none}, seed++);
  compare_with_reference<B>(layers::conv2d{{9, 9, 16}, 16, 1, 1, 2, {}, none}, seed++);
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
  compare_with_reference<B>(layers::conv2d{{5, 5, 3}, 8, 3, 3, 2, {0, 0, 1, 1}, {0.0f, 0.0f}}, 650);
  compare_with_reference<B>(layers::depthwise_conv2d{{5, 5, 8}, 3, 3, 1, {1, 1, 1, 1}, {6.0f, 6.0f}}, 651);
  compare_with_reference<B>(layers::pointwise_conv2d{{5, 5, 8}, 8, {-1.0f, -1.0f}}, 652);
  compare_with_reference<B>(layers::dense{{1, 1, 8}, 8, {0.0f, 0.0f}}, 653);
}

TEST_CASE_TEMPLATE("softmax equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 700;
  for (const std::uint32_t count : {1u, 2u, 10u, 15u, 16u, 17u, 1000u, 1001u})
    compare_with_reference<B>(layers::softmax{{1, 1, count}}, seed++);
}

TEST_CASE_TEMPLATE("softmax of huge scores does not overflow", B, MOBILENET_TEST_BACKENDS) {
  auto context = B::context::create({}).value();
  const layers::softmax params{{1, 1, 5}};
  auto layer = B::softmax::prepare(context, params, {}).value();
  tensor in = tensor::create(params.in).value();
  tensor out = activation<B>(params.in);
  const float scores[5] = {1e30f, 1e30f, -1e30f, 0.0f, 88.0f};
  std::copy_n(scores, 5, in.data());
  layer.run(context, in.data(), out.data());
  CHECK(out.data()[0] == doctest::Approx(0.5));
  CHECK(out.data()[1] == doctest::Approx(0.5));
  for (int i = 2; i < 5; ++i) CHECK(out.data()[i] == doctest::Approx(0.0));
}

TEST_CASE_TEMPLATE("sigmoid equals the reference", B, MOBILENET_TEST_BACKENDS) {
  std::uint32_t seed = 750;
  for (const std::uint32_t count : {1u, 2u, 10u, 15u, 16u, 17u, 1000u, 1001u})
    compare_with_reference<B>(layers::sigmoid{{1, 1, count}}, seed++);
}

TEST_CASE_TEMPLATE("sigmoid of huge scores does not overflow", B, MOBILENET_TEST_BACKENDS) {
  auto context = B::context::create({}).value();
  const layers::sigmoid params{{1, 1, 9}};
  auto layer = B::sigmoid::prepare(context, params, {}).value();
  tensor in = tensor::create(params.in).value();
  tensor out = activation<B>(params.in);
  const float scores[9] = {1e30f, -1e30f, 0.0f, 88.0f, -88.0f, 200.0f, -200.0f, 1.0f, -1.0f};
  const double expected[9] = {1, 0, 0.5, 1, 0, 1, 0, 0.7310586, 0.2689414};
  std::copy_n(scores, 9, in.data());
  layer.run(context, in.data(), out.data());
  for (int i = 0; i < 9; ++i) CHECK(out.data()[i] == doctest::Approx(expected[i]));
}

TEST_CASE_TEMPLATE("float16 kernels equal the reference on the same kernels", B, MOBILENET_TEST_BACKENDS) {
  // Halves of 1.0, -0.5, 2^-24 (subnormal) and 65504 times small inputs: every class of finite number.
  const std::uint16_t halves[4] = {0x3c00, 0xb800, 0x0001, 0x7bff};
  const layers::pointwise_conv2d params{{3, 3, 20}, 24, none};
  tensor storage = tensor::create({1, 1, 2 * 20 * 16}).value();
  auto* kernel = reinterpret_cast<std::uint16_t*>(storage.data());
  for (std::size_t i = 0; i < params.packed_kernel_elements(); ++i) kernel[i] = halves[(i * 7 + i / 16) % 4];
  for (std::size_t c = 0; c < 20; ++c)
    for (std::size_t j = 8; j < 16; ++j) kernel[(20 + c) * 16 + j] = 0;
  random_floats values(800);
  const layer_weights bias = test::random_weights(params, values);
  const packed_weights weights{kernel, weight_type::float16, bias.view().bias};
  tensor in = tensor::create(params.in).value();
  values.fill(in.data(), params.in.elements(), -1e-3f, 1e-3f);
  const auto expected = run_layer<reference>(params, weights, in, 1);
  const auto found = run_layer<B>(params, weights, in, 1);
  const auto [low, high] = std::minmax_element(expected.begin(), expected.end());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(found[i] - expected[i]) <= 1e-4f * (*high - *low));
}

TEST_CASE_TEMPLATE("the number of threads does not change a bit", B, MOBILENET_TEST_BACKENDS) {
  random_floats values(900);
  const layers::pointwise_conv2d params{{14, 13, 64}, 72, layers::relu6};
  const layer_weights weights = test::random_weights(params, values);
  tensor in = tensor::create(params.in).value();
  values.fill(in.data(), params.in.elements(), -1.0f, 6.0f);
  const auto single = run_layer<B>(params, weights.view(), in, 1);
  for (const unsigned threads : {2u, 3u, 4u}) CHECK(run_layer<B>(params, weights.view(), in, threads) == single);
}

}  // namespace
