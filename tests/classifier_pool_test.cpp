// Many images at a time: the answers of one at a time, in order, on every back end.
#include "support/backends.hpp"
#include "support/mobilenet_v1.hpp"

#include <mobilenet/classifier_pool.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace mobilenet;

constexpr std::uint32_t width = 40, height = 30;

// Images that differ, as pixels.
std::vector<std::vector<std::uint8_t>> pictures(std::size_t count) {
  std::vector<std::vector<std::uint8_t>> all(count, std::vector<std::uint8_t>(width * height * 3));
  for (std::size_t p = 0; p < count; ++p)
    for (std::size_t i = 0; i < all[p].size(); ++i) all[p][i] = static_cast<std::uint8_t>((i * (p + 7) + p * 13) % 251);
  return all;
}
std::vector<image_view> views(const std::vector<std::vector<std::uint8_t>>& pixels) {
  std::vector<image_view> all;
  for (const auto& p : pixels) all.push_back(packed_view(p.data(), width, height));
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("a pool's answers are those of one classifier, bit for bit", B, MOBILENET_TEST_BACKENDS) {
  const auto bytes = tools::write_packed_model(test::mobilenet_v1(0.25, 32, 20)).value();
  const auto pixels = pictures(11);
  const auto images = views(pixels);
  auto single = classifier<B>::from_bytes(bytes).value();
  for (const unsigned classifiers : {1u, 2u, 4u}) {
    auto pool = classifier_pool<B>::from_bytes(bytes, {.open = {}, .classifiers = classifiers, .run = {}}).value();
    CHECK(pool.classifiers() == classifiers);
    const auto answers = pool.classify(images, 5);
    REQUIRE(answers.size() == images.size());
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto expected = single.classify(images[i], 5).value();
      REQUIRE(answers[i]);
      REQUIRE(answers[i]->size() == expected.size());
      for (std::size_t j = 0; j < expected.size(); ++j) {
        CHECK((*answers[i])[j].class_index == expected[j].class_index);
        CHECK((*answers[i])[j].probability == expected[j].probability);
      }
    }
  }
}

TEST_CASE("an image that cannot be classified has its own error, the others their answers") {
  const auto bytes = tools::write_packed_model(test::mobilenet_v1(0.25, 32, 10)).value();
  const auto pixels = pictures(3);
  auto images = views(pixels);
  images[1] = {};
  auto pool = classifier_pool<reference>::from_bytes(bytes, {.open = {}, .classifiers = 2, .run = {}}).value();
  const auto answers = pool.classify(images);
  CHECK(answers[0]);
  REQUIRE(!answers[1]);
  CHECK(answers[1].error().code == errc::invalid_argument);
  CHECK(answers[2]);
  CHECK(pool.classify({}).empty());
}

TEST_CASE("no two calls with one classifier overlap, also after the pool was moved") {
  const auto bytes = tools::write_packed_model(test::mobilenet_v1(0.25, 32, 10)).value();
  auto made = classifier_pool<reference>::from_bytes(bytes, {.open = {}, .classifiers = 3, .run = {}}).value();
  auto pool = std::move(made);
  std::mutex mutex;
  std::set<const void*> busy;
  bool overlap = false;
  std::vector<int> calls(300);
  pool.for_each(calls.size(), [&](std::size_t i, classifier<reference>& one) {
    {
      const std::lock_guard lock(mutex);
      overlap |= !busy.insert(&one).second;
    }
    std::this_thread::yield();
    ++calls[i];
    const std::lock_guard lock(mutex);
    busy.erase(&one);
  });
  CHECK_FALSE(overlap);
  CHECK(calls == std::vector<int>(calls.size(), 1));
}

TEST_CASE("what cannot be had is an error") {
  const auto missing = classifier_pool<reference>::open("no such file.mnet");
  REQUIRE(!missing);
  CHECK(missing.error().message == "no such file.mnet: cannot open: No such file or directory");
  const auto bytes = tools::write_packed_model(test::mobilenet_v1(0.25, 32, 10)).value();
  const auto model = packed_model::from_bytes(bytes).value();
  const auto too_many = classifier_pool<reference>::share(model, {.open = {}, .classifiers = 5000, .run = {}});
  REQUIRE(!too_many);
  CHECK(too_many.error().message == "thread pool: threads is 5000, expected at most 1024");
  CHECK(classifier_pool<reference>::share(model).value().classifiers() == usable_processors());
}
