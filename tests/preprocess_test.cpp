#include "support/files.hpp"
#include "support/sha256.hpp"

#include <mobilenet/preprocess.hpp>

#include <doctest/doctest.h>

#if !defined(__wasm__)  // a row of 4 GiB has no place there
#include <sys/mman.h>
#define MOBILENET_TEST_MMAP 1
#endif

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "tfjs/json_value.hpp"

#if MOBILENET_WITH_DECODE
#include <mobilenet/image/decode_image.hpp>

#include <rapidjson/document.h>
#endif

namespace {

using mobilenet::errc;
using mobilenet::image_view;
using mobilenet::packed_view;
using mobilenet::pixel_format;
using mobilenet::preprocessing;
using mobilenet::preprocessor;
using mobilenet::shape;
using mobilenet::tensor;

constexpr preprocessing layers_profile{};
constexpr preprocessing graph_profile = preprocessing::to_range(0.0f, 1.0f);

tensor preprocessed(const preprocessing& profile, const image_view& image, std::uint32_t height, std::uint32_t width,
                    std::uint32_t channels = 3) {
  auto out = tensor::create({height, width, channels});
  REQUIRE(out);
  preprocessor run(profile);
  const auto done = run(image, out->view());
  REQUIRE_MESSAGE(done, done.error().message);
  return *std::move(out);
}

std::span<const std::byte> bytes_of(const tensor& t) {
  return std::as_bytes(std::span(t.data(), t.dimensions().elements()));
}

// std::ranges::equal, which the C++ library for WebAssembly lacks.
bool equal_bytes(std::span<const std::byte> a, std::span<const std::byte> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

// What TensorFlow.js does, in its order and words, every intermediate value through memory.
std::vector<float> as_tfjs(const preprocessing& profile, const std::uint8_t* rgb, std::uint32_t old_height,
                           std::uint32_t old_width, std::uint32_t new_height, std::uint32_t new_width) {
  const auto scaled = [&](std::uint32_t y, std::uint32_t x, std::uint32_t c) {
    const volatile float sample = rgb[(std::size_t{y} * old_width + x) * 3 + c];
    volatile float value =
        profile.scaling == preprocessing::formula::multiply_add ? sample * profile.a : sample - profile.a;
    value = profile.scaling == preprocessing::formula::multiply_add ? value + profile.b : value / profile.b;
    return static_cast<double>(value);
  };
  const auto lerp = [](double from, double to, double fraction) {
    const volatile double difference = to - from;
    const volatile double part = difference * fraction;
    return from + part;
  };
  const auto ratio = [](std::uint32_t in, std::uint32_t out) {
    return out > 1 ? (in - 1.0) / (out - 1.0) : double{1.0 * in};
  };
  std::vector<float> out;
  for (std::uint32_t r = 0; r < new_height; ++r) {
    const volatile double row = ratio(old_height, new_height) * r;
    const auto row_floor = static_cast<std::uint32_t>(std::max(0.0, std::floor(double{row})));
    const double row_fraction = row - row_floor;
    const std::uint32_t row_ceil = std::min(old_height - 1, static_cast<std::uint32_t>(std::ceil(row)));
    for (std::uint32_t x = 0; x < new_width; ++x) {
      const volatile double column = ratio(old_width, new_width) * x;
      const auto column_floor = static_cast<std::uint32_t>(std::max(0.0, std::floor(double{column})));
      const double column_fraction = column - column_floor;
      const std::uint32_t column_ceil = std::min(old_width - 1, static_cast<std::uint32_t>(std::ceil(column)));
      for (std::uint32_t c = 0; c < 3; ++c) {
        const double top = lerp(scaled(row_floor, column_floor, c), scaled(row_floor, column_ceil, c), column_fraction);
        const double bottom =
            lerp(scaled(row_ceil, column_floor, c), scaled(row_ceil, column_ceil, c), column_fraction);
        out.push_back(static_cast<float>(lerp(top, bottom, row_fraction)));
      }
    }
  }
  return out;
}

std::vector<std::uint8_t> random_pixels(std::size_t count, std::uint_fast32_t seed) {
  std::mt19937 random(seed);
  std::vector<std::uint8_t> pixels(count);
  for (auto& p : pixels) p = static_cast<std::uint8_t>(random());
  return pixels;
}

}  // namespace

#if MOBILENET_WITH_DECODE
TEST_CASE("photos enter the network bit for bit as in TensorFlow.js") {
  const std::string data = support::test_data();
  if (data.empty()) return;
  const std::string folder = data + "/reference/preprocess/";
  const auto text = support::read_file(folder + "sha256.json");
  rapidjson::Document digests;
  digests.Parse(reinterpret_cast<const char*>(text.data()), text.size());
  REQUIRE(digests.IsObject());
  CHECK(digests.MemberCount() >= 9);
  for (auto member = digests.MemberBegin(); member < digests.MemberEnd(); ++member) {
    const std::string name = member->name.GetString();  // "panda.layers.224"
    CAPTURE(name);
    const std::string photo = name.substr(0, name.find('.'));
    const auto size = static_cast<std::uint32_t>(std::stoul(name.substr(name.rfind('.') + 1)));
    const bool graph = name.find(".graph01.") != std::string::npos;
    const auto image = mobilenet::decode_image(support::read_file(data + "/images/pixels/" + photo + ".png"));
    REQUIRE(image);
    const tensor input = preprocessed(graph ? graph_profile : layers_profile, *image, size, size);
    CHECK(support::sha256(bytes_of(input)) == std::string(member->value["sha256"].GetString()));
  }
  for (const char* profile : {"layers", "graph01"}) {
    const auto whole = support::read_file(folder + "panda." + profile + ".224.f32");
    const auto image = mobilenet::decode_image(support::read_file(data + "/images/pixels/panda.png"));
    REQUIRE(image);
    const tensor input = preprocessed(profile[0] == 'g' ? graph_profile : layers_profile, *image, 224, 224);
    REQUIRE(bytes_of(input).size() == whole.size());
    CHECK(std::memcmp(input.data(), whole.data(), whole.size()) == 0);
  }
}
#endif

TEST_CASE("any size becomes any size bit for bit by the formula of TensorFlow.js") {
  std::mt19937 random(2);
  const preprocessing profiles[] = {layers_profile, graph_profile, preprocessing::to_range(-1.0f, 1.0f),
                                    preprocessing::to_range(-0.3f, 7.7f)};
  for (int round = 0; round < 300; ++round) {
    const auto side = [&] { return static_cast<std::uint32_t>(round < 100 ? 1 + random() % 4 : 1 + random() % 60); };
    const std::uint32_t old_height = side();
    const std::uint32_t old_width = side();
    const std::uint32_t new_height = round % 10 == 0 ? old_height : side();
    const std::uint32_t new_width = round % 5 == 0 ? old_width : side();
    const auto pixels = random_pixels(std::size_t{old_height} * old_width * 3, random());
    const auto& profile = profiles[round % 4];
    const auto expected = as_tfjs(profile, pixels.data(), old_height, old_width, new_height, new_width);
    const tensor found =
        preprocessed(profile, packed_view(pixels.data(), old_width, old_height), new_height, new_width);
    REQUIRE(found.dimensions().elements() == expected.size());
    CAPTURE(old_height);
    CAPTURE(old_width);
    CAPTURE(new_height);
    CAPTURE(new_width);
    REQUIRE(std::memcmp(found.data(), expected.data(), expected.size() * sizeof(float)) == 0);
  }
}

TEST_CASE("every rule gives bit for bit what TensorFlow.js gives") {
  const auto text = support::read_file(MOBILENET_SOURCE_DIR "/tests/reference/preprocessing.json");
  const auto document =
      mobilenet::tools::json_document::parse({reinterpret_cast<const char*>(text.data()), text.size()}).value();
  using p = preprocessing;
  const std::map<std::string, p> scalings{
      {"mobilenet layers", {}},
      {"mobilenet graph", p::to_range(-1.0f, 1.0f)},
      {"nsfwjs", {.scaling = p::formula::divide_add, .a = 255.0f, .b = 0.0f}},
      {"teachable machine", {.scaling = p::formula::divide_add, .a = 127.0f, .b = -1.0f}},
  };
  const std::map<std::string, p::resize_method> resizes{{"bilinear_aligned", p::resize_method::bilinear_aligned},
                                                        {"bilinear_half_pixel", p::resize_method::bilinear_half_pixel},
                                                        {"nearest", p::resize_method::nearest}};
  const std::map<std::string, p::grey_rule> greys{
      {"colour", {}}, {"red", p::grey_rule::red}, {"luma", p::grey_rule::luma}, {"mean", p::grey_rule::mean}};
  const mobilenet::tools::json_value answers = document.root();
  REQUIRE(answers.size() == scalings.size() * resizes.size() * greys.size() * 5);
  for (std::size_t i = 0; i < answers.size(); ++i) {
    const mobilenet::tools::json_value answer = answers[i];
    const auto word = [&](const char* field) { return std::string(answer[field].string().value()); };
    const auto side = [&](const char* field, std::size_t n) { return answer[field][n].positive_integer().value(); };
    CAPTURE(i);
    std::vector<std::uint8_t> pixels(side("from", 0) * side("from", 1) * 3);
    for (std::uint32_t s = 0; s < pixels.size(); ++s)
      pixels[s] = static_cast<std::uint8_t>(((s + 1) * 2654435761u) >> 24);
    p profile = scalings.at(word("scaling"));
    profile.resize = resizes.at(word("resize"));
    profile.grey = greys.at(word("grey"));
    const tensor input = preprocessed(profile, packed_view(pixels.data(), side("from", 1), side("from", 0)),
                                      side("to", 0), side("to", 1), word("grey") == "colour" ? 3 : 1);
    CHECK(support::sha256(bytes_of(input)) == word("sha256"));
  }
}

TEST_CASE("a centre square leaves out as much at both ends, an odd pixel at the end") {
  const auto pixels = random_pixels(7 * 4 * 3, 9);
  const std::size_t row = 7 * 3;
  preprocessing square;
  square.crop = preprocessing::crop_rule::centre_square;
  const image_view wide{pixels.data(), 7, 4, row, pixel_format::rgb};
  const image_view middle{pixels.data() + 3, 4, 4, row, pixel_format::rgb};
  CHECK(equal_bytes(bytes_of(preprocessed(square, wide, 5, 3)), bytes_of(preprocessed({}, middle, 5, 3))));
  const image_view tall{pixels.data(), 3, 4, row, pixel_format::rgb};
  const image_view upper{pixels.data(), 3, 3, row, pixel_format::rgb};
  CHECK(equal_bytes(bytes_of(preprocessed(square, tall, 5, 3)), bytes_of(preprocessed({}, upper, 5, 3))));
}

TEST_CASE("the two profiles scale every sample as TensorFlow.js does") {
  CHECK(layers_profile.apply(0) == -1.0f);
  CHECK(layers_profile.apply(255) == 1.0f);
  CHECK(graph_profile.apply(0) == 0.0f);
  CHECK(graph_profile.apply(255) == 1.0f);
  CHECK(graph_profile.a == 1.0f / 255.0f);
  const preprocessing symmetric = preprocessing::to_range(-1.0f, 1.0f);
  for (int x = 0; x < 256; ++x) {
    const volatile float product = static_cast<float>(x) * symmetric.a;
    const volatile float sum = product - 1.0f;
    CHECK(std::bit_cast<std::uint32_t>(symmetric.apply(static_cast<float>(x))) ==
          std::bit_cast<std::uint32_t>(float{sum}));
    CHECK(layers_profile.apply(static_cast<float>(x)) == (static_cast<float>(x) - 127.5f) / 127.5f);
  }
}

TEST_CASE("every pixel format and stride gives the same tensor") {
  constexpr std::uint32_t width = 7;
  constexpr std::uint32_t height = 5;
  const auto rgb = random_pixels(width * height * 3, 3);
  const tensor expected = preprocessed(layers_profile, packed_view(rgb.data(), width, height), 9, 4);
  for (const pixel_format format : {pixel_format::rgb, pixel_format::bgr, pixel_format::rgba, pixel_format::bgra})
    for (const std::size_t gap : {0u, 1u, 13u}) {
      const std::uint32_t pixel = bytes_per_pixel(format);
      const bool swapped = format == pixel_format::bgr || format == pixel_format::bgra;
      const std::size_t stride = width * pixel + gap;
      std::vector<std::uint8_t> host =
          random_pixels(stride * (height - 1) + width * pixel, 4);  // no gap after the last row
      for (std::uint32_t y = 0; y < height; ++y)
        for (std::uint32_t x = 0; x < width; ++x)
          for (std::uint32_t c = 0; c < 3; ++c)
            host[y * stride + x * pixel + (swapped ? 2 - c : c)] = rgb[(y * width + x) * 3 + c];
      const tensor found = preprocessed(layers_profile, {host.data(), width, height, stride, format}, 9, 4);
      CHECK(equal_bytes(bytes_of(found), bytes_of(expected)));
    }
}

TEST_CASE("grey counts as red, green and blue alike") {
  const auto grey = random_pixels(6 * 4, 5);
  std::vector<std::uint8_t> rgb;
  for (const std::uint8_t g : grey) rgb.insert(rgb.end(), 3, g);
  const tensor expected = preprocessed(graph_profile, packed_view(rgb.data(), 6, 4), 3, 8);
  const tensor found = preprocessed(graph_profile, packed_view(grey.data(), 6, 4, pixel_format::grey), 3, 8);
  CHECK(equal_bytes(bytes_of(found), bytes_of(expected)));
}

TEST_CASE("one preprocessor serves images of changing sizes and formats") {
  const auto pixels = random_pixels(40 * 40 * 4, 6);
  preprocessor reused(layers_profile);
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const auto width = static_cast<std::uint32_t>(1 + random() % 4);
    const auto height = static_cast<std::uint32_t>(1 + random() % 4);
    const auto format = static_cast<pixel_format>(random() % 5);
    const shape size{static_cast<std::uint32_t>(1 + random() % 3), static_cast<std::uint32_t>(1 + random() % 3), 3};
    const image_view image = packed_view(pixels.data(), width, height, format);
    auto out = tensor::create(size);
    REQUIRE(out);
    REQUIRE(reused(image, out->view()));
    const tensor expected = preprocessed(layers_profile, image, size.height, size.width);
    REQUIRE(equal_bytes(bytes_of(*out), bytes_of(expected)));
  }
}

