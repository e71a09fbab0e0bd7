// Opening damaged models. That good ones are read as they were written is in packed_model_writer_test.cpp.
#include "support/backends.hpp"
#include "support/files.hpp"
#include "support/unpacked_models.hpp"

#include "pack/packed_model_writer.hpp"

#include <mobilenet/model/crc32c.hpp>
#include <mobilenet/model/open.hpp>
#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/network.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace mobilenet;
using bytes = std::vector<std::byte>;

constexpr std::size_t table_at = sizeof(format::header);
constexpr std::size_t table_end = table_at + format::section_kinds * sizeof(format::section);
constexpr float infinity = std::numeric_limits<float>::infinity();

// Every kind of layer: 0 conv2d, 1 depthwise_conv2d, 2 pointwise_conv2d, 3 add, 4 global_average_pool, 5 dense,
// 6 activation, 7 softmax. A global_max_pool has no field that these lack.
bytes make_model() {
  std::mt19937 random(7);
  const auto numbers = [&](std::size_t count) {
    std::vector<float> v(count);
    for (float& x : v) x = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 1000.0f;
    return v;
  };
  tools::unpacked_model m;
  m.layers = {
      {layers::conv2d{{7, 6, 3}, 9, {3, 3, 2, {1, 0, 1, 1}}, layers::relu6}, numbers(243), numbers(9),
       "conv1\nconv1_relu", 1},
      {layers::depthwise_conv2d{{4, 3, 9}, {3, 3, 1, {1, 1, 1, 1}}, layers::relu6}, numbers(81), numbers(9), "dw"},
      {layers::pointwise_conv2d{{4, 3, 9}, 9, {}}, numbers(81), numbers(9), "pw"},
      {layers::add{{4, 3, 9}, {}, {-6.0f, 6.0f}}, {}, {}, "add"},
      {layers::global_average_pool{{4, 3, 9}}, {}, {}, "pool"},
      {layers::dense{{1, 1, 9}, 4, {}}, numbers(36), numbers(4), "preds"},
      {layers::activation{{1, 1, 4}, layers::function::elu, 0.5f}, {}, {}, "elu"},
      {layers::softmax{{1, 1, 4}}, {}, {}, "softmax"},
  };
  m = test::chained(std::move(m));
  m.layers[3].inputs = {3, 1};  // the pointwise convolution's output and the first one's
  m.class_offset = 1;
  m.labels = {"a", "bc", "def"};
  m.provenance = "a test";
  return tools::write_packed_model(m).value();
}

const bytes& good() {
  static const bytes file = make_model();
  return file;
}

template <class T>
T read(const bytes& file, std::size_t at) {
  T value;
  std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}
template <class T>
void write(bytes& file, std::size_t at, T value) {
  std::memcpy(file.data() + at, &value, sizeof value);
}

format::section section(const bytes& file, format::section_kind kind) {
  return read<format::section>(file, table_at + (static_cast<std::size_t>(kind) - 1) * sizeof(format::section));
}

// Makes the header's checksum right again: it must not be what keeps the library from crashing.
void reseal(bytes& file) {
  write(file, offsetof(format::header, checksum), std::uint32_t{0});
  const std::uint32_t checksum = detail::crc32c(std::span(file).first(table_end));
  write(file, offsetof(format::header, checksum), checksum);
}

void check_refused(const bytes& file, errc code, const std::string& message) {
  const auto model = packed_model::from_bytes(file);
  REQUIRE_FALSE_MESSAGE(model, message);
  CHECK(model.error().code == code);
  CHECK(model.error().message == message);
}

template <class T>
void check_header(std::size_t at, T value, errc code, const std::string& message) {
  bytes file = good();
  write(file, at, value);
  reseal(file);
  check_refused(file, code, message);
}

template <class T>
void check_section(std::size_t index, std::size_t field, T value, const std::string& message) {
  check_header(table_at + index * sizeof(format::section) + field, value, errc::corrupt_model, message);
}

// Changes a copy of node record `index` and expects `node[index]` + message.
void check_node(std::size_t index, const std::function<void(format::node&)>& change, const std::string& message) {
  bytes file = good();
  const std::size_t at = section(file, format::section_kind::nodes).offset + index * sizeof(format::node);
  auto record = read<format::node>(file, at);
  change(record);
  write(file, at, record);
  check_refused(file, errc::corrupt_model, "node[" + std::to_string(index) + "]" + message);
}

