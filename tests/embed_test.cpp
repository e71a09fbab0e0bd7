// `mobilenet embed`: the activation of a layer, as JSON and as a NumPy array.
#include "support/files.hpp"
#include "support/program.hpp"
#include "support/synthetic_model.hpp"
#include "support/tiny_images.hpp"

#include "cli/built_in_backends.hpp"
#include "cli/convert.hpp"
#include "tfjs/json_value.hpp"

#include <mobilenet/backends/reference.hpp>
#include <mobilenet/classifier.hpp>
#include <mobilenet/image/decode_image.hpp>
#if MOBILENET_WITH_DECODE_TURBOJPEG
#include <mobilenet/image/decode_turbojpeg.hpp>
#endif

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace mobilenet;

// A packed model of two blocks, and a picture.
struct workplace {
  support::temporary_folder folder;
  std::string model = folder / "model.mnet";
  std::string picture = folder / "a.png";

  workplace() {
    test::synthetic_options o;
    o.resolution = 32;
    o.blocks = 2;
    o.classes = 3;
    test::make_synthetic_model(o).write_to(folder.path());
    tools::convert_command options;
    options.input = folder.path();
    options.output = model;
    REQUIRE(tools::convert(options));
    support::write_file(picture, std::as_bytes(std::span(tiny_images::png_deflated)));
  }

  support::finished_program embed(std::vector<std::string> arguments, const support::program_input& input = {}) const {
    arguments.insert(arguments.begin(), {MOBILENET_PROGRAM, "embed", model});
    return support::run_program(arguments, input);
  }

  std::vector<float> expected(std::string_view layer, const image& pixels) const {
    const packed_model whole = open_model(model).value();
    auto c = classifier<reference>::share(whole, {.value = whole.activation_of(layer).value()}).value();
    const auto output = c.run(pixels).value();
    return {output.begin(), output.end()};
  }
  std::vector<float> expected(std::string_view layer) const {
    return expected(layer, decode_image(support::read_file(picture)).value());
  }
};

bool close_to(std::span<const float> found, const std::vector<float>& expected) {
  return found.size() == expected.size() && std::equal(found.begin(), found.end(), expected.begin(),
                                                       [](float a, float b) { return std::abs(a - b) <= 1e-4f; });
}

struct parsed_line {
  std::string layer;
  std::vector<std::uint32_t> shape;
  std::vector<float> embedding;
};

parsed_line parse(const std::string& line) {
  const auto document = tools::json_document::parse(line).value();
  const auto root = document.root();
  parsed_line parsed;
  parsed.layer = root["layer"].string().value();
  for (std::size_t i = 0; i < root["shape"].size(); ++i)
    parsed.shape.push_back(root["shape"][i].positive_integer().value());
  for (std::size_t i = 0; i < root["embedding"].size(); ++i)
    parsed.embedding.push_back(static_cast<float>(root["embedding"][i].number().value()));
  return parsed;
}

TEST_CASE("without a layer's name the pooled features are given") {
  const workplace w;
  const auto done = w.embed({w.picture});
  CHECK(done.status == 0);
  CHECK(done.err.empty());
  const parsed_line line = parse(done.out);
  CHECK(line.layer == "dropout");
  CHECK(line.shape == std::vector<std::uint32_t>{32});
  CHECK(close_to(line.embedding, w.expected("global_average_pooling2d_1")));
}

TEST_CASE("any layer by its tfjs name, on every back end") {
  const workplace w;
  for (const char* name : {"conv1_relu", "conv_dw_2_relu", "conv_pw_1_relu", "conv_preds", "act_softmax"}) {
    CAPTURE(name);
    for (const std::string& backend : tools::backend_names()) {
      const auto done = w.embed({w.picture, "--layer", name, "--json", "--backend", backend});
      CHECK(done.status == 0);
      CHECK(close_to(parse(done.out).embedding, w.expected(name)));
    }
  }
  CHECK(parse(w.embed({w.picture, "--layer", "conv_pw_1_relu"}).out).shape == std::vector<std::uint32_t>{16, 16, 16});
}