TEST_CASE("a view that cannot be read is refused") {
  const auto pixels = random_pixels(12, 8);
  auto out = tensor::create({2, 2, 3});
  REQUIRE(out);
  preprocessor run;
  const auto refused = [&](const image_view& image, mobilenet::tensor_view<float> to, errc code,
                           const std::string& message) {
    const auto done = run(image, to);
    REQUIRE_FALSE(done);
    CHECK(done.error().code == code);
    CHECK(done.error().message == message);
  };
  refused({pixels.data(), 0, 2, 6}, out->view(), errc::invalid_argument,
          "image: found 0x2 pixels, expected at least 1x1");
  refused({pixels.data(), 2, 0, 6}, out->view(), errc::invalid_argument,
          "image: found 2x0 pixels, expected at least 1x1");
  refused({nullptr, 2, 2, 6}, out->view(), errc::invalid_argument, "image: data is null, expected 2x2 pixels");
  refused({pixels.data(), 2, 2, 5}, out->view(), errc::invalid_argument,
          "image: stride is 5 bytes, expected at least 6 for a row of 2 pixels");
  refused({pixels.data(), 2, 2, 6, static_cast<pixel_format>(77)}, out->view(), errc::invalid_argument,
          "image: pixel format is 77, expected 0 to 4");
  refused(packed_view(pixels.data(), 2, 2), {out->data(), {2, 2, 4}}, errc::shape_mismatch,
          "preprocess: output is 2x2x4, expected 3 channels or 1");
  refused(packed_view(pixels.data(), 2, 2), {out->data(), {0, 2, 3}}, errc::shape_mismatch,
          "preprocess: output is 0x2x3, expected 3 channels or 1");
  refused(packed_view(pixels.data(), 2, 2), {nullptr, {2, 2, 3}}, errc::invalid_argument,
          "preprocess: output data is null");
}

#if MOBILENET_TEST_MMAP
TEST_CASE("a row of more than 4 GiB is read at the right places") {
  // Every row is the same memory, and of the wide row only the first and last pixel are looked at.
  constexpr std::uint32_t width = (1u << 30) + 2;
  const std::size_t row = std::size_t{width} * 4;
  auto* memory = static_cast<std::uint8_t*>(
      ::mmap(nullptr, row, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  if (memory == MAP_FAILED) {
    MESSAGE("skipped: no address space");
    return;
  }
  memory[0] = 255;
  memory[row - 4] = 255;
  const tensor found = preprocessed(layers_profile, {memory, width, 1, row, pixel_format::rgba}, 1, 2);
  CHECK(found.data()[0] == 1.0f);
  CHECK(found.data()[3] == 1.0f);
  CHECK(found.data()[4] == -1.0f);
  ::munmap(memory, row);
}
#endif