// Changes a copy of value record `index` and expects the message.
void check_value(std::size_t index, const std::function<void(format::value&)>& change, const std::string& message) {
  bytes file = good();
  const std::size_t at = section(file, format::section_kind::values).offset + index * sizeof(format::value);
  auto record = read<format::value>(file, at);
  change(record);
  write(file, at, record);
  check_refused(file, errc::corrupt_model, message);
}

void check_preprocessing(const std::function<void(format::preprocessing&)>& change, const std::string& message) {
  bytes file = good();
  const std::size_t at = section(file, format::section_kind::preprocessing).offset;
  auto record = read<format::preprocessing>(file, at);
  change(record);
  write(file, at, record);
  check_refused(file, errc::corrupt_model, message);
}

// Gives a section another length (its bytes stay) and expects the message.
void check_length(format::section_kind kind, std::uint64_t length, const std::string& message) {
  bytes file = good();
  const std::size_t entry = table_at + (static_cast<std::size_t>(kind) - 1) * sizeof(format::section);
  write(file, entry + offsetof(format::section, length), length);
  reseal(file);
  check_refused(file, errc::corrupt_model, message);
}

}  // namespace

TEST_CASE("the good model is good") {
  const auto model = model_from_bytes(good(), {.verify_checksums = true});
  REQUIRE_MESSAGE(model, model.error().message);
  CHECK(model->nodes().size() == 8);
}

TEST_CASE("each header field that is wrong has its message") {
  check_header(0, std::uint8_t{'M'}, errc::not_a_model,
               "not a packed model: the first bytes are not those of an .mnet file");
  check_header(7, std::uint8_t{0}, errc::not_a_model,
               "not a packed model: the first bytes are not those of an .mnet file");
  check_header(offsetof(format::header, byte_order_mark), std::uint32_t{0x04030201}, errc::unsupported_version,
               "byte order mark is 0x04030201, expected 0x01020304 (packed models are little endian, and so must this "
               "machine be)");
  check_header(offsetof(format::header, version), std::uint32_t{1}, errc::unsupported_version,
               "format version is 1, expected 2: convert the model again with this library's converter");
  const std::string length = std::to_string(good().size());
  check_header(offsetof(format::header, file_length), std::uint64_t{good().size() + 1}, errc::corrupt_model,
               "file length is " + length + ", expected " + std::to_string(good().size() + 1) +
                   " as the header says (truncated?)");
  check_header(offsetof(format::header, section_count), std::uint32_t{9}, errc::corrupt_model,
               "header.section_count is 9, expected 8");
  bytes file = good();
  write(file, offsetof(format::header, checksum), std::uint32_t{1});
  const auto model = packed_model::from_bytes(file);
  REQUIRE_FALSE(model);
  CHECK(model.error().code == errc::checksum_mismatch);
  CHECK(model.error().message.find("header: checksum is 0x") == 0);
}

TEST_CASE("each section entry that is wrong has its message") {
  const std::size_t offset = offsetof(format::section, offset);
  const std::size_t length = offsetof(format::section, length);
  const std::string size = std::to_string(good().size());
  constexpr auto most = std::numeric_limits<std::uint64_t>::max();
  check_section(0, offsetof(format::section, kind), std::uint32_t{2}, "section[0].kind is 2, expected 1");
  check_section(7, offsetof(format::section, kind), std::uint32_t{0}, "section[7].kind is 0, expected 8");
  check_section(2, offset, std::uint64_t{1}, "section[2].offset is 1, expected a multiple of 64");
  check_section(0, offset, std::uint64_t{256}, "section[0].offset is 256, expected at least 320");
  const auto second = section(good(), format::section_kind::nodes);
  check_section(2, offset, second.offset,
                "section[2].offset is " + std::to_string(second.offset) + ", expected at least " +
                    std::to_string(second.offset + second.length));
  const auto last = section(good(), format::section_kind::weights);
  check_section(7, length, std::uint64_t{last.length + 1},
                "section[7] ends past the file: offset " + std::to_string(last.offset) + ", length " +
                    std::to_string(last.length + 1) + ", file length " + size);
  check_section(7, length, most,
                "section[7] ends past the file: offset " + std::to_string(last.offset) + ", length " +
                    std::to_string(most) + ", file length " + size);
  check_section(7, offset, std::uint64_t{most - 63},
                "section[7] ends past the file: offset " + std::to_string(most - 63) + ", length " +
                    std::to_string(last.length) + ", file length " + size);
  check_section(0, length, most,
                "section[0] ends past the file: offset 320, length " + std::to_string(most) + ", file length " + size);
}

