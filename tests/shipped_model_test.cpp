// The model that ships: its samples, and the accuracy that its card states, over all 10,000 test images.
#include "support/backends.hpp"
#include "support/files.hpp"

#include <mobilenet/classifier.hpp>
#include <mobilenet/convert.hpp>
#include <mobilenet/image/decode_image.hpp>

#include <doctest/doctest.h>

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
using namespace mobilenet;

// The fastest back end of this build: ten thousand images.
#if MOBILENET_WITH_SIMD
using fast_backend = simd;
#elif MOBILENET_WITH_EIGEN
using fast_backend = eigen;
#else
using fast_backend = reference;
#endif

const fs::path folder = fs::path(MOBILENET_SOURCE_DIR) / "models" / "fashion_mnist_0.25_64";
constexpr const char* dataset = "/usr/share/datasets/fashion-mnist/";

const std::vector<std::byte>& model_bytes() {
  static const std::vector<std::byte> bytes = convert_model(folder.string()).value().bytes;
  return bytes;
}

// "T-shirt/top" as file names are written: "t_shirt_top".
std::string file_name(std::string_view label) {
  std::string name;
  for (const char c : label) {
    const auto letter = static_cast<unsigned char>(c);
    name += std::isalnum(letter) != 0 ? static_cast<char>(std::tolower(letter)) : '_';
  }
  return name;
}

// The bytes after the header of an IDX file, which Debian ships compressed.
std::vector<std::uint8_t> read_idx(const std::string& name, std::size_t header) {
  std::FILE* pipe = ::popen(("gzip -dc " + (dataset + name)).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::vector<std::uint8_t> bytes;
  std::uint8_t buffer[65536];
  for (std::size_t n; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    bytes.insert(bytes.end(), buffer, buffer + n);
  REQUIRE(::pclose(pipe) == 0);
  REQUIRE(bytes.size() > header);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(header));
  return bytes;
}

TEST_CASE_TEMPLATE("each sample image is what its name says", B, MOBILENET_TEST_BACKENDS) {
  auto c = classifier<B>::from_bytes(model_bytes()).value();
  std::size_t samples = 0;
  for (const auto& entry : fs::directory_iterator(folder / "samples")) {
    INFO(entry.path().filename().string());
    const auto image = decode_image(support::read_file(entry.path().string())).value();
    const auto best = c.classify(image, 1).value();
    CHECK(file_name(best[0].class_name).starts_with(entry.path().stem().string()));
    CHECK(best[0].probability > 0.5f);
    ++samples;
  }
  CHECK(samples == c.model().class_count());
}

TEST_CASE("the model's test accuracy is the one that its card states") {
  const auto card_bytes = support::read_file((folder / "README.md").string());
  const std::string card(reinterpret_cast<const char*>(card_bytes.data()), card_bytes.size());
  const std::size_t line = card.find("Test accuracy: ");
  REQUIRE(line != std::string::npos);
  int percent = 0;
  int hundredths = 0;
  int stated = 0;
  REQUIRE(std::sscanf(card.c_str() + line, "Test accuracy: %d.%d %% (%d of 10000)", &percent, &hundredths, &stated) ==
          3);
  CHECK(percent * 100 + hundredths == stated);
  CHECK(stated >= 9200);

  if (!fs::exists(dataset)) {
    MESSAGE("skipped: the package dataset-fashion-mnist is not installed");
    return;
  }
  const auto pixels = read_idx("t10k-images-idx3-ubyte.gz", 16);
  const auto labels = read_idx("t10k-labels-idx1-ubyte.gz", 8);
  constexpr std::uint32_t side = 28;
  REQUIRE(labels.size() == 10000);
  REQUIRE(pixels.size() == labels.size() * side * side);
  auto c = classifier<fast_backend>::from_bytes(model_bytes()).value();
  int right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto image = packed_view(pixels.data() + i * side * side, side, side, pixel_format::grey);
    right += c.classify(image, 1).value()[0].class_index == labels[i] ? 1 : 0;
  }
  CHECK(right == stated);
}

}  // namespace
