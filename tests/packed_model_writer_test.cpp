#include "support/backends.hpp"
#include "support/random_layer.hpp"
#include "support/unpacked_models.hpp"

#include "pack/float_to_half.hpp"
#include "pack/packed_model_writer.hpp"

#include <mobilenet/backends/reference.hpp>
#include <mobilenet/detail/half.hpp>
#include <mobilenet/model/crc32c.hpp>
#include <mobilenet/model/open.hpp>
#include <mobilenet/network.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace mobilenet;
using tools::unpacked_model;
using tools::write_packed_model;
using bytes = std::vector<std::byte>;

// Every kind of layer, with channels that are no multiple of 16.
unpacked_model small_model() {
  test::random_floats values(3);
  const auto numbers = [&](std::size_t count) {
    std::vector<float> v(count);
    values.fill(v.data(), count, -0.5f, 0.5f);
    return v;
  };
  unpacked_model m;
  m.layers = {
      {layers::conv2d{{9, 8, 3}, 20, {3, 3, 2, {1, 0, 1, 1}}, layers::relu6}, numbers(540), numbers(20),
       "conv1\nconv1_bn\nconv1_relu", 2},
      {layers::depthwise_conv2d{{5, 4, 20}, {3, 3, 1, {1, 1, 1, 1}}, layers::relu6}, numbers(180), numbers(20),
       "conv_dw_1\nconv_dw_1_relu", 1},
      {layers::pointwise_conv2d{{5, 4, 20}, 33, {}}, numbers(660), numbers(33), "conv_pw_1", 0},
      {layers::global_average_pool{{5, 4, 33}}, {}, {}, "pool", 0},
      {layers::dense{{1, 1, 33}, 5, {}}, numbers(165), numbers(5), "preds", 0},
      {layers::softmax{{1, 1, 5}}, {}, {}, "softmax", 0},
  };
  m.preprocessing = preprocessing::to_range(0.0f, 1.0f);
  m.class_offset = 1;
  m.labels = {"crane", "", "crane", "zebra"};
  m.provenance = "a test";
  return test::chained(std::move(m));
}

const format::section& section(const packed_model& m, format::section_kind kind) {
  return m.sections()[static_cast<std::size_t>(kind) - 1];
}

std::string failure(const unpacked_model& m, element type = element::f32) {
  const auto written = write_packed_model(m, type);
  REQUIRE_FALSE(written);
  return written.error().message;
}

TEST_CASE("what is written is read again") {
  const unpacked_model source = small_model();
  const bytes file = write_packed_model(source).value();
  const packed_model m = model_from_bytes(file, {.verify_checksums = true}).value();
  REQUIRE(m.nodes().size() == source.layers.size());
  for (std::size_t i = 0; i < source.layers.size(); ++i) {
    CAPTURE(i);
    CHECK(m.nodes()[i].layer == source.layers[i].layer);
    CHECK(m.nodes()[i].names == source.layers[i].names);
    CHECK(m.nodes()[i].folded_names == source.layers[i].folded_names);
  }
  CHECK(m.preprocessing() == source.preprocessing);
  CHECK(m.output() == output_kind::classes);
  CHECK(m.class_offset() == 1);
  CHECK(m.class_count() == 4);
  REQUIRE(m.label_count() == 4);
  for (std::uint32_t i = 0; i < 4; ++i) CHECK(m.label(i) == source.labels[i]);
  CHECK(m.provenance() == "a test");
}

TEST_CASE("kernels lie in panels of 16 channels, zero padded") {
  const unpacked_model source = small_model();
  const bytes file = write_packed_model(source).value();
  const packed_model m = packed_model::from_bytes(file).value();
  constexpr std::size_t rows[] = {27, 9, 20, 0, 33};
  for (const std::size_t i : {0u, 1u, 2u, 4u}) {
    const auto& weights = m.nodes()[i].weights;
    const auto* kernel = static_cast<const float*>(weights.kernel);
    const std::size_t channels = source.layers[i].bias.size();
    const std::size_t padded = (channels + 15) / 16 * 16;
    bool equal = true;
    for (std::size_t c = 0; c < padded; ++c) {
      equal = equal && weights.bias[c] == (c < channels ? source.layers[i].bias[c] : 0.0f);
      for (std::size_t row = 0; row < rows[i]; ++row)
        equal = equal && kernel[(c / 16 * rows[i] + row) * 16 + c % 16] ==
                             (c < channels ? source.layers[i].kernel[row * channels + c] : 0.0f);
    }
    CHECK_MESSAGE(equal, "layer ", i);
  }
}