TEST_CASE("each section of a wrong length has its message") {
  using enum format::section_kind;
  check_length(values, 0, "section values length is 0, expected 2 to 4097 records of 32 bytes");
  check_length(values, 100, "section values length is 100, expected 2 to 4097 records of 32 bytes");
  check_length(values, 256, "section nodes length is 1024, expected 896 for 8 values");
  check_length(nodes, 128, "section nodes length is 128, expected 1024 for 9 values");
  check_length(layer_names, 4, "node[0].name ends past section layer_names");
  check_length(preprocessing, 32, "section preprocessing length is 32, expected 64");
  check_length(labels, 3, "section labels length is 3, expected at least 4");
  check_length(labels, 19, "section labels length is 19, expected at least 20");
  check_length(labels, 25, "labels.offset[3] is 26, expected 23 to 25");
  check_length(self_test, 12, "section self_test length is 12, expected 16");
  check_length(self_test, 0, "section self_test length is 0, expected 16");
  check_length(weights, 64, "node[0]: its kernel is larger than section weights");
}

TEST_CASE("each value field that is wrong has its message") {
  using value = format::value;
  for (std::size_t i = 0; i < 3; ++i) {
    check_value(
        0, [i](value& r) { r.dimensions[i] = 0; }, "value[0].dimensions: dimension is 0, expected 1 to 1048576");
    check_value(
        4, [i](value& r) { r.dimensions[i] = 0xffffffff; },
        "value[4].dimensions: dimension is 4294967295, expected 1 to 1048576");
  }
  check_value(
      2, [](value& r) { r.dimensions[0] = r.dimensions[1] = 1u << 20; },
      "value[2].dimensions: 1048576x1048576x9 is larger than 268435456 elements");
  check_value(
      2, [](value& r) { r.dimensions[0] = 4097, r.dimensions[1] = 4096, r.dimensions[2] = 1; },
      "value[2].dimensions: 4097x4096x1 is larger than 268435456 elements");
  check_value(
      1, [](value& r) { r.element = 1; }, "value[1].element is 1, expected 0");
  check_value(
      1, [](value& r) { r.scale = 2.0f; }, "value[1]: scale is 2.000000 and zero_point 0, expected 1 and 0 for floats");
  check_value(
      1, [](value& r) { r.scale = std::nanf(""); },
      "value[1]: scale is nan and zero_point 0, expected 1 and 0 for floats");
  check_value(
      1, [](value& r) { r.zero_point = -1; },
      "value[1]: scale is 1.000000 and zero_point -1, expected 1 and 0 for floats");

  check_value(
      1, [](value& r) { r.dimensions[0] = 5; }, "value[1] is 5x3x9, expected 4x3x9 as node[0] computes");
  check_value(
      2, [](value& r) { r.dimensions[2] = 10; }, "value[2] is 4x3x10, expected 4x3x9 as node[1] computes");
  check_value(
      5, [](value& r) { r.dimensions[0] = 2; }, "value[5] is 2x1x9, expected 1x1x9 as node[4] computes");
  check_value(
      0, [](value& r) { r.dimensions[2] = 4096; }, "node[0]: its kernel is larger than section weights");
  check_value(
      0, [](value& r) { r.dimensions[2] = 2; }, "node[0].kernel_length is 1728, expected 1152 bytes for its shape");
  check_value(
      0, [](value& r) { r.dimensions[0] = 20; }, "value[1] is 4x3x9, expected 10x3x9 as node[0] computes");
}

