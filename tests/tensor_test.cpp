#include <mobilenet/tensor.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <utility>

using mobilenet::buffer;
using mobilenet::shape;
using mobilenet::tensor;

TEST_CASE("a tensor is aligned to 64 bytes, and 16 bytes past its end can be read") {
  for (std::uint32_t channels = 0; channels < 40; ++channels) {
    auto t = tensor::create({3, 2, channels});
    REQUIRE(t);
    CHECK(reinterpret_cast<std::uintptr_t>(t->data()) % 64 == 0);
    CHECK(t->dimensions() == shape{3, 2, channels});
    const std::size_t elements = t->dimensions().elements();
    for (std::size_t i = 0; i < elements; ++i) t->data()[i] = 1.0f;
    for (std::size_t i = 0; i < buffer::tail_padding; ++i)
      CHECK(reinterpret_cast<const unsigned char*>(t->data() + elements)[i] == 0);
  }
}

TEST_CASE("a tensor whose size cannot be counted is refused") {
  for (const shape huge : {shape{0xffffffff, 0xffffffff, 1}, shape{1u << 31, 1u << 31, 4},
                           shape{1u << 21, 1u << 21, 1u << 20}, shape{1u << 30, 1u << 30, 3}}) {
    const auto t = tensor::create(huge);
    REQUIRE_FALSE(t);
    CHECK(t.error().code == mobilenet::errc::out_of_memory);
    CHECK(t.error().message == "tensor " + to_string(huge) + ": out of memory");
  }
}

TEST_CASE("a tensor moves, a view of it stays") {
  tensor a = tensor::create({1, 1, 4}).value();
  const mobilenet::tensor_view<float> view = a.view();
  view.data[2] = 7.0f;
  const tensor b = std::move(a);
  CHECK(b.data() == view.data);
  CHECK(b.view().data[2] == 7.0f);
  const mobilenet::tensor_view<const float> read_only = view;
  CHECK(read_only.dimensions == view.dimensions);
  CHECK(tensor().data() == nullptr);
}

TEST_CASE("a shape as text") { CHECK(to_string(shape{224, 112, 3}) == "224x112x3"); }