TEST_CASE("the file is laid out as docs/format.md says") {
  const bytes file = write_packed_model(small_model()).value();
  const packed_model m = packed_model::from_bytes(file).value();
  std::uint64_t end = 64 + 8 * 32;
  for (const format::section& s : m.sections()) {
    CHECK(s.offset == (end + 63) / 64 * 64);
    CHECK(std::all_of(file.begin() + static_cast<std::ptrdiff_t>(end),
                      file.begin() + static_cast<std::ptrdiff_t>(s.offset),
                      [](std::byte b) { return b == std::byte{0}; }));
    end = s.offset + s.length;
  }
  CHECK(file.size() == end + 16);
  CHECK(std::all_of(file.end() - 16, file.end(), [](std::byte b) { return b == std::byte{0}; }));
  const auto weights = section(m, format::section_kind::weights);
  for (const node& n : m.nodes())
    for (const void* array : {n.weights.kernel, static_cast<const void*>(n.weights.bias)})
      if (array != nullptr)
        CHECK((static_cast<const std::byte*>(array) - file.data() - static_cast<std::ptrdiff_t>(weights.offset)) % 64 ==
              0);
  const std::string_view check = "123456789";
  CHECK(mobilenet::detail::crc32c(std::as_bytes(std::span(check))) == 0xe3069283u);
}

TEST_CASE("the same source gives the same bytes") {
  CHECK(write_packed_model(small_model()).value() == write_packed_model(small_model()).value());
  CHECK(write_packed_model(small_model(), element::f16).value() ==
        write_packed_model(small_model(), element::f16).value());
}

TEST_CASE("the self-test is what the reference back end answers") {
  const bytes file = write_packed_model(small_model()).value();
  const packed_model m = packed_model::from_bytes(file).value();
  auto net = network<reference>::prepare(m).value();
  for (std::uint32_t i = 0; i < net.input_type().elements(); ++i) net.input().data[i] = format::self_test_input(i);
  const auto output = net.run();
  CHECK(std::equal(output.begin(), output.end(), m.self_test_output().begin(), m.self_test_output().end()));
  CHECK(std::abs(std::accumulate(output.begin(), output.end(), 0.0f) - 1.0f) < 1e-5f);
}

TEST_CASE("float16 halves wide kernels, and biases make up for the rounding") {
  const unpacked_model source = small_model();
  const bytes file = write_packed_model(source, element::f16).value();
  const packed_model m = model_from_bytes(file, {.verify_checksums = true}).value();
  for (const std::size_t i : {0u, 1u, 2u}) {  // 27, 9 and 20 rows
    CHECK(m.nodes()[i].weights.type == element::f32);
    CHECK(m.nodes()[i].weights.bias[19] == source.layers[i].bias[19]);
  }
  const auto& weights = m.nodes()[4].weights;
  REQUIRE(weights.type == element::f16);
  const auto* kernel = static_cast<const std::uint16_t*>(weights.kernel);
  for (std::size_t c = 0; c < 5; ++c) {
    float most = 0;
    for (std::size_t row = 0; row < 33; ++row) {
      const float exact = source.layers[4].kernel[row * 5 + c];
      CHECK(kernel[row * 16 + c] == tools::float_to_half(exact));
      most += std::abs(exact - mobilenet::detail::half_to_float(kernel[row * 16 + c])) * 6;  // inputs are 6 at most
    }
    CHECK(std::abs(weights.bias[c] - source.layers[4].bias[c]) <= most);
    CHECK(weights.bias[c] != source.layers[4].bias[c]);
  }
  CHECK(weights.bias[5] == 0.0f);
}

TEST_CASE("sources that contradict themselves") {
  unpacked_model m = small_model();
  m.layers.clear();
  CHECK(failure(m) == "the network has no layers");

  m = small_model();
  m.layers[0].kernel.pop_back();
  CHECK(failure(m) == "layer 'conv1': kernel has 539 values, expected 540");

  m = small_model();
  m.layers[4].bias.push_back(0);
  CHECK(failure(m) == "layer 'preds': bias has 6 values, expected 5");

  m = small_model();
  m.layers[3].kernel.push_back(0);
  CHECK(failure(m) == "layer 'pool': kernel has 1 values, expected 0");

  m = small_model();
  m.layers[1].kernel[17] = std::numeric_limits<float>::quiet_NaN();
  CHECK(failure(m) == "layer 'conv_dw_1': kernel[17] is not a number, expected a finite value");

  m = small_model();
  m.layers[2].bias[3] = -std::numeric_limits<float>::infinity();
  CHECK(failure(m) == "layer 'conv_pw_1': bias[3] is infinite, expected a finite value");

  m = small_model();
  m.layers[4].kernel[0] = 65520.0f;
  CHECK(write_packed_model(m));
  CHECK(failure(m, element::f16) ==
        "layer 'preds': kernel value 65520.000000 is too large for float16, whose largest value is 65504: store the "
        "weights as float32");

  m = small_model();
  m.layers.resize(1);
  m.layers[0] = {layers::conv2d{{2048, 2048, 3}, 64, {100, 100, 1, {50, 50, 49, 49}}, {}}, std::vector<float>(1920000),
                 std::vector<float>(64), "large", 0};
  CHECK(failure(test::chained(m)) ==
        "layer 'large': up to here the network does 8053076262912 multiply-adds and reads of values, "
        "expected at most 68719476736");

  m = small_model();
  m.labels.pop_back();
  CHECK(failure(m) == "labels.count is 3, expected 4 classes");

  m = small_model();
  m.layers.erase(m.layers.begin() + 1);
  m = test::chained(m);
  std::get<layers::pointwise_conv2d>(m.layers[1].layer).in.height = 6;
  CHECK(failure(m) == "layer 'conv_pw_1': its input is 6x4x20, expected 5x4x20, the value that it reads");

  m = small_model();
  m.layers.pop_back();
  m.layers[4].kernel.assign(165, 1e38f);
  m.layers[4].bias.assign(5, std::numeric_limits<float>::max());
  m.layers[2].kernel.assign(660, 1e6f);
  CHECK(failure(m) == "self-test: output 0 is not finite: the weights make the network overflow");
}