TEST_CASE("each node field that is wrong has its message") {
  using record = format::node;
  const auto kind = [](std::uint32_t k) { return [k](record& r) { r.kind = k; }; };
  check_node(7, kind(0), ".kind is 0, expected 1 to 9");
  check_node(7, kind(10), ".kind is 10, expected 1 to 9");
  check_node(4, kind(5), ": its input is 4x3x9, expected 1x1 positions");
  check_node(
      0, [](record& r) { r.weight_element = 2; }, ".weight_element is 2, expected 0 to 1");

  check_node(
      0, [](record& r) { r.inputs[0] = 1; },
      ".inputs[0] is 1, expected at most 0: a node reads what was computed before it");
  check_node(
      3, [](record& r) { r.inputs[1] = 4; },
      ".inputs[1] is 4, expected at most 3: a node reads what was computed before it");
  check_node(
      3, [](record& r) { r.inputs[1] = format::no_value; },
      ".inputs[1] is 4294967295, expected at most 3: a node reads what was computed before it");
  check_node(
      3, [](record& r) { r.inputs[1] = 0; }, ": its inputs are 4x3x9 and 7x6x3, expected equal shapes");
  check_node(
      5, [](record& r) { r.inputs[0] = 4; }, ": its input is 4x3x9, expected 1x1 positions");

  check_node(
      0, [](record& r) { r.kernel[0] = 0; }, ": kernel or stride is 0");
  check_node(
      0, [](record& r) { r.stride = 0; }, ": kernel or stride is 0");
  check_node(
      1, [](record& r) { r.kernel[1] = 1025; }, ": kernel, stride or padding is 1025, expected at most 1024");
  check_node(
      1, [](record& r) { r.stride = 0xffffffff; }, ": kernel, stride or padding is 4294967295, expected at most 1024");
  for (std::size_t i = 0; i < 4; ++i) {
    check_node(
        0, [i](record& r) { r.pad[i] = 3; }, ".pad: expected less than the kernel's size");
    check_node(
        0, [i](record& r) { r.pad[i] = 0xfffffff0; },
        ": kernel, stride or padding is 4294967280, expected at most 1024");
  }
  {
    bytes file = good();
    const std::size_t at = section(file, format::section_kind::nodes).offset;
    auto r = read<record>(file, at);
    r.kernel[0] = 20;
    write(file, at, r);
    check_refused(file, errc::corrupt_model, "value[1] is 4x3x9, expected 0x3x9 as node[0] computes");
  }

  check_node(
      0, [](record& r) { r.range[0] = 7; }, ".range: low is not at most high");
  check_node(
      0, [](record& r) { r.range[0] = std::nanf(""); }, ".range: low is not at most high");
  check_node(
      3, [](record& r) { r.range[1] = std::nanf(""); }, ".range: low is not at most high");
  check_node(
      6, [](record& r) { r.function = 13; }, ".function is 13, expected 0 to 12");
  check_node(
      6, [](record& r) { r.alpha = infinity; }, ".alpha is not finite");

  check_node(
      1, [](record& r) { r.name_offset = 0xffffffff; }, ".name ends past section layer_names");
  check_node(
      1, [](record& r) { r.name_length = 0xffffffff; }, ".name ends past section layer_names");

  const auto third = read<record>(good(), section(good(), format::section_kind::nodes).offset + 2 * sizeof(record));
  check_node(
      2, [](record& r) { r.kernel_offset += 4; },
      ".kernel_offset is " + std::to_string(third.kernel_offset + 4) + ", expected a multiple of 64");
  check_node(
      1, [](record& r) { r.kernel_length = 572; }, ".kernel_length is 572, expected 576 bytes for its shape");
  check_node(
      1, [](record& r) { r.bias_length = 0; }, ".bias_length is 0, expected 64 bytes for its shape");
  check_node(
      7, [](record& r) { r.kernel_length = 64; }, ".kernel_length is 64, expected 0 bytes for its shape");
  check_node(
      3, [](record& r) { r.bias_length = 64; }, ".bias_length is 64, expected 0 bytes for its shape");
  const std::string weights = std::to_string(section(good(), format::section_kind::weights).length);
  constexpr std::uint64_t far = 0xffffffffffffffc0;
  check_node(
      0, [](record& r) { r.kernel_offset = far; },
      ".kernel ends past section weights: offset " + std::to_string(far) + ", length 1728, section length " + weights);
  check_node(
      0, [](record& r) { r.bias_offset = 1u << 30; },
      ".bias ends past section weights: offset 1073741824, length 64, section length " + weights);
  check_node(
      0, [](record& r) { r.kernel_offset = 0x7fffffffffffffc0; },
      ".kernel ends past section weights: offset 9223372036854775744, length 1728, section length " + weights);
}

