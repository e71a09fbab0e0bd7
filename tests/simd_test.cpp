// What only the simd back end has: several instruction sets, fused layers, a layout of its own.
// backend_test.cpp and network_test.cpp run over all back ends, this one too, on its best instruction set.
#if MOBILENET_WITH_SIMD

#include "support/backends.hpp"
#include "support/mobilenet_v1.hpp"
#include "support/mobilenet_v2.hpp"
#include "support/random_layer.hpp"

#include <mobilenet/backends/reference.hpp>
#include <mobilenet/backends/simd.hpp>
#include <mobilenet/network.hpp>
#include <mobilenet/node.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace mobilenet;
using test::layer_weights;
using test::random_floats;

std::vector<simd_target> supported_targets() {
  std::vector<simd_target> supported;
  for (std::size_t i = 0; i < simd_targets; ++i)
    if (simd::is_supported(static_cast<simd_target>(i))) supported.push_back(static_cast<simd_target>(i));
  return supported;
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

buffer value_of(const shape& s) { return buffer::create(simd::bytes(s), "value").value(); }

template <class Layer>
std::vector<float> run(simd_target target, unsigned threads, const Layer& layer, const weights& w, const tensor& in) {
  auto context = simd::context::create({threads}, target).value();
  auto op = simd::op<Layer>::prepare(context, layer, w).value();
  const shape size = layer.output_shape();
  buffer out = value_of(size);
  buffer arranged = value_of(layer.in);
  if constexpr (std::is_same_v<Layer, layers::conv2d>)
    std::copy_n(in.data(), layer.in.elements(), arranged.as<float>());
  else
    simd::from_nhwc(layer.in, in.data(), arranged.data());
  op.run(context, {{arranged.data()}, out.data()});
  std::vector<float> nhwc(size.elements());
  simd::to_nhwc(size, out.data(), nhwc.data());
  return nhwc;
}

// Every target near the reference, and the same bits for every number of threads.
template <class Layer>
void compare(const Layer& layer, std::uint32_t seed) {
  random_floats values(seed);
  const layer_weights weights = test::random_weights(layer, values);
  tensor in = tensor::create(layer.in).value();
  values.fill(in.data(), layer.in.elements(), -1.0f, 6.0f);
  std::vector<float> expected(layer.output_shape().elements());
  auto context = reference::context::create({}).value();
  reference::op<Layer>::prepare(context, layer, weights.view()).value().run(context, {{in.data()}, expected.data()});
  for (const simd_target target : supported_targets()) {
    INFO(to_string(target) << ", in " << to_string(layer.in) << ", out " << to_string(layer.output_shape()));
    const auto found = run(target, 1, layer, weights.view(), in);
    float worst = 0.0f;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const float difference = std::abs(found[i] - expected[i]);
      worst = difference <= worst ? worst : difference;  // NaN becomes the worst
    }
    CHECK(worst <= 2e-4f);
    for (const unsigned threads : support::thread_counts({2, 3, 4}))
      CHECK(run(target, threads, layer, weights.view(), in) == found);
  }
}

const layers::range none;

TEST_CASE("pointwise: every number of positions, channels past the last whole block") {
  std::uint32_t seed = 1;
  for (std::uint32_t width = 1; width <= 27; ++width)
    compare(layers::pointwise_conv2d{{1, width, 16 + width % 5}, 33, none}, seed++);
  for (const std::uint32_t in : {1u, 7u, 8u, 9u, 31u, 64u})
    for (const std::uint32_t out : {1u, 8u, 9u, 17u, 24u, 48u})
      compare(layers::pointwise_conv2d{{7, 7, in}, out, layers::relu6}, seed++);
}

TEST_CASE("depthwise: every width, both strides, narrow and wide blocks") {
  std::uint32_t seed = 100;
  for (const std::uint32_t channels : {5u, 8u, 24u, 33u})
    for (std::uint32_t size = 1; size <= 17; ++size)
      for (const std::uint32_t stride : {1u, 2u}) {
        const shape in{1 + size / 2, size, channels};
        compare(layers::depthwise_conv2d{in, {3, 3, stride, layers::same_padding(in, 3, 3, stride)}, layers::relu6},
                seed++);
      }
}

TEST_CASE("the first convolution: odd and even sizes, every kind of last panel") {
  std::uint32_t seed = 300;
  for (const std::uint32_t out : {3u, 8u, 16u, 24u, 32u, 40u, 48u, 64u})
    for (const shape in : {shape{1, 1, 3}, {3, 2, 3}, {16, 26, 3}, {17, 51, 3}})
      compare(layers::conv2d{in, out, {3, 3, 2, layers::same_padding(in, 3, 3, 2)}, layers::relu6}, seed++);
}

// Every target near the answer of the reference, which the file contains, and the same bits for every number of
// threads.
void compare_networks(const std::vector<std::byte>& bytes) {
  const auto model = packed_model::from_bytes(bytes).value();
  for (const simd_target target : supported_targets()) {
    INFO(to_string(target));
    const environment variable{std::string(to_string(target))};
    std::vector<float> first;
    for (const unsigned threads : support::thread_counts({1, 2, 3, 4})) {
      auto net = network<simd>::prepare(model, {threads}).value();
      for (std::uint32_t i = 0; i < net.input_type().elements(); ++i) net.input().data[i] = format::self_test_input(i);
      const auto output = net.run();
      if (threads == 1) first.assign(output.begin(), output.end());
      CHECK(std::vector<float>(output.begin(), output.end()) == first);
    }
    const auto expected = model.self_test_output();
    for (std::size_t i = 0; i < expected.size(); ++i) CHECK(first[i] == doctest::Approx(expected[i]).epsilon(1e-4));
  }
}

