// Whole networks of every width on every back end, against the reference back end.
#include "support/backends.hpp"
#include "support/mobilenet_v1.hpp"
#include "support/random_layer.hpp"

#include <mobilenet/network.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>
#if MOBILENET_HAS_THREADS
#include <thread>
#endif

namespace {

using namespace mobilenet;

std::vector<std::byte> packed(const tools::unpacked_model& source) {
  return tools::write_packed_model(test::chained(source)).value();
}

// A back end whose operations check on destruction that their context still exists.
struct counting {
  static constexpr std::string_view name = "counting";
  static inline std::set<const void*> alive;
  static inline int dangling = 0;

  struct context {
    static result<context> create(const run_options&) { return context(); }
    context() { alive.insert(this); }
    context(context&&) noexcept { alive.insert(this); }
    ~context() { alive.erase(this); }
  };
  static std::size_t bytes(const tensor_type& t) noexcept { return t.elements() * sizeof(float); }

  template <class Layer>
  class op {
   public:
    static result<op> prepare(context& c, const Layer&, const weights&) { return op(&c); }
    op(op&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    op& operator=(op&& other) noexcept {
      std::swap(owner_, other.owner_);
      return *this;
    }
    ~op() {
      if (owner_ != nullptr && !alive.contains(owner_)) ++dangling;
    }
    void run(context&, const operands&) noexcept {}

   private:
    explicit op(const context* owner) : owner_(owner) {}
    const context* owner_;
  };
};
static_assert(backend<counting>);

template <class B>
std::vector<float> run_self_test(const packed_model& model, unsigned threads = 1) {
  auto net = network<B>::prepare(model, {threads}).value();
  for (std::uint32_t i = 0; i < net.input_type().elements(); ++i) net.input().data[i] = format::self_test_input(i);
  const auto output = net.run();
  return {output.begin(), output.end()};
}

double largest_difference(std::span<const float> a, std::span<const float> b) {
  REQUIRE(a.size() == b.size());
  double largest = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    if (!(difference <= largest)) largest = difference;
  }
  return largest;
}

TEST_CASE_TEMPLATE("the self-test of networks of any width and resolution is met", B, MOBILENET_TEST_BACKENDS) {
  struct variant {
    double alpha;
    std::uint32_t resolution;
    std::uint32_t classes;
  };
  for (const variant& v : {variant{0.25, 64, 10}, {0.5, 33, 1000}, {0.75, 96, 7}, {1.0, 32, 100}, {0.3, 47, 3}}) {
    const auto bytes = packed(test::mobilenet_v1(v.alpha, v.resolution, v.classes));
    const auto model = packed_model::from_bytes(bytes).value();
    const auto expected = model.self_test_output();
    INFO("alpha " << v.alpha << ", resolution " << v.resolution);
    // An output that is flat would be met by nearly anything.
    REQUIRE(*std::max_element(expected.begin(), expected.end()) > 1.01f / static_cast<float>(v.classes));
    CHECK(largest_difference(run_self_test<B>(model), expected) <= 1e-4);
    CHECK(largest_difference(run_self_test<B>(model, support::thread_counts({1, 3}).back()), expected) <= 1e-4);
  }
}

TEST_CASE_TEMPLATE("a second run and a moved network answer the same bits", B, MOBILENET_TEST_BACKENDS) {
  const auto bytes = packed(test::mobilenet_v1(0.25, 48, 20));
  const auto model = packed_model::from_bytes(bytes).value();
  auto net = network<B>::prepare(model).value();
  for (std::uint32_t i = 0; i < net.input_type().elements(); ++i) net.input().data[i] = format::self_test_input(i);
  const auto view = net.run();
  const std::vector<float> first(view.begin(), view.end());
  auto moved = std::move(net);
  const auto again = moved.run();
  CHECK(std::equal(again.begin(), again.end(), first.begin(), first.end()));
}

void fill_with_self_test(tensor_view<float> input) {
  for (std::uint32_t i = 0; i < input.dimensions.elements(); ++i) input.data[i] = format::self_test_input(i);
}

// One value of a model, computed alone.
template <class B>
std::vector<float> run_for_value(const packed_model& model, value_id value) {
  auto net = network<B>::prepare(model, {}, {&value, 1}).value();
  fill_with_self_test(net.input());
  const auto output = net.run();
  return {output.begin(), output.end()};
}

TEST_CASE_TEMPLATE("every wanted value can be had from one run, each as it is alone", B, MOBILENET_TEST_BACKENDS) {
  const auto bytes = packed(test::mobilenet_v1(0.25, 48, 20));
  const auto model = packed_model::from_bytes(bytes).value();
  std::vector<value_id> wanted;
  for (value_id v = 0; v <= model.output_value(); ++v) wanted.push_back(v);
  std::swap(wanted[3], wanted[7]);  // in any order
  wanted.push_back(5);              // and twice
  auto net = network<B>::prepare(model, {}, wanted).value();
  fill_with_self_test(net.input());
  net.run();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    CAPTURE(wanted[i]);
    const auto value = net.value(i);
    CHECK(value.size() == model.value_type(wanted[i]).elements());
    const auto alone = run_for_value<B>(model, wanted[i]);
    CHECK(largest_difference(value, alone) <= 1e-5);
  }
}