// Changes the types of all values, and the records of all nodes.
bytes with_sizes(
    const bytes& model, const std::function<void(format::value&)>& change_value,
    const std::function<void(format::node&)>& change_node = [](format::node&) {}) {
  bytes file = model;
  const auto values = section(file, format::section_kind::values);
  for (std::size_t at = values.offset; at < values.offset + values.length; at += sizeof(format::value)) {
    auto r = read<format::value>(file, at);
    change_value(r);
    write(file, at, r);
  }
  const auto nodes = section(file, format::section_kind::nodes);
  for (std::size_t at = nodes.offset; at < nodes.offset + nodes.length; at += sizeof(format::node)) {
    auto r = read<format::node>(file, at);
    change_node(r);
    write(file, at, r);
  }
  return file;
}

TEST_CASE("a kernel of 2^60 elements is refused before its bytes are counted") {
  tools::unpacked_model m;
  m.layers = {{layers::conv2d{{1, 1, 3}, 3, {1, 1, 1, {}}, {}}, std::vector<float>(9), std::vector<float>(3), "c"}};
  m.output = output_kind::features;
  const bytes file = with_sizes(
      tools::write_packed_model(test::chained(m)).value(), [](format::value& r) { r.dimensions[2] = 1u << 20; },
      [](format::node& r) {
        r.kernel[0] = r.kernel[1] = 1024;
        r.pad[0] = r.pad[1] = r.pad[2] = r.pad[3] = 1023;
        r.stride = 1024;
      });
  check_refused(file, errc::corrupt_model, "node[0]: its kernel is larger than section weights");
}

TEST_CASE("nodes that share their weights are refused: a back end that copies weights would copy them for each") {
  tools::unpacked_model m;
  for (int i = 0; i < 4; ++i)
    m.layers.push_back({layers::pointwise_conv2d{{1, 1, i == 0 ? 3u : 16u}, 16, {}},
                        std::vector<float>(i == 0 ? 48 : 256, 0.1f), std::vector<float>(16), "pw" + std::to_string(i)});
  m.output = output_kind::features;
  bytes file = tools::write_packed_model(test::chained(m)).value();
  const std::size_t nodes = section(file, format::section_kind::nodes).offset;
  const auto second = read<format::node>(file, nodes + sizeof(format::node));
  for (std::size_t i = 2; i < 4; ++i) {
    auto record = read<format::node>(file, nodes + i * sizeof(format::node));
    record.kernel_offset = second.kernel_offset, record.bias_offset = second.bias_offset;
    write(file, nodes + i * sizeof record, record);
  }
  const std::size_t entry = table_at + (format::section_kinds - 1) * sizeof(format::section);
  write(file, entry + offsetof(format::section, length), std::uint64_t{second.bias_offset + second.bias_length});
  reseal(file);
  check_refused(
      file, errc::corrupt_model,
      "node[2]: bytes of kernels and biases up to here is 2432, expected at most 1344 as section weights has");
}

TEST_CASE("a network that would keep the processor busy for long is refused") {
  tools::unpacked_model m;
  for (int i = 0; i < 8; ++i)
    m.layers.push_back({layers::depthwise_conv2d{{1, 1, 3}, {15, 15, 1, {7, 7, 7, 7}}, {}},
                        std::vector<float>(675, 0.1f), std::vector<float>(3), "dw" + std::to_string(i)});
  m.output = output_kind::features;
  // (15 * 15 + 1) * 3 * 4096^2 in each layer.
  check_refused(with_sizes(tools::write_packed_model(test::chained(m)).value(),
                           [](format::value& r) { r.dimensions[0] = r.dimensions[1] = 4096; }),
                errc::corrupt_model,
                "node[6]: multiply-adds and reads up to here is 79624667136, expected at most 68719476736");
}