TEST_CASE("whole networks on every instruction set: near the reference, the same bits for every number of threads") {
  struct variant {
    double alpha;
    std::uint32_t resolution;
    element type;
  };
  // 0.25 and 128 pixels chain the first blocks through rings; 0.4 has channels that fill no block.
  for (const variant& v : {variant{0.25, 128, element::f32}, {0.4, 97, element::f32}, {0.25, 65, element::f16}}) {
    INFO("alpha " << v.alpha << ", resolution " << v.resolution);
    compare_networks(tools::write_packed_model(test::mobilenet_v1(v.alpha, v.resolution, 30), v.type).value());
  }
}

TEST_CASE("whole networks of MobileNet v2 on every instruction set: near the reference, the same bits") {
  struct variant {
    double alpha;
    std::uint32_t multiple;
    std::uint32_t resolution;
    element type;
  };
  // 0.35 ends in half panels; 224 pixels chain its first blocks, which add from a ring. 0.9 has channels that are not
  // multiples of anything, and images of one position at its end.
  for (const variant& v : {variant{0.35, 8, 224, element::f32},
                           {0.35, 8, 96, element::f16},
                           {0.9, 1, 32, element::f32},
                           {1.0, 8, 65, element::f16}}) {
    INFO("alpha " << v.alpha << ", resolution " << v.resolution);
    compare_networks(
        tools::write_packed_model(test::mobilenet_v2(v.alpha, v.multiple, v.resolution, 30), v.type).value());
  }
}

TEST_CASE("networks in an unusual order: layouts change where they must") {
  random_floats values(700);
  tools::unpacked_model source;
  const auto add = [&](const layers::any_layer& params, std::size_t kernel, std::size_t channels) {
    tools::unpacked_layer layer{params, std::vector<float>(kernel), std::vector<float>(channels), "layer", 0};
    values.fill(layer.kernel.data(), kernel, -0.5f, 0.5f);
    source.layers.push_back(std::move(layer));
  };
  source.output = output_kind::features;
  add(layers::depthwise_conv2d{{9, 7, 3}, {3, 3, 1, {1, 1, 1, 1}}, none}, 27, 3);
  add(layers::pointwise_conv2d{{9, 7, 3}, 20, none}, 60, 20);
  add(layers::conv2d{{9, 7, 20}, 18, {3, 3, 1, {1, 1, 1, 1}}, layers::relu6}, 9 * 20 * 18, 18);
  const auto bytes = tools::write_packed_model(test::chained(source)).value();
  const auto model = packed_model::from_bytes(bytes).value();
  auto net = network<simd>::prepare(model, {support::thread_counts({1, 2}).back()}).value();
  for (std::uint32_t i = 0; i < net.input_type().elements(); ++i) net.input().data[i] = format::self_test_input(i);
  const auto output = net.run();
  const auto expected = model.self_test_output();
  REQUIRE(output.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::abs(output[i] - expected[i]) <= 1e-4f);
}

TEST_CASE("layouts: there and back") {
  for (const shape s : {shape{1, 1, 1}, {3, 2, 8}, {2, 3, 9}, {4, 5, 16}, {1, 7, 40}}) {
    tensor in = tensor::create(s).value();
    for (std::size_t i = 0; i < s.elements(); ++i) in.data()[i] = static_cast<float>(i);
    buffer blocked = value_of(s);
    simd::from_nhwc(s, in.data(), blocked.data());
    std::vector<float> back(s.elements());
    simd::to_nhwc(s, blocked.data(), back.data());
    CHECK(std::equal(back.begin(), back.end(), in.data()));
  }
}

TEST_CASE("MOBILENET_SIMD chooses the instruction set") {
  for (const simd_target target : supported_targets()) {
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
    if (simd::is_supported(target)) continue;
    const environment variable{std::string(to_string(target))};
    const auto context = simd::context::create({});
    REQUIRE(!context);
    CHECK(context.error().code == errc::unsupported);
    CHECK(context.error().message.find(to_string(target)) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("layers are fused only if their rows fit the cache: each thread keeps some of them") {
  const auto chain = [](std::uint32_t width, std::uint32_t window, std::uint32_t stride) {
    std::vector<node> made(1);
    made[0].layer = layers::conv2d{{128, width, 3}, 16, {3, 3, 1, {1, 1, 1, 1}}, {}};
    const auto append = [&](const layers::any_layer& layer) {
      made.push_back({layer, {}, {static_cast<value_id>(made.size()), no_value}, {}, 0});
    };
    for (int i = 0; i < 3; ++i) {
      const shape in = layers::output_type(made.back().layer);
      append(layers::depthwise_conv2d{in, {window, 3, stride, layers::same_padding(in, window, 3, stride)}, {}});
      append(layers::pointwise_conv2d{layers::output_type(made.back().layer), 16, {}});
    }
    return made;
  };
  const auto context = simd::context::create({}).value();
  const auto length = [&](const std::vector<node>& nodes, std::size_t first) {
    const auto output = static_cast<value_id>(nodes.size());
    return simd::fused::length(context, nodes, first, count_readers(nodes, {&output, 1}));
  };
  CHECK(length(chain(128, 3, 1), 0) == 7);
  CHECK(length(chain(4096, 3, 2), 0) == 7);
  CHECK(length(chain(4097, 3, 1), 0) == 0);
  CHECK(length(chain(128, 5, 1), 0) == 0);
  CHECK(length(chain(128, 3, 3), 0) == 0);
  CHECK(length(chain(4097, 3, 1), 1) == 2);
  CHECK(length(chain(16385, 3, 1), 1) == 0);
}

#endif
