#include <mobilenet/plan.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace {

using namespace mobilenet;

constexpr shape map_shape{4, 4, 16};

node of_layer(const layers::any_layer& layer, value_id first, value_id second) {
  node made;
  made.layer = layer;
  made.inputs = {first, second};
  return made;
}
node chained(value_id in) {
  return of_layer(layers::pointwise_conv2d{.in = map_shape, .out_channels = 16, .activation = {}, .out = {}}, in,
                  no_value);
}
node sum(value_id a, value_id b) { return of_layer(layers::add{.in = map_shape}, a, b); }

// A back end of one layout that fuses nothing.
struct simple_rules {
  static constexpr bool has_own_layout = false;
  static layout reads(const layers::any_layer&) { return layout::nhwc; }
  static layout writes(const layers::any_layer&) { return layout::nhwc; }
  static std::uint64_t bytes(const tensor_type& type, layout) { return type.volume() * 4; }
  static std::size_t fused(std::span<const node>, std::size_t, std::span<const std::uint32_t>) { return 0; }
};
// Blocks for everything but additions, which are left to NHWC.
struct blocked_rules : simple_rules {
  static constexpr bool has_own_layout = true;
  static layout reads(const layers::any_layer& any) {
    return std::holds_alternative<layers::add>(any) ? layout::nhwc : layout::native;
  }
  static layout writes(const layers::any_layer& any) { return reads(any); }
};
// Pairs of which the second is the only reader of the first.
struct pairing_rules : simple_rules {
  static std::size_t fused(std::span<const node> nodes, std::size_t first, std::span<const std::uint32_t> readers) {
    return feeds_only_next(nodes, readers, first) ? 2 : 0;
  }
};

constexpr std::uint64_t value_bytes = 4 * 4 * 16 * 4;

execution_plan planned(const std::vector<node>& nodes, std::vector<value_id> wanted = {}) {
  if (wanted.empty()) wanted = {static_cast<value_id>(nodes.size())};
  return plan(nodes, tensor_type{map_shape, {}}, wanted, simple_rules{});
}

/// Executes a plan on names instead of numbers: memory holds which value, in which layout, was written where.
template <class Rules>
void check(const std::vector<node>& nodes, const std::vector<value_id>& wanted, const Rules& rules) {
  const execution_plan made = plan(nodes, tensor_type{map_shape, {}}, wanted, rules);
  struct written {
    std::uint64_t offset, bytes;
    value_id value;
    layout form;
  };
  std::vector<written> memory;
  const auto holds = [&](const plan_buffer& b) {
    if (b.value == network_input && b.form == layout::nhwc) return true;  // outside the arena
    return std::any_of(memory.begin(), memory.end(), [&](const written& w) {
      return w.offset == b.offset && w.value == b.value && w.form == b.form;
    });
  };
  const auto write = [&](const plan_buffer& b) {
    CHECK(b.offset % 64 == 0);
    CHECK(b.offset + b.bytes <= made.arena_bytes);
    std::erase_if(memory,
                  [&](const written& w) { return w.offset < b.offset + b.bytes && b.offset < w.offset + w.bytes; });
    memory.push_back({b.offset, b.bytes, b.value, b.form});
  };
  for (std::size_t s = 0; s <= made.steps.size(); ++s) {
    for (const auto& w : made.wanted)
      if (w.steps <= s) CHECK(holds(made.buffers[w.buffer]));
    if (s == made.steps.size()) break;
    const plan_step& step = made.steps[s];
    for (const std::size_t in : step.inputs) CHECK(holds(made.buffers[in]));
    if (step.what == plan_step::kind::nodes) {
      const node& last = nodes[step.first + step.count - 1];
      CHECK(made.buffers[step.output].value == step.first + step.count);
      CHECK(made.buffers[step.output].form == (rules.has_own_layout ? rules.writes(last.layer) : layout::nhwc));
    } else {
      CHECK(made.buffers[step.output].value == made.buffers[step.inputs[0]].value);
      CHECK(made.buffers[step.output].form != made.buffers[step.inputs[0]].form);
    }
    write(made.buffers[step.output]);
  }
  REQUIRE(made.wanted.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    CHECK(made.buffers[made.wanted[i].buffer].value == wanted[i]);
    CHECK(made.buffers[made.wanted[i].buffer].form == layout::nhwc);
  }
}