TEST_CASE("layers that have no activation, or are not there") {
  const workplace w;
  auto done = w.embed({w.picture, "--layer", "conv1_bn"});
  CHECK(done.status == 1);
  CHECK(done.err == "mobilenet: " + w.model +
                        ": layer 'conv1_bn' has no activation of its own: it was folded into the one that ends with "
                        "'conv1_relu'\n");
  done = w.embed({w.picture, "--layer", "conv9"});
  CHECK(done.status == 1);
  CHECK(done.err ==
        "mobilenet: " + w.model + ": the model has no layer 'conv9' (mobilenet inspect MODEL --layers lists all)\n");
}

TEST_CASE("a NumPy array has a row for each picture, NaN for one that cannot be read") {
  const workplace w;
  support::write_file(w.folder / "bad.jpg", std::string_view("this is no picture"));
  const std::string array = w.folder / "features.npy";
  const auto done = w.embed({w.picture, w.folder / "bad.jpg", w.picture, "--npy"}, {.stdout_to = array});
  CHECK(done.status == 1);
  CHECK(done.err.find("bad.jpg: ") != std::string::npos);
  const auto bytes = support::read_file(array);
  REQUIRE(bytes.size() == 128 + 3 * 32 * 4);
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()), 128);
  CHECK(header.substr(0, 10) == std::string_view("\x93NUMPY\x01\x00\x76\x00", 10));
  CHECK(header.substr(10).starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 32), }"));
  CHECK(header.ends_with('\n'));
  std::vector<float> values(96);
  std::memcpy(values.data(), bytes.data() + 128, values.size() * sizeof(float));
  const auto expected = w.expected("dropout");
  CHECK(close_to(std::span(values).first(32), expected));
  CHECK(std::isnan(values[32]));
  CHECK(close_to(std::span(values).last(32), expected));
}

TEST_CASE("the NumPy array of a layer that has positions has a dimension for each of theirs") {
  const workplace w;
  const std::string array = w.folder / "features.npy";
  CHECK(w.embed({w.picture, "--layer", "conv_pw_1_relu", "--npy"}, {.stdout_to = array}).status == 0);
  const auto bytes = support::read_file(array);
  REQUIRE(bytes.size() == 128 + 16 * 16 * 16 * 4);
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()), 128);
  CHECK(header.substr(10).starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 16, 16, 16), }"));
  std::vector<float> values(16 * 16 * 16);
  std::memcpy(values.data(), bytes.data() + 128, values.size() * sizeof(float));
  CHECK(close_to(values, w.expected("conv_pw_1_relu")));
}

TEST_CASE("--exif-orientation rotates a photo first") {
  const workplace w;
  const std::string photo = MOBILENET_SOURCE_DIR "/tests/fuzz/corpus/decode_image/jpeg_exif";
  const auto bytes = support::read_file(photo);
#if MOBILENET_WITH_DECODE_TURBOJPEG
  const auto decode = mobilenet::decode_turbojpeg;
#else
  const auto decode = mobilenet::decode_image;
#endif
  const auto upright = w.expected("conv1_relu", decode(bytes, {.apply_exif_orientation = true}).value());
  const auto stored = w.expected("conv1_relu", decode(bytes, {}).value());
  REQUIRE_FALSE(close_to(upright, stored));
  CHECK(close_to(parse(w.embed({photo, "--layer", "conv1_relu"}).out).embedding, stored));
  CHECK(close_to(parse(w.embed({photo, "--layer", "conv1_relu", "--exif-orientation"}).out).embedding, upright));
}

TEST_CASE("a picture that cannot be read has an error on its line") {
  const workplace w;
  support::write_file(w.folder / "text.jpg", std::string_view("this is no picture"));
  CHECK(w.embed({w.folder / "text.jpg"}).err == "mobilenet: " + (w.folder / "text.jpg") +
                                                    ": unsupported format: it begins with 74 68 69 73 20 69 73 20, "
                                                    "expected JPEG, PNG or BMP\n");
  const auto done = w.embed({w.folder / "none.png", w.picture});
  CHECK(done.status == 1);
  CHECK(done.out.find(R"("error":)") != std::string::npos);
  CHECK(std::count(done.out.begin(), done.out.end(), '\n') == 2);
}

TEST_CASE("--json and --npy exclude each other") {
  const workplace w;
  CHECK(w.embed({w.picture, "--json", "--npy"}).status == 2);
}

}  // namespace
