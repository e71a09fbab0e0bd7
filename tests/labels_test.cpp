#include "support/unpacked_models.hpp"

#include "pack/packed_model_writer.hpp"

#include <mobilenet/labels.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace {

using mobilenet::top_k;
constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

// A model of one softmax that gives `outputs` numbers; its classes are named c0, c1, ...
class classes_model {
 public:
  explicit classes_model(std::uint32_t outputs, std::uint32_t class_offset = 0, bool named = true) {
    mobilenet::tools::unpacked_model source;
    source.layers.push_back({mobilenet::layers::global_average_pool{{1, 1, 3}}, {}, {}, "pool", 0});
    source.layers.push_back({mobilenet::layers::dense{{1, 1, 3}, outputs, {}}, std::vector<float>(3 * outputs),
                             std::vector<float>(outputs), "preds", 0});
    source.class_offset = class_offset;
    for (std::uint32_t i = 0; named && i < outputs - class_offset; ++i)
      source.labels.push_back("c" + std::to_string(i));
    bytes_ = mobilenet::tools::write_packed_model(mobilenet::test::chained(source)).value();
    model_ = mobilenet::packed_model::from_bytes(bytes_).value();
  }
  const mobilenet::packed_model& get() const { return model_; }

 private:
  std::vector<std::byte> bytes_;
  mobilenet::packed_model model_;
};

std::vector<std::uint32_t> indices(const std::vector<mobilenet::prediction>& best) {
  std::vector<std::uint32_t> found;
  for (const auto& p : best) found.push_back(p.class_index);
  return found;
}

using list = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("the most probable first, with name and probability") {
  const classes_model model(4);
  const std::vector<float> output{0.1f, 0.4f, 0.2f, 0.3f};
  const auto best = top_k(model.get(), output, 3);
  CHECK(indices(best) == list{1, 3, 2});
  CHECK(best[0].class_name == "c1");
  CHECK(best[0].probability == 0.4f);
}

TEST_CASE("equal probabilities keep the lower index first, also at the edge") {
  const classes_model model(6);
  CHECK(indices(top_k(model.get(), std::vector<float>{1, 1, 1, 1, 1, 1}, 3)) == list{0, 1, 2});
  CHECK(indices(top_k(model.get(), std::vector<float>{0, 2, 1, 2, 1, 1}, 4)) == list{1, 3, 2, 4});
  CHECK(indices(top_k(model.get(), std::vector<float>{0, -0.0f, 0, 0, 0, 0}, 2)) == list{0, 1});
}

TEST_CASE("more than there is, and none at all") {
  const classes_model model(3);
  const std::vector<float> output{0.1f, 0.7f, 0.2f};
  CHECK(indices(top_k(model.get(), output, 3)) == list{1, 2, 0});
  CHECK(indices(top_k(model.get(), output, 99)) == list{1, 2, 0});
  CHECK(indices(top_k(model.get(), output, std::numeric_limits<std::size_t>::max())) == list{1, 2, 0});
  CHECK(top_k(model.get(), output, 0).empty());
}

TEST_CASE("NaN ranks last, wherever it stands") {
  const classes_model model(4);
  CHECK(indices(top_k(model.get(), std::vector<float>{not_a_number, 0.5f, not_a_number, 0.4f}, 4)) == list{1, 3, 0, 2});
  CHECK(indices(top_k(model.get(), std::vector<float>{not_a_number, 0.5f, not_a_number, 0.4f}, 2)) == list{1, 3});
  CHECK(indices(top_k(model.get(), std::vector<float>{not_a_number, not_a_number, not_a_number, not_a_number}, 2)) ==
        list{0, 1});
  CHECK(indices(top_k(model.get(),
                      std::vector<float>{not_a_number, -std::numeric_limits<float>::infinity(), 0, not_a_number}, 3)) ==
        list{2, 1, 0});
}

TEST_CASE("the background is not ranked, and classes count from the one after it") {
  const classes_model model(4, 1);
  CHECK(model.get().class_count() == 3);
  const auto best = top_k(model.get(), std::vector<float>{0.9f, 0.02f, 0.01f, 0.07f}, 5);
  CHECK(indices(best) == list{2, 0, 1});
  CHECK(best[0].class_name == "c2");
}

TEST_CASE("a model without labels gives no names") {
  const classes_model model(3, 0, false);
  CHECK(model.get().label_count() == 0);
  const auto best = top_k(model.get(), std::vector<float>{3, 2, 1}, 1);
  CHECK(best[0].class_name.empty());
}

TEST_CASE("fewer outputs than the model has are ranked as far as they go") {
  const classes_model model(4, 1);
  CHECK(top_k(model.get(), {}, 3).empty());
  CHECK(top_k(model.get(), std::vector<float>{0.5f}, 3).empty());
  CHECK(indices(top_k(model.get(), std::vector<float>{0.5f, 0.1f, 0.2f}, 3)) == list{1, 0});
}