TEST_CASE_TEMPLATE("the embedding is the pooled activation, and leaves the next run as it was", B,
                   MOBILENET_TEST_BACKENDS) {
  const auto bytes = packed(test::mobilenet_v1(0.25, 48, 20));
  const auto model = packed_model::from_bytes(bytes).value();
  REQUIRE(model.embedding_value().has_value());
  const value_id wanted[] = {model.output_value(), *model.embedding_value()};
  auto net = network<B>::prepare(model, {}, wanted).value();
  fill_with_self_test(net.input());
  const auto embedding = net.run_for(1);
  REQUIRE(embedding.size() == 256);
  CHECK(std::vector<float>(embedding.begin(), embedding.end()) == run_for_value<B>(model, wanted[1]));
  const auto output = net.run_for(0);
  CHECK(std::vector<float>(output.begin(), output.end()) == run_self_test<B>(model));
}

TEST_CASE_TEMPLATE("the input may be wanted, and a run does not change it", B, MOBILENET_TEST_BACKENDS) {
  const auto bytes = packed(test::mobilenet_v1(0.25, 32, 5));
  const auto model = packed_model::from_bytes(bytes).value();
  const value_id wanted[] = {model.output_value(), network_input};
  auto net = network<B>::prepare(model, {}, wanted).value();
  fill_with_self_test(net.input());
  net.run();
  bool same = true;
  for (std::uint32_t i = 0; i < net.value(1).size(); ++i) same = same && net.value(1)[i] == format::self_test_input(i);
  CHECK(same);
}

// A model of layers with random weights, ending in features.
std::vector<std::byte> packed_layers(const std::vector<layers::any_layer>& chain) {
  tools::unpacked_model source;
  test::random_floats values(7);
  for (const auto& any : chain) {
    tools::unpacked_layer layer;
    layer.layer = any;
    layer.names = "layer" + std::to_string(source.layers.size());
    const std::size_t channels = layers::packed_bias_elements(any) == 0 ? 0 : layers::output_type(any).channels;
    layer.kernel.resize(static_cast<std::size_t>(layers::parameters(any)) - channels);
    layer.bias.resize(channels);
    values.fill(layer.kernel.data(), layer.kernel.size(), -0.3f, 0.3f);
    values.fill(layer.bias.data(), channels, -0.1f, 0.1f);
    source.layers.push_back(std::move(layer));
  }
  source.output = output_kind::features;
  return packed(source);
}

TEST_CASE_TEMPLATE("windows that reach far beyond the image, layer after layer", B, MOBILENET_TEST_BACKENDS) {
  std::vector<layers::any_layer> chain{layers::conv2d{{20, 8, 3}, 32, {1, 1, 1, {}}, layers::relu6}};
  for (int i = 0; i < 4; ++i) {
    chain.push_back(layers::depthwise_conv2d{{20, 8, 32}, {64, 15, 3, {63, 14, 38, 14}}, layers::relu6});
    REQUIRE(shape(layers::output_type(chain.back())) == shape{20, 8, 32});
    chain.push_back(layers::pointwise_conv2d{{20, 8, 32}, 32, layers::relu6});
  }
  const auto bytes = packed_layers(chain);
  const auto model = packed_model::from_bytes(bytes).value();
  const auto expected = model.self_test_output();
  const float range = *std::max_element(expected.begin(), expected.end());
  for (const unsigned threads : support::thread_counts({1, 3}))
    CHECK(largest_difference(run_self_test<B>(model, threads), expected) <= 1e-4 * range);
}

TEST_CASE_TEMPLATE("a network whose input is one position", B, MOBILENET_TEST_BACKENDS) {
  const shape in{1, 1, 3};
  for (const auto& first :
       {layers::any_layer(layers::depthwise_conv2d{in, {1, 1, 1, {}}, {}}),
        layers::any_layer(layers::depthwise_conv2d{in, {3, 3, 1, {1, 1, 1, 1}}, {}}),
        layers::any_layer(layers::global_average_pool{in}), layers::any_layer(layers::dense{in, 3, {}}),
        layers::any_layer(layers::pointwise_conv2d{in, 3, {}})}) {
    const auto bytes = packed_layers({first});
    const auto model = packed_model::from_bytes(bytes).value();
    CHECK(largest_difference(run_self_test<B>(model), model.self_test_output()) <= 1e-6);
  }
}

TEST_CASE("a network that another is assigned to destroys its operations before their context") {
  const auto bytes = packed(test::mobilenet_v1(0.25, 32, 10));
  const auto model = packed_model::from_bytes(bytes).value();
  {
    auto net = network<counting>::prepare(model).value();
    auto other = network<counting>::prepare(model).value();
    net = std::move(other);
    CHECK(counting::dangling == 0);
  }
  CHECK(counting::dangling == 0);
  CHECK(counting::alive.empty());
}

#if MOBILENET_HAS_THREADS
TEST_CASE_TEMPLATE("threads share one model, each with a network of its own", B, MOBILENET_TEST_BACKENDS) {
  const auto bytes = packed(test::mobilenet_v1(0.25, 32, 20));
  const auto model = packed_model::from_bytes(bytes).value();
  std::vector<std::vector<float>> outputs(4);
  {
    std::vector<std::jthread> threads;
    for (auto& output : outputs)
      threads.emplace_back([&] {
        for (int i = 0; i < 3; ++i) output = run_self_test<B>(model);
      });
  }
  for (const auto& output : outputs) CHECK(output == outputs.front());
}
#endif

TEST_CASE_TEMPLATE("float16 weights stay close to float32 ones", B, MOBILENET_TEST_BACKENDS) {
  const auto source = test::mobilenet_v1(0.25, 48, 20);
  const auto bytes = tools::write_packed_model(source, element::f16).value();
  const auto model = packed_model::from_bytes(bytes).value();
  CHECK(largest_difference(run_self_test<B>(model), model.self_test_output()) <= 1e-4);
  const auto full = packed(source);
  CHECK(largest_difference(run_self_test<B>(model), packed_model::from_bytes(full).value().self_test_output()) <= 2e-3);
}

}  // namespace
