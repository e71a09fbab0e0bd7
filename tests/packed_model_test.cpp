// Opening damaged models. That good ones are read as they were written is in packed_model_writer_test.cpp.
#include "support/backends.hpp"
#include "support/files.hpp"

#include "pack/packed_model_writer.hpp"

#include <mobilenet/model/crc32c.hpp>
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

// Every kind of layer: 0 conv2d, 1 depthwise_conv2d, 2 pointwise_conv2d, 3 global_average_pool, 4 dense, 5 softmax.
bytes make_model() {
  std::mt19937 random(7);
  const auto numbers = [&](std::size_t count) {
    std::vector<float> v(count);
    for (float& x : v) x = static_cast<float>(static_cast<int>(random() % 2001) - 1000) / 1000.0f;
    return v;
  };
  tools::model_source m;
  m.layers = {
      {layers::conv2d{{7, 6, 3}, 9, 3, 3, 2, {1, 0, 1, 1}, layers::relu6}, numbers(243), numbers(9),
       "conv1\nconv1_relu", 1},
      {layers::depthwise_conv2d{{4, 3, 9}, 3, 3, 1, {1, 1, 1, 1}, layers::relu6}, numbers(81), numbers(9), "dw", 0},
      {layers::pointwise_conv2d{{4, 3, 9}, 17, {}}, numbers(153), numbers(17), "pw", 0},
      {layers::global_average_pool{{4, 3, 17}}, {}, {}, "pool", 0},
      {layers::dense{{1, 1, 17}, 4, {}}, numbers(68), numbers(4), "preds", 0},
      {layers::softmax{{1, 1, 4}}, {}, {}, "softmax", 0},
  };
  m.first_class = 1;
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

// Changes a copy of layer record `index` and expects `layer[index]` + message.
void check_layer(std::size_t index, const std::function<void(format::layer&)>& change, const std::string& message) {
  bytes file = good();
  const std::size_t at = section(file, format::section_kind::network).offset + index * sizeof(format::layer);
  auto record = read<format::layer>(file, at);
  change(record);
  write(file, at, record);
  check_refused(file, errc::corrupt_model, "layer[" + std::to_string(index) + "]" + message);
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
  const auto model = packed_model::from_bytes(good(), {.verify_checksums = true});
  REQUIRE_MESSAGE(model, model.error().message);
  CHECK(model->layers().size() == 6);
}

TEST_CASE("each header field that is wrong has its message") {
  check_header(0, std::uint8_t{'M'}, errc::not_a_model,
               "not a packed model: the first bytes are not those of an .mnet file");
  check_header(7, std::uint8_t{0}, errc::not_a_model,
               "not a packed model: the first bytes are not those of an .mnet file");
  check_header(offsetof(format::header, byte_order_mark), std::uint32_t{0x04030201}, errc::unsupported_version,
               "byte order mark is 0x04030201, expected 0x01020304 (packed models are little endian, and so must this "
               "machine be)");
  check_header(offsetof(format::header, version), std::uint32_t{2}, errc::unsupported_version,
               "format version is 2, expected 1: convert the model again with this library's converter");
  const std::string length = std::to_string(good().size());
  check_header(offsetof(format::header, file_length), std::uint64_t{good().size() + 1}, errc::corrupt_model,
               "file length is " + length + ", expected " + std::to_string(good().size() + 1) +
                   " as the header says (truncated?)");
  check_header(offsetof(format::header, section_count), std::uint32_t{8}, errc::corrupt_model,
               "header.section_count is 8, expected 7");
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
  check_section(6, offsetof(format::section, kind), std::uint32_t{0}, "section[6].kind is 0, expected 7");
  check_section(2, offset, std::uint64_t{1}, "section[2].offset is 1, expected a multiple of 64");
  check_section(0, offset, std::uint64_t{256}, "section[0].offset is 256, expected at least 288");
  const auto second = section(good(), format::section_kind::layer_names);
  check_section(2, offset, second.offset,
                "section[2].offset is " + std::to_string(second.offset) + ", expected at least " +
                    std::to_string(second.offset + second.length));
  const auto last = section(good(), format::section_kind::weights);
  check_section(6, length, std::uint64_t{last.length + 1},
                "section[6] ends past the file: offset " + std::to_string(last.offset) + ", length " +
                    std::to_string(last.length + 1) + ", file length " + size);
  check_section(6, length, most,
                "section[6] ends past the file: offset " + std::to_string(last.offset) + ", length " +
                    std::to_string(most) + ", file length " + size);
  check_section(6, offset, std::uint64_t{most - 63},
                "section[6] ends past the file: offset " + std::to_string(most - 63) + ", length " +
                    std::to_string(last.length) + ", file length " + size);
  check_section(0, length, most,
                "section[0] ends past the file: offset 320, length " + std::to_string(most) + ", file length " + size);
}

TEST_CASE("each section of a wrong length has its message") {
  using enum format::section_kind;
  check_length(network, 0, "section network length is 0, expected 1 to 4096 records of 128 bytes");
  check_length(network, 100, "section network length is 100, expected 1 to 4096 records of 128 bytes");
  check_length(layer_names, 4, "layer[0].name ends past section layer_names");
  check_length(preprocessing, 32, "section preprocessing length is 32, expected 64");
  check_length(labels, 3, "section labels length is 3, expected at least 4");
  check_length(labels, 19, "section labels length is 19, expected at least 20");
  check_length(labels, 25, "labels.offset[3] is 26, expected 23 to 25");
  check_length(self_test, 12, "section self_test length is 12, expected 16");
  check_length(self_test, 0, "section self_test length is 0, expected 16");
  check_length(weights, 64, "layer[0]: its kernel is larger than section weights");
}

TEST_CASE("each layer field that is wrong has its message") {
  using layer = format::layer;
  const auto kind = [](std::uint32_t k) { return [k](layer& r) { r.kind = static_cast<format::layer_kind>(k); }; };
  check_layer(5, kind(0), ".kind is 0, expected 1 to 7");
  check_layer(5, kind(8), ".kind is 8, expected 1 to 7");
  check_layer(
      0, [](layer& r) { r.weight_type = 2; }, ".weight_type is 2, expected 0 or 1");

  for (std::size_t i = 0; i < 3; ++i) {
    check_layer(
        0, [i](layer& r) { r.in[i] = 0; }, ": dimension is 0, expected 1 to 1048576");
    check_layer(
        0, [i](layer& r) { r.out[i] = 0xffffffff; }, ": dimension is 4294967295, expected 1 to 1048576");
  }
  check_layer(
      2, [](layer& r) { r.in[0] = r.in[1] = 1u << 20; },
      ": activations of 1048576x1048576x9 and 4x3x17 are larger than 268435456 elements");
  check_layer(
      2, [](layer& r) { r.in[0] = 4097, r.in[1] = 4096, r.in[2] = 1; },
      ": activations of 4097x4096x1 and 4x3x17 are larger than 268435456 elements");
  check_layer(
      2, [](layer& r) { r.in[2] = 8; }, ".kernel_length is 1152, expected 1024 bytes for its shape");
  check_layer(
      2, [](layer& r) { r.in[2] = 4096; }, ": its kernel is larger than section weights");
  check_layer(
      0, [](layer& r) { r.out[0] = 5; }, ".out is 5x3x9, expected 4x3x9 for its input");
  check_layer(
      1, [](layer& r) { r.out[2] = 10; }, ".out is 4x3x10, expected 4x3x9 for its input");
  check_layer(
      3, [](layer& r) { r.out[0] = 2; }, ".out is 2x1x17, expected 1x1x17 for its input");
  check_layer(
      3, [](layer& r) { r.in[1] = 2; }, ".in is 4x2x17, expected 4x3x17 as the layer before gives");
  check_layer(
      4, [](layer& r) { r.in[0] = 2; }, ".in is 2x1x17, expected 1x1 positions");
  check_layer(
      5, [](layer& r) { r.in[1] = 2; }, ".in is 1x2x4, expected 1x1 positions");

  check_layer(
      0, [](layer& r) { r.kernel[0] = 0; }, ": kernel or stride is 0");
  check_layer(
      0, [](layer& r) { r.stride = 0; }, ": kernel or stride is 0");
  check_layer(
      1, [](layer& r) { r.kernel[1] = 1025; }, ": kernel, stride or padding is 1025, expected at most 1024");
  check_layer(
      1, [](layer& r) { r.stride = 0xffffffff; }, ": kernel, stride or padding is 4294967295, expected at most 1024");
  for (std::size_t i = 0; i < 4; ++i) {
    check_layer(
        0, [i](layer& r) { r.pad[i] = 3; }, ".pad: expected less than the kernel's size");
    check_layer(
        0, [i](layer& r) { r.pad[i] = 0xfffffff0; },
        ": kernel, stride or padding is 4294967280, expected at most 1024");
  }
  check_layer(
      0, [](layer& r) { r.kernel[0] = 20; }, ".out is 4x3x9, expected 0x3x9 for its input");

  check_layer(
      0, [](layer& r) { r.clamp[0] = 7; }, ".clamp: low is not at most high");
  check_layer(
      0, [](layer& r) { r.clamp[0] = std::nanf(""); }, ".clamp: low is not at most high");
  check_layer(
      2, [](layer& r) { r.clamp[1] = std::nanf(""); }, ".clamp: low is not at most high");

  check_layer(
      1, [](layer& r) { r.name_offset = 0xffffffff; }, ".name ends past section layer_names");
  check_layer(
      1, [](layer& r) { r.name_length = 0xffffffff; }, ".name ends past section layer_names");

  check_layer(
      2, [](layer& r) { r.kernel_offset += 4; },
      ".kernel_offset is " +
          std::to_string(read<layer>(good(), section(good(), format::section_kind::network).offset + 2 * sizeof(layer))
                             .kernel_offset +
                         4) +
          ", expected a multiple of 64");
  check_layer(
      1, [](layer& r) { r.kernel_length = 572; }, ".kernel_length is 572, expected 576 bytes for its shape");
  check_layer(
      1, [](layer& r) { r.bias_length = 0; }, ".bias_length is 0, expected 64 bytes for its shape");
  check_layer(
      5, [](layer& r) { r.kernel_length = 64; }, ".kernel_length is 64, expected 0 bytes for its shape");
  const std::string weights = std::to_string(section(good(), format::section_kind::weights).length);
  constexpr std::uint64_t far = 0xffffffffffffffc0;
  check_layer(
      0, [](layer& r) { r.kernel_offset = far; },
      ".kernel ends past section weights: offset " + std::to_string(far) + ", length 1728, section length " + weights);
  check_layer(
      0, [](layer& r) { r.bias_offset = 1u << 30; },
      ".bias ends past section weights: offset 1073741824, length 64, section length " + weights);
  check_layer(
      0, [](layer& r) { r.kernel_offset = 0x7fffffffffffffc0; },
      ".kernel ends past section weights: offset 9223372036854775744, length 1728, section length " + weights);
}

TEST_CASE("a kernel of 2^60 elements is refused before its bytes are counted") {
  check_layer(
      0,
      [](format::layer& r) {
        r.in[0] = r.in[1] = 1, r.in[2] = 1u << 20;
        r.kernel[0] = r.kernel[1] = 1024;
        r.pad[0] = r.pad[1] = r.pad[2] = r.pad[3] = 1023;
        r.stride = 1024;
        r.out[0] = r.out[1] = 1, r.out[2] = 1u << 20;
      },
      ": its kernel is larger than section weights");
}

TEST_CASE("layers that share their weights are refused: a back end that copies weights would copy them for each") {
  tools::model_source m;
  for (int i = 0; i < 4; ++i)
    m.layers.push_back({layers::pointwise_conv2d{{1, 1, i == 0 ? 3u : 16u}, 16, {}},
                        std::vector<float>(i == 0 ? 48 : 256, 0.1f), std::vector<float>(16), "pw" + std::to_string(i),
                        0});
  m.output = output_kind::features;
  bytes file = tools::write_packed_model(m).value();
  const std::size_t network = section(file, format::section_kind::network).offset;
  const auto second = read<format::layer>(file, network + sizeof(format::layer));
  for (std::size_t i = 2; i < 4; ++i) {
    auto record = read<format::layer>(file, network + i * sizeof(format::layer));
    record.kernel_offset = second.kernel_offset, record.bias_offset = second.bias_offset;
    write(file, network + i * sizeof record, record);
  }
  const std::size_t entry = table_at + (format::section_kinds - 1) * sizeof(format::section);
  write(file, entry + offsetof(format::section, length), std::uint64_t{second.bias_offset + second.bias_length});
  reseal(file);
  check_refused(
      file, errc::corrupt_model,
      "layer[2]: bytes of kernels and biases up to here is 2432, expected at most 1344 as section weights has");
}

TEST_CASE("a network that would keep the processor busy for long is refused") {
  tools::model_source m;
  for (int i = 0; i < 8; ++i)
    m.layers.push_back({layers::depthwise_conv2d{{1, 1, 3}, 15, 15, 1, {7, 7, 7, 7}, {}}, std::vector<float>(675, 0.1f),
                        std::vector<float>(3), "dw" + std::to_string(i), 0});
  m.output = output_kind::features;
  bytes file = tools::write_packed_model(m).value();
  const std::size_t at = section(file, format::section_kind::network).offset;
  for (std::size_t i = 0; i < 8; ++i) {
    auto record = read<format::layer>(file, at + i * sizeof(format::layer));
    record.in[0] = record.in[1] = record.out[0] = record.out[1] = 4096;
    write(file, at + i * sizeof record, record);
  }
  // (15 * 15 + 1) * 3 * 4096^2 in each layer.
  check_refused(file, errc::corrupt_model,
                "layer[6]: multiply-adds and reads up to here is 79624667136, expected at most 68719476736");
}

TEST_CASE("each preprocessing field that is wrong has its message") {
  using record = format::preprocessing;
  check_preprocessing([](record& r) { r.formula = 2; }, "preprocessing.formula is 2, expected 0 or 1");
  check_preprocessing([](record& r) { r.a = infinity; }, "preprocessing: a or b is not finite");
  check_preprocessing([](record& r) { r.b = std::nanf(""); }, "preprocessing: a or b is not finite");
  check_preprocessing([](record& r) { r.b = -0.0f; }, "preprocessing.b is 0, and pixels are divided by it");
  check_preprocessing([](record& r) { r.output = 2; }, "preprocessing.output is 2, expected 0 or 1");
  check_preprocessing([](record& r) { r.output = 0; },
                      "preprocessing.first_class is 1, expected 0 for a model without classes");
  check_preprocessing([](record& r) { r.first_class = 2; },
                      "preprocessing.first_class is 2, expected 0, or 1 before at least one class");
  check_preprocessing([](record& r) { r.first_class = 0; }, "labels.count is 3, expected 4 classes");
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
    const auto model = packed_model::from_bytes(file, {.verify_checksums = true});
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
  const auto model = packed_model::open(folder / "m.mnet");
  REQUIRE_FALSE(model);
  CHECK(model.error().code == errc::not_a_model);
  CHECK(model.error().message ==
        folder / "m.mnet" + ": not a packed model: the first bytes are not those of an .mnet file");
}

TEST_CASE("an opened model outlives its file's name, moves, and can be borrowed") {
  const support::temporary_folder folder;
  support::write_file(folder / "m.mnet", good());
  packed_model opened = packed_model::open(folder / "m.mnet", {.verify_checksums = true}).value();
  support::write_file(folder / "other", good());
  REQUIRE(std::rename((folder / "other").c_str(), (folder / "m.mnet").c_str()) == 0);
  const std::string_view label = opened.label(1);
  const packed_model moved = std::move(opened);
  CHECK(label == "bc");
  const packed_model borrowed = moved.borrow();
  CHECK(borrowed.label(2) == "def");
  CHECK(borrowed.label(3).empty());
  CHECK(borrowed.label(0xffffffff).empty());
  CHECK(borrowed.layers().size() == 6);
  CHECK(borrowed.bytes().data() == moved.bytes().data());
}

TEST_CASE("a model that was never opened has nothing in it") {
  const packed_model none;
  CHECK(none.layers().empty());
  CHECK(none.label_count() == 0);
  CHECK(none.label(0).empty());
  CHECK(none.provenance().empty());
  CHECK(none.self_test_output().empty());
  CHECK(none.input_shape() == shape{});
  CHECK(none.output_shape() == shape{});
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
  const auto network_section = section(good(), format::section_kind::network);
  const auto preprocessing_section = section(good(), format::section_kind::preprocessing);
  std::size_t ran = 0;
  for (int round = 0; round < 10'000; ++round) {
    bytes file = good();
    for (std::size_t change = 1 + below(3); change > 0; --change) {
      const bool in_network = below(8) != 0;
      const auto& where = in_network ? network_section : preprocessing_section;
      const std::size_t word = where.offset + below(where.length / 4) * 4;
      const std::uint32_t old = read<std::uint32_t>(file, word);
      const std::uint32_t values[] = {
          telling[below(std::size(telling))], old + 1, old - 1, old * 2,
          read<std::uint32_t>(file, network_section.offset + below(network_section.length / 4) * 4)};
      write(file, word, values[below(std::size(values))]);
    }
    if (below(4) == 0) {  // weights may hold anything, NaN and infinity too
      const auto weights = section(file, format::section_kind::weights);
      write(file, weights.offset + below(weights.length / 4) * 4, telling[below(std::size(telling))]);
    }
    const auto model = packed_model::from_bytes(file);
    if (!model) continue;
    std::uint64_t work = 0;
    for (const packed_layer& layer : model->layers())
      work +=
          std::visit([](const auto& p) { return p.multiply_adds() + p.in.elements() + p.output_shape().elements(); },
                     layer.params);
    if (work > 10'000'000) continue;
    auto net = network<B>::prepare(*model);
    if (!net) continue;
    const tensor_view input = net->input();
    for (std::uint32_t i = 0; i < input.dimensions.elements(); ++i) input.data[i] = format::self_test_input(i);
    const auto output = net->run();
    CHECK(output.size() == model->output_shape().elements());
    ++ran;
  }
  CHECK(ran > 500);
}