// A chain of pointwise convolutions on 3 channels, and then additions that read all of their outputs.
bytes many_additions(std::size_t convolutions) {
  tools::unpacked_model m;
  for (std::size_t i = 0; i < convolutions; ++i)
    m.layers.push_back({layers::pointwise_conv2d{{1, 1, 3}, 3, {}}, std::vector<float>(9, 0.1f), std::vector<float>(3),
                        "pw" + std::to_string(i)});
  m = test::chained(std::move(m));
  auto sum = static_cast<value_id>(convolutions);
  for (auto v = sum - 1; v > 0; --v) {
    m.layers.push_back({layers::add{{1, 1, 3}}, {}, {}, "add" + std::to_string(v)});
    m.layers.back().inputs = {sum, v};
    sum = static_cast<value_id>(m.layers.size());
  }
  m.output = output_kind::features;
  return tools::write_packed_model(m).value();
}

TEST_CASE("values that exist for long are refused if together they are too large") {
  const bytes file = many_additions(60);
  CHECK(packed_model::from_bytes(file));
  check_refused(with_sizes(file, [](format::value& r) { r.dimensions[0] = r.dimensions[1] = 2048; }),
                errc::corrupt_model,
                "node[8]: elements of all values that exist there is 603979776, expected at most 536870912");
}

TEST_CASE("10,000 additions are refused") {
  bytes file = many_additions(2);
  const auto values = section(file, format::section_kind::values);
  const auto nodes = section(file, format::section_kind::nodes);
  const auto grow = [&](format::section_kind kind, std::uint64_t offset, std::uint64_t length) {
    const std::size_t entry = table_at + (static_cast<std::size_t>(kind) - 1) * sizeof(format::section);
    auto s = read<format::section>(file, entry);
    s.offset = offset, s.length = length;
    write(file, entry, s);
  };
  // Both tables move behind the end of the file, where there is room; then the other sections do.
  const bytes good_file = file;
  const std::uint64_t first = values.offset;
  bytes larger(first);
  std::copy(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(first), larger.begin());
  file = larger;
  const auto append = [&](format::section_kind kind, const bytes& content) {
    file.resize((file.size() + 63) / 64 * 64);
    grow(kind, file.size(), content.size());
    file.insert(file.end(), content.begin(), content.end());
  };
  const auto content = [&](format::section_kind kind) {
    const auto s = section(good_file, kind);
    return bytes(good_file.begin() + static_cast<std::ptrdiff_t>(s.offset),
                 good_file.begin() + static_cast<std::ptrdiff_t>(s.offset + s.length));
  };
  bytes all_values = content(format::section_kind::values), all_nodes = content(format::section_kind::nodes);
  for (int i = 0; i < 10'000; ++i) {
    all_values.insert(all_values.end(), good_file.begin() + static_cast<std::ptrdiff_t>(values.offset),
                      good_file.begin() + static_cast<std::ptrdiff_t>(values.offset + sizeof(format::value)));
    const auto last = static_cast<std::ptrdiff_t>(nodes.offset + nodes.length);
    all_nodes.insert(all_nodes.end(), good_file.begin() + last - static_cast<std::ptrdiff_t>(sizeof(format::node)),
                     good_file.begin() + last);
  }
  append(format::section_kind::values, all_values);
  append(format::section_kind::nodes, all_nodes);
  for (const auto kind :
       {format::section_kind::layer_names, format::section_kind::preprocessing, format::section_kind::labels,
        format::section_kind::provenance, format::section_kind::self_test, format::section_kind::weights})
    append(kind, content(kind));
  file.resize(file.size() + format::tail_padding);
  write(file, offsetof(format::header, file_length), std::uint64_t{file.size()});
  reseal(file);
  check_refused(file, errc::corrupt_model, "section values length is 320128, expected 2 to 4097 records of 32 bytes");
}

TEST_CASE("each preprocessing field that is wrong has its message") {
  using record = format::preprocessing;
  check_preprocessing([](record& r) { r.formula = 3; }, "preprocessing.formula is 3, expected 0 to 2");
  check_preprocessing([](record& r) { r.a = infinity; }, "preprocessing: a or b is not finite");
  check_preprocessing([](record& r) { r.b = std::nanf(""); }, "preprocessing: a or b is not finite");
  check_preprocessing([](record& r) { r.b = -0.0f; }, "preprocessing.b is 0, and pixels are divided by it");
  check_preprocessing([](record& r) { r.output = 3; }, "preprocessing.output is 3, expected 0 to 2");
  check_preprocessing(
      [](record& r) {
        r.formula = 2;
        r.a = 0.0f;
      },
      "preprocessing.a is 0, and pixels are divided by it");
  check_preprocessing([](record& r) { r.resize = 3; }, "preprocessing.resize is 3, expected 0 to 2");
  check_preprocessing([](record& r) { r.crop = 2; }, "preprocessing.crop is 2, expected 0 or 1");
  check_preprocessing([](record& r) { r.grey = 1; }, "preprocessing.grey is 1, expected 0 for three channels");
  check_preprocessing([](record& r) { r.output = 0; },
                      "preprocessing.class_offset is 1, expected 0 for a model without classes");
  check_preprocessing([](record& r) { r.class_offset = 2; },
                      "preprocessing.class_offset is 2, expected 0, or 1 before at least one class");
  check_preprocessing([](record& r) { r.class_offset = 0; }, "labels.count is 3, expected 4 classes");
}

