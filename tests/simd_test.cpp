// What only the simd back end has: several instruction sets, fused layers, a layout of its own.
// backend_test.cpp and network_test.cpp run over all back ends, this one too, on its best instruction set.
#if MOBILENET_WITH_SIMD

#include "support/mobilenet_v1.hpp"
#include "support/random_layer.hpp"

#include <mobilenet/backends/reference.hpp>
#include <mobilenet/backends/simd.hpp>
#include <mobilenet/network.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

namespace {

using namespace mobilenet;
using test::layer_weights;
using test::random_floats;

std::vector<simd_target> usable_targets() {
  std::vector<simd_target> usable;
  for (std::size_t i = 0; i < simd_targets; ++i)
    if (simd::usable(static_cast<simd_target>(i))) usable.push_back(static_cast<simd_target>(i));
  return usable;
}

// Sets MOBILENET_SIMD, and puts it back when it goes.
class environment {
 public:
  explicit environment(const std::string& target) {
    if (const char* value = std::getenv(variable)) before_ = value;
    ::setenv(variable, target.c_str(), 1);
  }
  ~environment() { before_ ? ::setenv(variable, before_->c_str(), 1) : ::unsetenv(variable); }
  environment(const environment&) = delete;
  environment& operator=(const environment&) = delete;

 private:
  static constexpr const char* variable = "MOBILENET_SIMD";
  std::optional<std::string> before_;
};

tensor activation(const shape& s) {
  return tensor::create({1, 1, static_cast<std::uint32_t>(simd::activation_elements(s))}).value();
}

template <class Layer, class Params>
std::vector<float> run(simd_target target, unsigned threads, const Params& params, const packed_weights& weights,
                       const tensor& in) {
  auto context = simd::context::create({threads}, target).value();
  auto layer = Layer::prepare(context, params, weights).value();
  tensor out = activation(params.output_shape());
  if constexpr (std::is_same_v<Params, layers::conv2d>) {
    layer.run(context, in.data(), out.data());
  } else {
    tensor arranged = activation(params.in);
    simd::from_nhwc(params.in, in.data(), arranged.data());
    layer.run(context, arranged.data(), out.data());
  }
  std::vector<float> nhwc(params.output_shape().elements());
  simd::to_nhwc(params.output_shape(), out.data(), nhwc.data());
  return nhwc;
}

// Every target near the reference, and the same bits for every number of threads.
template <class Layer, class ReferenceLayer, class Params>
void compare(const Params& params, std::uint32_t seed) {
  random_floats values(seed);
  const layer_weights weights = test::random_weights(params, values);
  tensor in = tensor::create(params.in).value();
  values.fill(in.data(), params.in.elements(), -1.0f, 6.0f);
  std::vector<float> expected(params.output_shape().elements());
  auto context = reference::context::create({}).value();
  ReferenceLayer::prepare(context, params, weights.view()).value().run(context, in.data(), expected.data());
  for (const simd_target target : usable_targets()) {
    INFO(to_string(target) << ", in " << to_string(params.in) << ", out " << to_string(params.output_shape()));
    const auto found = run<Layer>(target, 1, params, weights.view(), in);
    float worst = 0.0f;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const float difference = std::abs(found[i] - expected[i]);
      worst = difference <= worst ? worst : difference;  // NaN becomes the worst
    }
    CHECK(worst <= 2e-4f);
    for (const unsigned threads : {2u, 3u, 4u}) CHECK(run<Layer>(target, threads, params, weights.view(), in) == found);
  }
}

const layers::clamp none;

