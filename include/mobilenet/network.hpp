// The prepared layers of a network and the memory between them.
#pragma once

#include <mobilenet/backend.hpp>
#include <mobilenet/backends/reference.hpp>
#include <mobilenet/model/packed_model.hpp>
#include <mobilenet/node.hpp>
#include <mobilenet/plan.hpp>
#include <mobilenet/tensor.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

namespace detail {

/// An operation that back end B leaves to the reference back end. Reads and writes NHWC.
template <class B, class Layer>
class by_reference {
 public:
  static result<by_reference> prepare(typename B::context&, const Layer& layer, const weights& w) {
    reference::context context;
    auto prepared = reference::op<Layer>::prepare(context, layer, w);
    if (!prepared) return std::move(prepared).error();
    return by_reference(*std::move(prepared));
  }
  void run(typename B::context&, const operands& io) noexcept {
    reference::context context;
    op_.run(context, io);
  }

 private:
  explicit by_reference(reference::op<Layer>&& op) : op_(std::move(op)) {}
  reference::op<Layer> op_;
};

template <class B, class Layer>
struct operation_of {
  using type = by_reference<B, Layer>;
};
template <class B, class Layer>
requires provides<B, Layer>
struct operation_of<B, Layer> {
  using type = typename B::template op<Layer>;
};

/// A change between NHWC and the back end's layout.
template <class B>
struct layout_change {
  tensor_type type;
  bool to_nhwc = false;
  void run(typename B::context&, const operands& io) const noexcept {
    if constexpr (has_own_layout<B>)
      to_nhwc ? B::to_nhwc(type, io.inputs[0], io.output) : B::from_nhwc(type, io.inputs[0], io.output);
  }
};

/// What one step of a network of B can be.
template <class B, class Layers>
struct step_of;
template <class B, class... Layers>
struct step_of<B, std::variant<Layers...>> {
  using type = std::variant<layout_change<B>, typename operation_of<B, Layers>::type...>;
};
template <has_fused B, class... Layers>
struct step_of<B, std::variant<Layers...>> {
  using type = std::variant<layout_change<B>, typename B::fused, typename operation_of<B, Layers>::type...>;
};

/// The rules of back end B for plan().
template <class B>
struct plan_rules {
  const typename B::context& context;

  static constexpr bool has_own_layout = mobilenet::has_own_layout<B>;

  static layout reads(const layers::any_layer& any) {
    return std::holds_alternative<layers::conv2d>(any) ? layout::nhwc : writes(any);
  }
  static layout writes(const layers::any_layer& any) {
    return std::visit(
        [](const auto& layer) {
          return provides<B, std::remove_cvref_t<decltype(layer)>> ? layout::native : layout::nhwc;
        },
        any);
  }
  static std::uint64_t bytes(const tensor_type& type, layout form) {
    return form == layout::native || type.is_vector() ? B::bytes(type) : type.volume() * bytes_per_element(type.type);
  }
  std::size_t fused([[maybe_unused]] std::span<const node> nodes, [[maybe_unused]] std::size_t first,
                    [[maybe_unused]] std::span<const std::uint32_t> readers) const {
    if constexpr (has_fused<B>)
      return B::fused::length(context, nodes, first, readers);
    else
      return 0;
  }
};

}  // namespace detail

/// A model made ready to run on back end B: every layer prepared, an input tensor, and one arena for the activations
/// between them. Weights stay where the packed model has them unless the back end has to rearrange them, so several
/// networks over one packed_model share its memory; use one network per thread. Move-only.
///
///   auto net = network<reference>::prepare(model).value();
///   preprocessor(model.preprocessing())(image, net.input()).value();
///   std::span<const float> output = net.run();
template <backend B>
class network {
 public:
  /// model    must outlive the network: its bytes are used in place
  /// wanted   the values that can be had from a run, NHWC; empty: the model's output. Each must be a value of the model
  /// errors   out_of_memory; those of the back end's context::create(); those of its prepare(), with the layer's
  ///          name in front
  static result<network> prepare(const packed_model&& model, const run_options& options = {},
                                 std::span<const value_id> wanted = {}) = delete;
  static result<network> prepare(const packed_model& model, const run_options& options = {},
                                 std::span<const value_id> wanted = {}) {
    return prepare(model.nodes(), model.input_type(), options, wanted);
  }

