// What is computed when, and where each value lies: a function of the nodes and of the values that are wanted.
#pragma once

#include <mobilenet/node.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// How a value lies in memory. A back end without a layout of its own, and a value of one position, know only nhwc.
enum class layout : std::uint8_t { nhwc, native };

/// One step of an execution: nodes [first, first + count), or one value from one layout into the other.
struct plan_step {
  enum class kind : std::uint8_t { nodes, to_nhwc, from_nhwc };
  kind what = kind::nodes;
  std::size_t first = 0;
  std::size_t count = 0;
  value_id value = 0;                   ///< that a change of layout converts
  std::array<std::size_t, 2> inputs{};  ///< buffers; the second equals the first for a step of one input
  std::size_t output = 0;               ///< buffer
};

/// One value in one layout, in memory from the step that writes it to the last step that reads it.
struct plan_buffer {
  value_id value = 0;
  layout form = layout::nhwc;
  std::uint64_t bytes = 0;
  std::uint64_t offset = 0;   ///< into the arena, a multiple of 64
  std::size_t written = 0;    ///< step
  std::size_t last_read = 0;  ///< step
};

/// An execution of a network.
struct execution_plan {
  std::vector<plan_step> steps;
  std::vector<plan_buffer> buffers;  ///< the first is the network's input, which lies outside the arena
  std::uint64_t arena_bytes = 0;

  struct wanted_value {
    std::size_t buffer = 0;  ///< NHWC
    std::size_t steps = 0;   ///< after this many steps it is there
  };
  std::vector<wanted_value> wanted;  ///< in the order in which they were wanted
};

namespace detail {

inline constexpr std::uint64_t arena_alignment = 64;

/// Gives each buffer but the first an offset so that no two overlap in memory and in time: the largest first, each at
/// the lowest offset that is free for its whole lifetime. A chain of layers needs two places, a shortcut a third.
inline std::uint64_t place_buffers(std::vector<plan_buffer>& buffers) {
  std::vector<std::size_t> by_size;
  for (std::size_t i = 1; i < buffers.size(); ++i) by_size.push_back(i);
  std::stable_sort(by_size.begin(), by_size.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].bytes > buffers[b].bytes; });

  std::uint64_t end = 0;
  std::vector<const plan_buffer*> placed;  // by offset
  for (const std::size_t i : by_size) {
    plan_buffer& made = buffers[i];
    for (const plan_buffer* other : placed) {
      const bool same_time = other->written <= made.last_read && made.written <= other->last_read;
      const bool same_place = other->offset < made.offset + made.bytes && made.offset < other->offset + other->bytes;
      if (same_time && same_place)
        made.offset = (other->offset + other->bytes + arena_alignment - 1) / arena_alignment * arena_alignment;
    }
    const auto before = [](const plan_buffer* a, const plan_buffer* b) { return a->offset < b->offset; };
    placed.insert(std::upper_bound(placed.begin(), placed.end(), &made, before), &made);
    end = std::max(end, made.offset + made.bytes);
  }
  return end;
}

}  // namespace detail

/// Plans the nodes that the wanted values need, in their order.
///
/// rules    of the back end:
///            bool has_own_layout
///            layout reads(const layers::any_layer&), writes(const layers::any_layer&)
///            std::uint64_t bytes(const tensor_type&, layout)
///            std::size_t fused(nodes, first, readers): nodes that are computed at once from `first` on; 0: none
/// nodes    each reads only values that exist before it
/// cost     quadratic in the number of nodes, 10 us for a MobileNet
template <class Rules>
execution_plan plan(std::span<const node> nodes, const tensor_type& input, std::span<const value_id> wanted,
                    const Rules& rules) {
  execution_plan made;
  const std::vector<std::uint32_t> readers = count_readers(nodes, wanted);
  const auto type_of = [&](value_id v) { return v == network_input ? input : layers::output_type(nodes[v - 1].layer); };
  const auto form_of = [&](value_id v, layout form) {
    return type_of(v).is_vector() || !rules.has_own_layout ? layout::nhwc : form;
  };

  constexpr std::size_t none = static_cast<std::size_t>(-1);
  std::vector<std::array<std::size_t, 2>> buffer_of(nodes.size() + 1, {none, none});  // in each layout
  const auto add_buffer = [&](value_id v, layout form) {
    buffer_of[v][static_cast<std::size_t>(form)] = made.buffers.size();
    made.buffers.push_back({v, form, rules.bytes(type_of(v), form), 0, made.steps.size(), made.steps.size()});
    return made.buffers.size() - 1;
  };
  // The buffer that holds a value in a layout, which a step of its own may have to bring it into.
  const auto buffer_in = [&](value_id v, layout form) {
    form = form_of(v, form);
    if (const std::size_t there = buffer_of[v][static_cast<std::size_t>(form)]; there != none) return there;
    const std::size_t from = buffer_of[v][form == layout::nhwc ? 1 : 0];
    const std::size_t to = add_buffer(v, form);
    made.buffers[from].last_read = std::max(made.buffers[from].last_read, made.steps.size());
    made.steps.push_back(
        {form == layout::nhwc ? plan_step::kind::to_nhwc : plan_step::kind::from_nhwc, 0, 0, v, {from, from}, to});
    return to;
  };

  add_buffer(network_input, layout::nhwc);
  for (std::size_t i = 0; i < nodes.size();) {
    if (readers[i + 1] == 0) {
      ++i;
      continue;
    }
    const std::size_t fused = rules.fused(nodes, i, readers);
    plan_step step;
    step.first = i;
    step.count = std::max<std::size_t>(fused, 1);
    const std::array<value_id, 2> inputs = fused == 0 ? nodes[i].inputs : external_inputs(nodes, i, fused);
    step.inputs[0] = buffer_in(inputs[0], rules.reads(nodes[i].layer));
    step.inputs[1] = step.inputs[0];
    if (inputs[1] != no_value)
      step.inputs[1] = buffer_in(inputs[1], fused == 0 ? rules.reads(nodes[i].layer) : layout::native);
    i += step.count;
    step.output =
        add_buffer(static_cast<value_id>(i), form_of(static_cast<value_id>(i), rules.writes(nodes[i - 1].layer)));
    for (const std::size_t in : step.inputs) made.buffers[in].last_read = made.steps.size();
    made.steps.push_back(step);
    if (std::find(wanted.begin(), wanted.end(), i) != wanted.end()) buffer_in(static_cast<value_id>(i), layout::nhwc);
  }

  for (const value_id v : wanted) {
    const std::size_t buffer = buffer_in(v, layout::nhwc);
    const std::size_t steps = v == network_input ? 0 : made.buffers[buffer].written + 1;
    made.wanted.push_back({buffer, steps});
    made.buffers[buffer].last_read = static_cast<std::size_t>(-1);  // until the next run
  }
  made.arena_bytes = detail::place_buffers(made.buffers);
  return made;
}

MOBILENET_NAMESPACE_END