TEST_CASE("labels that leave their section are refused") {
  const std::size_t at = section(good(), format::section_kind::labels).offset;
  const auto check = [&](std::size_t word, std::uint32_t value, const std::string& message) {
    bytes file = good();
    write(file, at + 4 * word, value);
    check_refused(file, errc::corrupt_model, message);
  };
  check(0, 4, "labels.count is 4, expected 3 classes");
  check(0, 0xffffffff, "labels.count is 4294967295, expected 3 classes");
  check(1, 19, "labels.offset[0] is 19, expected 20 to 26");
  check(2, 20 - 1, "labels.offset[1] is 19, expected 20 to 26");
  check(4, 27, "labels.offset[3] is 27, expected 23 to 26");
  check(4, 0xffffffff, "labels.offset[3] is 4294967295, expected 23 to 26");
}

TEST_CASE("a checksum is compared when it is asked for, and names its section") {
  for (std::size_t kind = 1; kind <= format::section_kinds; ++kind) {
    bytes file = good();
    const std::size_t entry = table_at + (kind - 1) * sizeof(format::section) + offsetof(format::section, checksum);
    write(file, entry, read<std::uint32_t>(file, entry) ^ 1u);
    reseal(file);
    CHECK(packed_model::from_bytes(file));
    const auto model = model_from_bytes(file, {.verify_checksums = true});
    REQUIRE_FALSE(model);
    CHECK(model.error().code == errc::checksum_mismatch);
    const std::string name(format::to_string(static_cast<format::section_kind>(kind)));
    CHECK(model.error().message.find("section " + name + ": checksum is 0x") == 0);
  }
}

TEST_CASE("a file cut at any length is refused, whatever its header says") {
  for (std::size_t length = 0; length < good().size(); ++length) {
    // Memory of exactly this length, so that AddressSanitizer sees a read past it.
    const bytes cut(good().begin(), good().begin() + static_cast<std::ptrdiff_t>(length));
    const auto model = packed_model::from_bytes(cut);
    REQUIRE_FALSE(model);
    CHECK(model.error().code == (length == 0 ? errc::not_a_model : errc::corrupt_model));
    if (length >= table_end) {
      bytes adjusted = cut;
      write(adjusted, offsetof(format::header, file_length), std::uint64_t{length});
      reseal(adjusted);
      CHECK_FALSE(packed_model::from_bytes(adjusted));
    }
  }
  check_refused({}, errc::not_a_model, "not a packed model: the first bytes are not those of an .mnet file");
  check_refused(bytes(good().begin(), good().begin() + 79), errc::corrupt_model,
                "file length is 79, expected at least 80 bytes");
}

TEST_CASE("bytes too long are refused") {
  bytes file = good();
  file.resize(file.size() + 1);
  check_refused(file, errc::corrupt_model,
                "file length is " + std::to_string(good().size() + 1) + ", expected " + std::to_string(good().size()) +
                    " as the header says (truncated?)");
}

TEST_CASE("misaligned bytes are refused, bytes aligned to 4 are enough") {
  std::vector<std::uint64_t> memory(good().size() / 8 + 4);
  auto* base = reinterpret_cast<std::byte*>(memory.data());
  for (std::size_t shift = 0; shift < 9; ++shift) {
    std::copy(good().begin(), good().end(), base + shift);
    const auto model = packed_model::from_bytes({base + shift, good().size()});
    CHECK(model.has_value() == (shift % 4 == 0));
    if (!model) {
      CHECK(model.error().code == errc::invalid_argument);
      CHECK(model.error().message == "model bytes are not aligned to 4");
    }
  }
}