  /// The same for nodes that are not part of a packed model; their weights must outlive the network.
  /// nodes    at least one; each reads lower values only, of the types that its layer states
  static result<network> prepare(std::span<const node> nodes, const tensor_type& input, const run_options& options = {},
                                 std::span<const value_id> wanted = {}) {
    const auto last = static_cast<value_id>(nodes.size());
    if (wanted.empty()) wanted = {&last, 1};

    network made;
    auto context = B::context::create(options);
    if (!context) return std::move(context).error();
    made.prepared_.context.reset(new (std::nothrow) typename B::context(*std::move(context)));
    if (!made.prepared_.context) return error{errc::out_of_memory, "network: out of memory for the back end's context"};

    const execution_plan plan = mobilenet::plan(nodes, input, wanted, detail::plan_rules<B>{*made.prepared_.context});
    auto memory = made.allocate(plan, input);
    if (!memory) return std::move(memory).error();
    for (const plan_step& planned : plan.steps) {
      auto op = made.prepare_step(nodes, input, planned);
      if (!op)
        return error{op.error().code, "layer " + std::string(nodes[planned.first].name()) + ": " + op.error().message};
      made.prepared_.steps.push_back({*std::move(op), made.operands_of(plan, planned)});
    }
    for (std::size_t i = 0; i < wanted.size(); ++i)
      made.wanted_.push_back(
          {made.address(plan, plan.wanted[i].buffer), made.type_of(nodes, input, wanted[i]), plan.wanted[i].steps});
    return made;
  }

  /// Where the caller, or a preprocessor, writes the input: NHWC float32. A run leaves it as it is.
  tensor_view<float> input() noexcept { return {input_.as<float>(), input_type_}; }
  const tensor_type& input_type() const noexcept { return input_type_; }

  /// Computes all wanted values from input(); returns the first of them, NHWC. It stays valid until the next run.
  /// Allocates nothing once it has run.
  std::span<const float> run() noexcept {
    run_steps(prepared_.steps.size());
    return value(0);
  }
  /// Computes only what comes before wanted value i is there, and returns it.
  std::span<const float> run_for(std::size_t i) noexcept {
    run_steps(wanted_[i].steps);
    return value(i);
  }

  /// Wanted value i of the last run, NHWC.
  std::span<const float> value(std::size_t i) const noexcept {
    return {static_cast<const float*>(wanted_[i].data), wanted_[i].type.elements()};
  }
  const tensor_type& value_type(std::size_t i) const noexcept { return wanted_[i].type; }
  std::size_t values() const noexcept { return wanted_.size(); }

  /// Bytes of all activations together, without the input and a back end's scratch memory.
  std::size_t arena_bytes() const noexcept { return arena_.size(); }

 private:
  using operation = typename detail::step_of<B, layers::any_layer>::type;
  struct step {
    operation op;
    operands io;
  };

  // Operations may refer to the context: it keeps its address when the network moves, and is destroyed after them,
  // also when another network is assigned.
  struct prepared_steps {
    std::unique_ptr<typename B::context> context;
    std::vector<step> steps;

    prepared_steps() = default;
    prepared_steps(prepared_steps&&) noexcept = default;
    prepared_steps& operator=(prepared_steps&& other) noexcept {
      steps = std::move(other.steps);
      context = std::move(other.context);
      return *this;
    }
    ~prepared_steps() = default;
  };

  struct wanted_value {
    const void* data;
    tensor_type type;
    std::size_t steps;  // after which it is there
  };

  network() = default;

  static tensor_type type_of(std::span<const node> nodes, const tensor_type& input, value_id v) {
    return v == network_input ? input : layers::output_type(nodes[v - 1].layer);
  }

  result<void> allocate(const execution_plan& plan, const tensor_type& input) {
    auto in = buffer::create(plan.buffers[0].bytes, "input");
    if (!in) return std::move(in).error();
    auto arena = buffer::create(plan.arena_bytes, "activations");
    if (!arena) return std::move(arena).error();
    input_ = *std::move(in);
    input_type_ = input;
    arena_ = *std::move(arena);
    return {};
  }

  void* address(const execution_plan& plan, std::size_t buffer) noexcept {
    return buffer == 0 ? input_.data() : arena_.data() + plan.buffers[buffer].offset;
  }
  operands operands_of(const execution_plan& plan, const plan_step& planned) noexcept {
    return {{address(plan, planned.inputs[0]), address(plan, planned.inputs[1])}, address(plan, planned.output)};
  }

  result<operation> prepare_step(std::span<const node> nodes, const tensor_type& input, const plan_step& planned) {
    if (planned.what != plan_step::kind::nodes)
      return operation(
          detail::layout_change<B>{type_of(nodes, input, planned.value), planned.what == plan_step::kind::to_nhwc});
    if constexpr (has_fused<B>)
      if (planned.count > 1)
        return as_operation(B::fused::prepare(*prepared_.context, nodes, planned.first, planned.count));
    const node& n = nodes[planned.first];
    return std::visit(
        [&]<class Layer>(const Layer& layer) -> result<operation> {
          return as_operation(detail::operation_of<B, Layer>::type::prepare(*prepared_.context, layer, n.weights));
        },
        n.layer);
  }
  template <class Op>
  static result<operation> as_operation(result<Op> op) {
    if (!op) return std::move(op).error();
    return operation(*std::move(op));
  }

  void run_steps(std::size_t count) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
      step& s = prepared_.steps[i];
      std::visit([&](auto& op) { op.run(*prepared_.context, s.io); }, s.op);
    }
  }

  prepared_steps prepared_;
  buffer input_;
  tensor_type input_type_;
  buffer arena_;
  std::vector<wanted_value> wanted_;
};

MOBILENET_NAMESPACE_END