TEST_CASE("a chain needs two places, however long it is") {
  CHECK(planned({chained(0)}).arena_bytes == value_bytes);
  CHECK(planned({chained(0), chained(1)}).arena_bytes == 2 * value_bytes);
  std::vector<node> chain;
  for (value_id i = 0; i < 100; ++i) chain.push_back(chained(i));
  const execution_plan made = planned(chain);
  CHECK(made.steps.size() == 100);
  CHECK(made.arena_bytes == 2 * value_bytes);
}

TEST_CASE("a shortcut needs a third place") {
  CHECK(planned({chained(0), chained(1), chained(2), sum(1, 3)}).arena_bytes == 3 * value_bytes);
}

TEST_CASE("what is wanted stays, and what nobody needs is not computed") {
  const std::vector<node> nodes{chained(0), chained(1), chained(2), chained(3), chained(4)};
  const execution_plan made = planned(nodes, {2, 4});
  CHECK(made.steps.size() == 4);
  CHECK(made.wanted[0].steps == 2);
  CHECK(made.wanted[1].steps == 4);
  CHECK(made.arena_bytes == 3 * value_bytes);  // value 2, and two places for the rest

  const execution_plan skipping = planned({chained(0), chained(0), chained(1)});
  CHECK(skipping.steps.size() == 2);  // node 1 has no reader
}

TEST_CASE("the input may be wanted: it costs nothing") {
  const execution_plan made = planned({chained(0)}, {0});
  CHECK(made.steps.empty());
  CHECK(made.arena_bytes == 0);
  CHECK(made.wanted[0].buffer == 0);
  CHECK(made.wanted[0].steps == 0);
}

TEST_CASE("what is fused has no memory between its nodes") {
  const std::vector<node> nodes{chained(0), chained(1), chained(2), chained(3)};
  const value_id last = 4;
  const execution_plan made = plan(nodes, tensor_type{map_shape, {}}, std::span(&last, 1), pairing_rules{});
  REQUIRE(made.steps.size() == 2);
  CHECK(made.steps[0].count == 2);
  CHECK(made.buffers.size() == 3);
  const std::vector<value_id> also_inside{1, 4};  // value 1 has two readers: it is computed alone
  CHECK(plan(nodes, tensor_type{map_shape, {}}, also_inside, pairing_rules{}).steps[0].count == 1);
}

TEST_CASE("layouts change where a reader needs another, once for all readers") {
  // Value 1 is written in blocks; two additions read it in NHWC.
  const std::vector<node> nodes{chained(0), sum(1, 1), sum(1, 2)};
  const value_id last = 3;
  const execution_plan made = plan(nodes, tensor_type{map_shape, {}}, std::span(&last, 1), blocked_rules{});
  const auto changes = std::count_if(made.steps.begin(), made.steps.end(),
                                     [](const plan_step& s) { return s.what != plan_step::kind::nodes; });
  CHECK(changes == 2);  // the input into blocks, and value 1 out of them
}

TEST_CASE("random networks: whatever a step reads is there, and was not written over") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    const std::size_t count = 1 + random() % 30;
    std::vector<node> nodes;
    const auto any_value = [&](std::size_t below) { return static_cast<value_id>(random() % below); };
    for (std::size_t i = 0; i < count; ++i) {
      const bool near = random() % 2 == 0;  // chains are likelier than far shortcuts
      const value_id first = near ? static_cast<value_id>(i) : any_value(i + 1);
      nodes.push_back(random() % 3 == 0 ? sum(first, any_value(i + 1)) : chained(first));
    }
    std::vector<value_id> wanted{static_cast<value_id>(count)};
    for (std::size_t w = random() % 3; w > 0; --w) wanted.push_back(any_value(count + 1));
    CAPTURE(round);
    check(nodes, wanted, simple_rules{});
    check(nodes, wanted, pairing_rules{});
    check(nodes, wanted, blocked_rules{});
  }
}

}  // namespace