TEST_CASE("pointwise: every number of positions, channels past the last whole block") {
  std::uint32_t seed = 1;
  for (std::uint32_t width = 1; width <= 27; ++width)
    compare<simd::pointwise_conv2d, reference::pointwise_conv2d>(
        layers::pointwise_conv2d{{1, width, 16 + width % 5}, 33, none}, seed++);
  for (const std::uint32_t in : {1u, 7u, 8u, 9u, 31u, 64u})
    for (const std::uint32_t out : {1u, 8u, 9u, 17u, 24u, 48u})
      compare<simd::pointwise_conv2d, reference::pointwise_conv2d>(
          layers::pointwise_conv2d{{7, 7, in}, out, layers::relu6}, seed++);
}

TEST_CASE("depthwise: every width, both strides, narrow and wide blocks") {
  std::uint32_t seed = 100;
  for (const std::uint32_t channels : {5u, 8u, 24u, 33u})
    for (std::uint32_t size = 1; size <= 17; ++size)
      for (const std::uint32_t stride : {1u, 2u}) {
        const shape in{1 + size / 2, size, channels};
        compare<simd::depthwise_conv2d, reference::depthwise_conv2d>(
            layers::depthwise_conv2d{in, 3, 3, stride, layers::same_padding(in, 3, 3, stride), layers::relu6}, seed++);
      }
}

TEST_CASE("the first convolution: odd and even sizes, every kind of last panel") {
  std::uint32_t seed = 300;
  for (const std::uint32_t out : {3u, 8u, 16u, 24u, 32u, 40u, 48u, 64u})
    for (const shape in : {shape{1, 1, 3}, {3, 2, 3}, {16, 26, 3}, {17, 51, 3}})
      compare<simd::conv2d, reference::conv2d>(
          layers::conv2d{in, out, 3, 3, 2, layers::same_padding(in, 3, 3, 2), layers::relu6}, seed++);
}

TEST_CASE("whole networks on every instruction set: near the reference, the same bits for every number of threads") {
  struct variant {
    double alpha;
    std::uint32_t resolution;
    weight_type type;
  };
  // 0.25 and 128 pixels chain the first blocks through rings; 0.4 has channels that fill no block.
  for (const variant& v :
       {variant{0.25, 128, weight_type::float32}, {0.4, 97, weight_type::float32}, {0.25, 65, weight_type::float16}}) {
    const auto bytes = tools::write_packed_model(test::mobilenet_v1(v.alpha, v.resolution, 30), v.type).value();
    const auto model = packed_model::from_bytes(bytes).value();
    for (const simd_target target : usable_targets()) {
      INFO(to_string(target) << ", alpha " << v.alpha << ", resolution " << v.resolution);
      const environment variable{std::string(to_string(target))};
      std::vector<float> first;
      for (const unsigned threads : {1u, 2u, 3u, 4u}) {
        auto net = network<simd>::prepare(model, {threads}).value();
        for (std::uint32_t i = 0; i < net.input_shape().elements(); ++i)
          net.input().data[i] = format::self_test_input(i);
        const auto output = net.run();
        if (threads == 1) first.assign(output.begin(), output.end());
        CHECK(std::vector<float>(output.begin(), output.end()) == first);
      }
      const auto expected = model.self_test_output();
      for (std::size_t i = 0; i < expected.size(); ++i) CHECK(first[i] == doctest::Approx(expected[i]).epsilon(1e-4));
    }
  }
}

TEST_CASE("networks in an unusual order: layouts change where they must") {
  random_floats values(700);
  tools::model_source source;
  const auto add = [&](const layers::description& params, std::size_t kernel, std::size_t channels) {
    tools::layer_source layer{params, std::vector<float>(kernel), std::vector<float>(channels), "layer", 0};
    values.fill(layer.kernel.data(), kernel, -0.5f, 0.5f);
    source.layers.push_back(std::move(layer));
  };
  source.output = output_kind::features;
  add(layers::depthwise_conv2d{{9, 7, 3}, 3, 3, 1, {1, 1, 1, 1}, none}, 27, 3);
  add(layers::pointwise_conv2d{{9, 7, 3}, 20, none}, 60, 20);
  add(layers::conv2d{{9, 7, 20}, 18, 3, 3, 1, {1, 1, 1, 1}, layers::relu6}, 9 * 20 * 18, 18);
  const auto bytes = tools::write_packed_model(source).value();
  const auto model = packed_model::from_bytes(bytes).value();
  auto net = network<simd>::prepare(model, {2}).value();
  for (std::uint32_t i = 0; i < net.input_shape().elements(); ++i) net.input().data[i] = format::self_test_input(i);
  const auto output = net.run();
  const auto expected = model.self_test_output();
  REQUIRE(output.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(output[i] - expected[i]) <= 1e-4f);
}