TEST_CASE("errors of a file have its path in front") {
  const support::temporary_folder folder;
  support::write_file(folder / "m.mnet", "JPEG or so");
  const auto model = open_model(folder / "m.mnet");
  REQUIRE_FALSE(model);
  CHECK(model.error().code == errc::not_a_model);
  CHECK(model.error().message ==
        folder / "m.mnet" + ": not a packed model: the first bytes are not those of an .mnet file");
}

TEST_CASE("an opened model outlives its file's name, moves, and can be borrowed") {
  const support::temporary_folder folder;
  support::write_file(folder / "m.mnet", good());
  packed_model opened = open_model(folder / "m.mnet", {.verify_checksums = true}).value();
  support::write_file(folder / "other", good());
  REQUIRE(std::rename((folder / "other").c_str(), (folder / "m.mnet").c_str()) == 0);
  const std::string_view label = opened.label(1);
  const packed_model moved = std::move(opened);
  CHECK(label == "bc");
  const packed_model borrowed = moved.borrow();
  CHECK(borrowed.label(2) == "def");
  CHECK(borrowed.label(3).empty());
  CHECK(borrowed.label(0xffffffff).empty());
  CHECK(borrowed.nodes().size() == 8);
  CHECK(borrowed.bytes().data() == moved.bytes().data());
}

TEST_CASE("a model that was never opened has nothing in it") {
  const packed_model none;
  CHECK(none.nodes().empty());
  CHECK(none.label_count() == 0);
  CHECK(none.label(0).empty());
  CHECK(none.provenance().empty());
  CHECK(none.self_test_output().empty());
  CHECK(none.input_type() == tensor_type{});
  CHECK(none.output_type() == tensor_type{});
  CHECK(none.class_count() == 0);
  CHECK(none.verify_checksums());
}

// The deep checks on their own: one to three fields of the records are given telling values, the header stays
// right, and what opens nevertheless is run.
TEST_CASE_TEMPLATE("10,000 models with wrong records crash no back end", B, MOBILENET_TEST_BACKENDS) {
  std::mt19937 random(11);
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  constexpr std::uint32_t telling[] = {
      0,  1,   2,   3,    4,    5,          8,          9,          15,         16,         17,        32,
      64, 128, 576, 1023, 1024, 0x7fffffff, 0x80000000, 0xffffffff, 0x7f800000, 0xff800000, 0x7fc00000};
  const auto values_section = section(good(), format::section_kind::values);
  const auto nodes_section = section(good(), format::section_kind::nodes);
  const auto preprocessing_section = section(good(), format::section_kind::preprocessing);
  std::size_t ran = 0;
  for (int round = 0; round < 10'000; ++round) {
    bytes file = good();
    for (std::size_t change = 1 + below(3); change > 0; --change) {
      const std::size_t place = below(8);
      const auto& where = place == 0 ? preprocessing_section : place < 3 ? values_section : nodes_section;
      const std::size_t word = where.offset + below(where.length / 4) * 4;
      const std::uint32_t old = read<std::uint32_t>(file, word);
      const std::uint32_t values[] = {
          telling[below(std::size(telling))], old + 1, old - 1, old * 2,
          read<std::uint32_t>(file, nodes_section.offset + below(nodes_section.length / 4) * 4)};
      write(file, word, values[below(std::size(values))]);
    }
    if (below(4) == 0) {  // weights may hold anything, NaN and infinity too
      const auto weights = section(file, format::section_kind::weights);
      write(file, weights.offset + below(weights.length / 4) * 4, telling[below(std::size(telling))]);
    }
    const auto model = packed_model::from_bytes(file);
    if (!model) continue;
    std::uint64_t work = 0;
    for (const node& n : model->nodes()) work += layers::work(n.layer) + layers::output_type(n.layer).elements();
    if (work > 10'000'000) continue;
    auto net = network<B>::prepare(*model);
    if (!net) continue;
    const tensor_view<float> input = net->input();
    for (std::uint32_t i = 0; i < input.dimensions.elements(); ++i) input.data[i] = format::self_test_input(i);
    const auto output = net->run();
    CHECK(output.size() == model->output_type().elements());
    ++ran;
  }
  CHECK(ran > 500);
}