TEST_CASE_TEMPLATE("any layer's activation can be had by its name", B, MOBILENET_TEST_BACKENDS) {
  const unpacked_model source = small_model();
  const bytes file = write_packed_model(source).value();
  const packed_model whole = packed_model::from_bytes(file).value();
  constexpr std::string_view names[] = {"conv1_relu", "conv_dw_1_relu", "conv_pw_1", "pool", "preds", "softmax"};
  for (std::size_t i = 0; i < std::size(names); ++i) {
    CAPTURE(names[i]);
    const value_id value = whole.activation_of(names[i]).value();
    CHECK(value == i + 1);

    unpacked_model shorter = source;
    shorter.layers.resize(i + 1);
    shorter.output = output_kind::features;
    shorter.class_offset = 0;
    shorter.labels.clear();
    const bytes shorter_file = write_packed_model(shorter).value();
    const packed_model expected_model = packed_model::from_bytes(shorter_file).value();
    const auto expected = expected_model.self_test_output();

    auto net = network<B>::prepare(whole, {}, {&value, 1}).value();
    for (std::uint32_t e = 0; e < net.input_type().elements(); ++e) net.input().data[e] = format::self_test_input(e);
    const auto output = net.run();
    REQUIRE(output.size() == expected.size());
    float worst = 0;
    for (std::size_t e = 0; e < output.size(); ++e) worst = std::max(worst, std::abs(output[e] - expected[e]));
    CHECK(worst < 1e-4f);
  }
  CHECK(whole.embedding_value() == 4);
  CHECK(whole.activation_of("conv1_bn").error().message ==
        "layer 'conv1_bn' has no activation of its own: it was folded into the one that ends with 'conv1_relu'");
  CHECK(whole.activation_of("conv2").error().message == "the model has no layer 'conv2'");
}

// Damages a file as accidents and attackers do, and opens it. The header's checksum is put right again in
// every second case: it must not be what keeps the library from crashing.
TEST_CASE("10,000 mutations of a good file crash nothing") {
  const bytes good = write_packed_model(small_model()).value();
  const std::size_t table_end = sizeof(format::header) + 8 * sizeof(format::section);
  std::mt19937 random(1);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  constexpr std::uint32_t telling[] = {0, 1, 2, 16, 63, 64, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffff0, 0x7f800000};
  const std::size_t front =
      good.size() - section(packed_model::from_bytes(good).value(), format::section_kind::weights).length;
  int opened = 0;
  for (int i = 0; i < 10000; ++i) {
    bytes mutant = good;
    const std::size_t changes = 1 + below(3);
    for (std::size_t change = 0; change < changes; ++change) {
      const std::size_t at = below(below(4) == 0 ? mutant.size() : std::min(front, mutant.size()));
      switch (below(5)) {
        case 0: mutant[at] ^= static_cast<std::byte>(1u << below(8)); break;
        case 1: mutant[at] = static_cast<std::byte>(below(256)); break;
        case 2: {
          const std::uint32_t value = telling[below(std::size(telling))];
          const std::size_t word = at / 4 * 4;
          std::memcpy(mutant.data() + word, &value, std::min(sizeof value, mutant.size() - word));
          break;
        }
        case 3:
          if (below(4) == 0) mutant.resize(at + 1);
          break;
        default: std::swap(mutant[at], mutant[below(mutant.size())]);
      }
    }
    if (i % 2 == 0 && mutant.size() >= table_end) {
      format::header header;
      std::memcpy(&header, mutant.data(), sizeof header);
      header.file_length = mutant.size();
      header.checksum = 0;
      std::memcpy(mutant.data(), &header, sizeof header);
      header.checksum = mobilenet::detail::crc32c(std::span(mutant).first(table_end));
      std::memcpy(mutant.data(), &header, sizeof header);
    }
    const auto model = packed_model::from_bytes(mutant);
    if (!model) {
      CHECK(!model.error().message.empty());
      continue;
    }
    ++opened;
    for (std::uint32_t label = 0; label < model->label_count(); ++label) (void)model->label(label);
    std::uint64_t work = 0;
    for (const node& n : model->nodes()) work += layers::work(n.layer);
    if (work > 1000000) continue;
    auto net = network<reference>::prepare(*model);
    if (!net) continue;
    std::fill_n(net->input().data, net->input_type().elements(), 0.5f);
    (void)net->run();
  }
  CHECK(opened > 100);  // the mutations reach past the header
}

}  // namespace