TEST_CASE("layouts: there and back") {
  for (const shape s : {shape{1, 1, 1}, {3, 2, 8}, {2, 3, 9}, {4, 5, 16}, {1, 7, 40}}) {
    tensor in = tensor::create(s).value();
    for (std::size_t i = 0; i < s.elements(); ++i) in.data()[i] = static_cast<float>(i);
    tensor blocked = activation(s);
    simd::from_nhwc(s, in.data(), blocked.data());
    std::vector<float> back(s.elements());
    simd::to_nhwc(s, blocked.data(), back.data());
    CHECK(std::equal(back.begin(), back.end(), in.data()));
  }
}

TEST_CASE("MOBILENET_SIMD chooses the instruction set") {
  for (const simd_target target : usable_targets()) {
    const environment variable{std::string(to_string(target))};
    CHECK(simd::context::create({}).value().target() == target);
  }
  const environment variable{""};
  CHECK(simd::context::create({}).value().target() == simd::best_target());
}

TEST_CASE("MOBILENET_SIMD names something else: an error, not a crash") {
  {
    const environment variable{"avx9"};
    const auto context = simd::context::create({});
    REQUIRE(!context);
    CHECK(context.error().code == errc::invalid_argument);
    CHECK(context.error().message.find("MOBILENET_SIMD is \"avx9\"") != std::string::npos);
    CHECK(context.error().message.find("avx2") != std::string::npos);
  }
  for (std::size_t i = 0; i < simd_targets; ++i) {
    const auto target = static_cast<simd_target>(i);
    if (simd::usable(target)) continue;
    const environment variable{std::string(to_string(target))};
    const auto context = simd::context::create({});
    REQUIRE(!context);
    CHECK(context.error().code == errc::unsupported);
    CHECK(context.error().message.find(to_string(target)) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("layers are computed in one go only where their rows fit the cache: each thread keeps some of them") {
  const auto chain = [](std::uint32_t width, std::uint32_t window, std::uint32_t stride) {
    std::vector<packed_layer> made(1);
    made[0].params = layers::conv2d{{128, width, 3}, 16, 3, 3, 1, {1, 1, 1, 1}, {}};
    for (int i = 0; i < 3; ++i) {
      const shape in = layers::output_shape(made.back().params);
      const auto padding = layers::same_padding(in, window, 3, stride);
      made.push_back({layers::depthwise_conv2d{in, window, 3, stride, padding, {}}, {}, {}, 0});
      made.push_back({layers::pointwise_conv2d{layers::output_shape(made.back().params), 16, {}}, {}, {}, 0});
    }
    return made;
  };
  CHECK(simd::fused::length(chain(128, 3, 1)) == 7);
  CHECK(simd::fused::length(chain(4096, 3, 2)) == 7);
  CHECK(simd::fused::length(chain(4097, 3, 1)) == 0);
  CHECK(simd::fused::length(chain(128, 5, 1)) == 0);
  CHECK(simd::fused::length(chain(128, 3, 3)) == 0);
  const auto without_first = [&](std::uint32_t width) {
    const auto made = chain(width, 3, 1);
    return simd::fused::length(std::span(made).subspan(1));
  };
  CHECK(without_first(4097) == 2);
  CHECK(without_first(16385) == 0);
}

#endif
