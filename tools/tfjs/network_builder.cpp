#include "tfjs/network_builder.hpp"

#include <mobilenet/model/format.hpp>

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>
#include <variant>

namespace mobilenet::tools {
namespace {

constexpr const char* no_convolution_follows = "no convolution follows it";
constexpr const char* follows_flatten = "it follows a Flatten, after which only Dense layers are known";

result<void> check_shape(const layer_origin& origin, const shape& s) {
  for (const std::uint32_t d : {s.height, s.width, s.channels})
    if (d == 0 || d > format::max_dimension)
      return layer_error(
          origin,
          "its output is " + to_string(s) + ", expected dimensions from 1 to " + std::to_string(format::max_dimension),
          errc::shape_mismatch);
  if (s.volume() > format::max_activation_elements)
    return layer_error(origin,
                       "its output is " + to_string(s) + ", expected at most " +
                           std::to_string(format::max_activation_elements) + " elements",
                       errc::shape_mismatch);
  return {};
}

// The last name of a list separated by '\n'.
std::string_view last_name(std::string_view names) {
  const std::size_t newline = names.rfind('\n');
  return newline == std::string_view::npos ? names : names.substr(newline + 1);
}

void append_name(std::string& names, std::uint32_t& count, const std::string& name) {
  if (count > 0 && last_name(names) == name) return;  // bias and activation given as properties of one layer
  names += (count == 0 ? "" : "\n") + name;
  ++count;
}

// At least `count` values: those that are there, again and again.
void repeat_to(std::vector<double>& values, std::size_t count) {
  for (const std::size_t period = values.size(); values.size() < count;)
    values.push_back(values[values.size() - period]);
}

layers::range* range_of(layers::any_layer& layer) {
  return std::visit(
      []<class Layer>(Layer& l) -> layers::range* {
        if constexpr (layers::ranged<Layer>)
          return &l.activation;
        else
          return nullptr;
      },
      layer);
}

// The number of outputs of a layer that computes a vector from all its inputs; 0 if the layer is of another kind.
std::uint32_t score_count(const layers::any_layer& layer) {
  if (!layers::output_type(layer).is_vector()) return 0;
  return std::visit(
      [](const auto& l) -> std::uint32_t {
        if constexpr (requires { l.out_channels; })
          return l.out_channels;
        else
          return 0;
      },
      layer);
}
void set_score_count(layers::any_layer& layer, std::uint32_t count) {
  std::visit(
      [count](auto& l) {
        if constexpr (requires { l.out_channels; }) l.out_channels = count;
      },
      layer);
}

}  // namespace

activation network_builder::input() const {
  activation made;
  made.dimensions_ = input_;
  return made;
}

void network_builder::add_name(const layer_origin& origin, activation& in, bool changes_the_activation) {
  if (in.value_ == network_input || in.padding_ || in.affine_) {
    append_name(in.names_, in.name_count_, origin.name);
    return;
  }
  open_layer& computes = made_[in.value_ - 1];
  const std::uint32_t before = computes.name_count;
  append_name(computes.source.names, computes.name_count, origin.name);
  if (changes_the_activation) computes.source.folded_names = computes.name_count == before ? before - 1 : before;
}

result<activation> network_builder::start(const layer_origin& origin, const activation& in, layers::any_layer layer,
                                          std::span<const float> kernel, std::size_t channels) {
  const shape out = layers::output_type(layer);
  if (auto r = check_shape(origin, out); !r) return std::move(r).error();
  // An operation of several layers has the activation of the last.
  if (in.value_ != network_input)
    if (open_layer& before = made_[in.value_ - 1]; last_name(before.source.names) == origin.name)
      before.source.folded_names = before.name_count;
  if (made_.size() == format::max_nodes)
    return layer_error(origin, "the model has more than " + std::to_string(format::max_nodes) + " layers");

  open_layer made;
  made.source.layer = layer;
  made.source.inputs[0] = in.value_;
  made.kernel.assign(kernel.begin(), kernel.end());
  made.bias.assign(channels, 0.0);
  if (in.affine_) absorb_pending_affine(made, *in.affine_);
  made.source.names = in.names_;
  made.name_count = in.name_count_;
  made.source.folded_names = made.name_count;
  append_name(made.source.names, made.name_count, origin.name);
  made_.push_back(std::move(made));

  activation computed;
  computed.value_ = static_cast<value_id>(made_.size());
  computed.dimensions_ = out;
  computed.pooled_ = in.pooled_;
  return computed;
}

void network_builder::absorb_pending_affine(open_layer& made, const activation::pending_affine& affine) const {
  const bool depthwise = std::holds_alternative<layers::depthwise_conv2d>(made.source.layer);
  const std::size_t channels = made.bias.size();
  for (std::size_t i = 0; i < made.kernel.size(); ++i) {
    // Rows of a kernel are [k_h][k_w][c_in]; those of a depthwise one [k_h][k_w]. What was flattened may have a scale
    // for each row.
    const std::size_t in = depthwise ? i % channels : i / channels % affine.scale.size();
    made.bias[i % channels] += made.kernel[i] * affine.offset[in];
    made.kernel[i] *= affine.scale[in];
  }
}

result<activation> network_builder::elementwise(const layer_origin& origin, const activation& in,
                                                std::span<const double> scale, std::span<const double> offset) {
  layers::depthwise_conv2d layer{.in = in.dimensions_, .window = {1, 1, 1, {}}, .activation = {}, .out = {}};
  auto made = start(origin, in, layer, {}, in.dimensions_.channels);
  if (!made) return made;
  open_layer& last = made_.back();
  last.kernel.assign(scale.begin(), scale.end());
  last.bias.assign(offset.begin(), offset.end());
  return made;
}

result<activation> network_builder::materialize(activation in) {
  if (!in.affine_) return in;
  const auto affine = *std::exchange(in.affine_, std::nullopt);
  if (affine.scale.size() > in.dimensions_.channels) return does_not_fit(affine.origin, "no dense layer follows it");
  std::vector<double> scale = affine.scale, offset = affine.offset;
  repeat_to(scale, in.dimensions_.channels);
  repeat_to(offset, in.dimensions_.channels);
  const layer_origin last{std::string(last_name(in.names_)), affine.origin.kind, affine.origin.called};
  auto made = elementwise(last, in, scale, offset);
  if (!made) return made;
  made->flattened_ = in.flattened_;
  made_.back().source.folded_names = affine.folded_names;
  return made;
}

result<activation> network_builder::materialize_before(const layers::padding& pad, activation in) {
  const bool offsets = in.affine_ && std::any_of(in.affine_->offset.begin(), in.affine_->offset.end(),
                                                 [](double v) { return v != 0.0; });
  if (!offsets || pad == layers::padding{}) return in;
  const auto padding = std::exchange(in.padding_, std::nullopt);
  auto made = materialize(std::move(in));
  if (made) made->padding_ = padding;
  return made;
}

network_builder::open_layer* network_builder::producer(const activation& in) {
  return in.value_ == network_input || in.shared_ || in.padding_ || in.affine_ ? nullptr : &made_[in.value_ - 1];
}

network_builder::open_layer* network_builder::linear_producer(const activation& in) {
  open_layer* const computes = producer(in);
  return computes == nullptr || in.flattened_ || computes->clamped || computes->bias.empty() ? nullptr : computes;
}

result<activation> network_builder::pad(const layer_origin& origin, activation in, const layers::padding& zeros) {
  if (in.flattened_ || in.pooled_) return does_not_fit(origin, no_convolution_follows);
  layers::padding all = zeros;
  if (in.padding_) {
    all.top += in.padding_->zeros.top;
    all.left += in.padding_->zeros.left;
    all.bottom += in.padding_->zeros.bottom;
    all.right += in.padding_->zeros.right;
  }
  for (const std::uint32_t rows : {all.top, all.left, all.bottom, all.right})
    if (rows > format::max_dimension)
      return layer_error(origin, "padding of " + std::to_string(rows) + " is too large");
  in.padding_ = {origin, all};
  append_name(in.names_, in.name_count_, origin.name);
  return in;
}

result<activation> network_builder::convolution(const layer_origin& origin, activation in, const source_window& w,
                                                std::uint32_t out, std::span<const float> kernel) {
  if (in.flattened_) return does_not_fit(origin, follows_flatten);
  const shape& size = in.dimensions_;
  if (w.kernel_height == 1 && w.kernel_width == 1 && w.stride == 1 && !in.padding_ && w.pad == layers::padding{}) {
    if (in.pooled_)
      return start(origin, in, layers::dense{.in = size, .out_channels = out, .activation = {}, .out = {}}, kernel,
                   out);
    return start(origin, in, layers::pointwise_conv2d{.in = size, .out_channels = out, .activation = {}, .out = {}},
                 kernel, out);
  }
  auto window = total_window(origin, in, w);
  if (!window) return std::move(window).error();
  auto ready = materialize_before(window->pad, std::move(in));
  if (!ready) return ready;
  ready->padding_.reset();
  return start(
      origin, *ready,
      layers::conv2d{.in = ready->dimensions_, .out_channels = out, .window = *window, .activation = {}, .out = {}},
      kernel, out);
}

result<activation> network_builder::depthwise_convolution(const layer_origin& origin, activation in,
                                                          const source_window& w, std::span<const float> kernel) {
  if (in.flattened_) return does_not_fit(origin, follows_flatten);
  auto window = total_window(origin, in, w);
  if (!window) return std::move(window).error();
  auto ready = materialize_before(window->pad, std::move(in));
  if (!ready) return ready;
  ready->padding_.reset();
  return start(origin, *ready,
               layers::depthwise_conv2d{.in = ready->dimensions_, .window = *window, .activation = {}, .out = {}},
               kernel, ready->dimensions_.channels);
}

result<layers::window> network_builder::total_window(const layer_origin& origin, const activation& in,
                                                     const source_window& w) const {
  const layers::padding before = in.padding_ ? in.padding_->zeros : layers::padding{};
  const shape& size = in.dimensions_;
  layers::padding pad = w.pad;
  if (w.same) {
    const shape padded{size.height + before.top + before.bottom, size.width + before.left + before.right,
                       size.channels};
    pad = layers::same_padding(padded, w.kernel_height, w.kernel_width, w.stride);
  }
  pad.top += before.top;
  pad.left += before.left;
  pad.bottom += before.bottom;
  pad.right += before.right;

  if (std::max(pad.top, pad.bottom) >= w.kernel_height || std::max(pad.left, pad.right) >= w.kernel_width)
    return layer_error(origin, "padding of " + std::to_string(pad.top) + ", " + std::to_string(pad.left) + ", " +
                                   std::to_string(pad.bottom) + ", " + std::to_string(pad.right) +
                                   " (top, left, bottom, right), expected less than its window of " +
                                   std::to_string(w.kernel_height) + "x" + std::to_string(w.kernel_width));
  if (w.kernel_height > 1024 || w.kernel_width > 1024 || w.stride > 1024)
    return layer_error(origin, "a window of " + std::to_string(w.kernel_height) + "x" + std::to_string(w.kernel_width) +
                                   " with stride " + std::to_string(w.stride) + ", expected at most 1024");
  if (size.height + pad.top + pad.bottom < w.kernel_height || size.width + pad.left + pad.right < w.kernel_width)
    return layer_error(origin,
                       "its window of " + std::to_string(w.kernel_height) + "x" + std::to_string(w.kernel_width) +
                           " is larger than its input of " + to_string(size),
                       errc::shape_mismatch);
  return layers::window{w.kernel_height, w.kernel_width, w.stride, pad};
}

result<activation> network_builder::dense(const layer_origin& origin, activation in, std::uint32_t out,
                                          std::span<const float> kernel) {
  if (in.padding_) return does_not_fit(in.padding_->origin, no_convolution_follows);
  const shape& size = in.dimensions_;
  if (!in.flattened_ && in.is_vector())
    return start(origin, in, layers::dense{.in = size, .out_channels = out, .activation = {}, .out = {}}, kernel, out);
  if (!in.flattened_)
    return start(origin, in, layers::pointwise_conv2d{.in = size, .out_channels = out, .activation = {}, .out = {}},
                 kernel, out);
  // A dense layer on all values of an activation is a convolution whose window is all of it.
  if (size.height > 1024 || size.width > 1024)
    return layer_error(origin, "it reads all of " + to_string(size) + ", expected at most 1024 rows and columns");
  return start(
      origin, in,
      layers::conv2d{
          .in = size, .out_channels = out, .window = {size.height, size.width, 1, {}}, .activation = {}, .out = {}},
      kernel, out);
}

result<activation> network_builder::scale_and_offset(const layer_origin& origin, activation in,
                                                     std::span<const double> scale, std::span<const double> offset) {
  const auto channels = in.last_dimension();
  if (scale.size() != channels || offset.size() != channels)
    return layer_error(origin,
                       "it has " + std::to_string(scale.size()) + " channels, expected " + std::to_string(channels),
                       errc::shape_mismatch);
  return fold_affine(origin, std::move(in), scale, offset);
}

// One scale and offset for each channel, or after a flatten() for each value.
result<activation> network_builder::fold_affine(const layer_origin& origin, activation in,
                                                std::span<const double> scale, std::span<const double> offset) {
  if (in.padding_) return does_not_fit(in.padding_->origin, no_convolution_follows);
  const std::size_t count = scale.size();
  if (open_layer* const last = linear_producer(in)) {
    for (std::size_t i = 0; i < last->kernel.size(); ++i) last->kernel[i] *= scale[i % count];
    for (std::size_t c = 0; c < count; ++c) last->bias[c] = last->bias[c] * scale[c] + offset[c];
  } else {
    if (!in.affine_) in.affine_ = {origin, {1.0}, {0.0}, 0};
    repeat_to(in.affine_->scale, count);
    repeat_to(in.affine_->offset, count);
    for (std::size_t i = 0; i < in.affine_->scale.size(); ++i) {
      in.affine_->scale[i] *= scale[i % count];
      in.affine_->offset[i] = in.affine_->offset[i] * scale[i % count] + offset[i % count];
    }
  }
  add_name(origin, in, true);
  if (in.affine_) in.affine_->folded_names = in.name_count_ - 1;
  return in;
}

result<activation> network_builder::offset(const layer_origin& origin, activation in, std::span<const float> offsets) {
  return scale_and_offset(origin, std::move(in), std::vector<double>(offsets.size(), 1.0),
                          std::vector<double>(offsets.begin(), offsets.end()));
}

result<activation> network_builder::scale_and_offset(const layer_origin& origin, activation in, double scale,
                                                     double offset) {
  const bool is_input = in.value_ == network_input && !in.shared_ && !in.padding_ && !in.affine_;
  if (is_input && made_.empty()) {
    scales_input_ = true;
    input_scale_ *= scale;
    input_offset_ = input_offset_ * scale + offset;
    add_name(origin, in, true);
    return in;
  }
  const std::size_t channels = in.dimensions_.channels;
  return fold_affine(origin, std::move(in), std::vector<double>(channels, scale),
                     std::vector<double>(channels, offset));
}

result<activation> network_builder::clamp(const layer_origin& origin, activation in, const layers::range& range) {
  if (range == layers::range{}) return identity(origin, std::move(in));
  if (in.padding_) return does_not_fit(in.padding_->origin, no_convolution_follows);

  open_layer* computes = producer(in);
  layers::range* limits = computes == nullptr ? nullptr : range_of(computes->source.layer);
  if (limits == nullptr) {
    if (in.flattened_) return does_not_fit(origin, follows_flatten);
    const auto pending = std::exchange(in.affine_, std::nullopt);
    std::vector<double> scale = pending ? pending->scale : std::vector{1.0};
    std::vector<double> offset = pending ? pending->offset : std::vector{0.0};
    repeat_to(scale, in.dimensions_.channels);
    repeat_to(offset, in.dimensions_.channels);
    auto made = elementwise(origin, in, scale, offset);
    if (!made) return made;
    in = *std::move(made);
    computes = &made_.back();
    limits = range_of(computes->source.layer);
  }
  limits->low = std::clamp(limits->low, range.low, range.high);
  limits->high = std::clamp(limits->high, range.low, range.high);
  computes->clamped = true;
  add_name(origin, in, true);
  return in;
}

result<activation> network_builder::add(const layer_origin& origin, activation a, activation b) {
  for (activation* in : {&a, &b}) {
    if (in->padding_) return does_not_fit(in->padding_->origin, no_convolution_follows);
    if (in->flattened_) return does_not_fit(origin, follows_flatten);
    auto ready = materialize(std::move(*in));
    if (!ready) return ready;
    *in = *std::move(ready);
  }
  if (!(a.dimensions_ == b.dimensions_))
    return layer_error(
        origin,
        "its inputs are " + to_string(a.dimensions_) + " and " + to_string(b.dimensions_) + ", expected equal shapes",
        errc::shape_mismatch);
  auto made = start(origin, a, layers::add{.in = a.dimensions_, .second = {}, .activation = {}, .out = {}});
  if (made) made_.back().source.inputs = {a.value_, b.value_};
  return made;
}

result<activation> network_builder::global_average_pool(const layer_origin& origin, activation in) {
  if (in.padding_) return does_not_fit(in.padding_->origin, no_convolution_follows);
  if (in.flattened_) return does_not_fit(origin, follows_flatten);
  auto ready = materialize(std::move(in));
  if (!ready) return ready;
  auto made = start(origin, *ready, layers::global_average_pool{.in = ready->dimensions_, .out = {}});
  if (made) made->pooled_ = true;
  return made;
}

result<activation> network_builder::global_max_pool(const layer_origin& origin, activation in) {
  if (in.padding_) return does_not_fit(in.padding_->origin, no_convolution_follows);
  if (in.flattened_) return does_not_fit(origin, follows_flatten);
  auto ready = materialize(std::move(in));
  if (!ready) return ready;
  auto made = start(origin, *ready, layers::global_max_pool{.in = ready->dimensions_, .out = {}});
  if (made) made->pooled_ = true;
  return made;
}

result<activation> network_builder::softmax(const layer_origin& origin, activation in) {
  if (in.padding_) return does_not_fit(in.padding_->origin, no_convolution_follows);
  if (!in.is_vector()) return does_not_fit(origin, "softmax over an activation of " + to_string(in.dimensions_));
  auto ready = materialize(std::move(in));
  if (!ready) return ready;
  return start(origin, *ready, layers::softmax{.in = ready->dimensions_, .out = {}});
}

result<activation> network_builder::apply(const layer_origin& origin, activation in, layers::function f, double alpha) {
  if (in.padding_) return does_not_fit(in.padding_->origin, no_convolution_follows);
  if (!in.is_vector())
    return does_not_fit(origin, std::string(to_string(f)) + " over an activation of " + to_string(in.dimensions_));
  auto ready = materialize(std::move(in));
  if (!ready) return ready;
  return start(
      origin, *ready,
      layers::activation{.in = ready->dimensions_, .function = f, .alpha = static_cast<float>(alpha), .out = {}});
}

result<activation> network_builder::leaky_relu(const layer_origin& origin, activation in, double slope) {
  if (in.is_vector()) return apply(origin, std::move(in), layers::function::leaky_relu, slope);
  const std::size_t channels = in.dimensions_.channels;
  return leaky_relu(origin, std::move(in), std::vector<double>(channels, slope));
}

result<activation> network_builder::leaky_relu(const layer_origin& origin, activation in,
                                               std::span<const double> slopes) {
  if (in.padding_) return does_not_fit(in.padding_->origin, no_convolution_follows);
  if (in.flattened_) return does_not_fit(origin, follows_flatten);
  if (slopes.size() != in.dimensions_.channels)
    return layer_error(
        origin,
        "it has " + std::to_string(slopes.size()) + " slopes, expected " + std::to_string(in.dimensions_.channels),
        errc::shape_mismatch);
  auto ready = materialize(std::move(in));
  if (!ready) return ready;

  // max(x, 0) + slope * -max(-x, 0). The layer's name goes to the sum.
  const auto part = [&](std::string_view name) {
    return layer_origin{origin.name + "/" + std::string(name), origin.kind, origin.called};
  };
  const std::vector<double> one(slopes.size(), 1.0), minus_one(slopes.size(), -1.0), none(slopes.size(), 0.0);
  auto positive = elementwise(part("positive"), *ready, one, none);
  if (!positive) return positive;
  *range_of(made_.back().source.layer) = layers::relu;
  auto negative = elementwise(part("negative"), *ready, minus_one, none);
  if (!negative) return negative;
  *range_of(made_.back().source.layer) = layers::relu;
  std::vector<double> scale(slopes.begin(), slopes.end());
  for (double& s : scale) s = -s;
  auto scaled = elementwise(part("scaled"), *negative, scale, none);
  if (!scaled) return scaled;
  return add(origin, *std::move(positive), *std::move(scaled));
}

result<activation> network_builder::flatten(const layer_origin& origin, activation in) {
  if (in.padding_) return does_not_fit(in.padding_->origin, no_convolution_follows);
  in.flattened_ = in.flattened_ || !in.is_vector();
  in.pooled_ = in.pooled_ || in.is_vector();
  add_name(origin, in, false);
  return in;
}

bool network_builder::is_function_of(const activation& out, layers::function f, const activation& in) const {
  if (out.value_ == network_input || out.padding_ || out.affine_ || in.padding_ || in.affine_) return false;
  const unpacked_layer& computes = made_[out.value_ - 1].source;
  const auto* const function = std::get_if<layers::activation>(&computes.layer);
  return function != nullptr && function->function == f && computes.inputs[0] == in.value_;
}

activation network_builder::identity(const layer_origin& origin, activation in) {
  add_name(origin, in, false);
  return in;
}

bool network_builder::is_linear(const activation& in) const {
  if (made_.empty() || in.value_ != made_.size() || in.shared_ || in.padding_ || in.affine_) return false;
  return !made_.back().clamped && score_count(made_.back().source.layer) != 0;
}

activation network_builder::drop_first_score(activation in) {
  open_layer& last = made_.back();
  const std::uint32_t scores = score_count(last.source.layer);
  const auto row_length = static_cast<std::ptrdiff_t>(scores);
  std::vector<double> kept;
  for (auto row = last.kernel.begin(); row != last.kernel.end(); row += row_length)
    kept.insert(kept.end(), row + 1, row + row_length);
  last.kernel = std::move(kept);
  last.bias.erase(last.bias.begin());
  set_score_count(last.source.layer, scores - 1);
  in.dimensions_ = layers::output_type(last.source.layer);
  return in;
}

void network_builder::split_single_sigmoid(activation& out) {
  if (made_.size() < 2 || out.value_ != made_.size() || out.padding_ || out.affine_) return;
  unpacked_layer& end = made_.back().source;
  const auto* const function = std::get_if<layers::activation>(&end.layer);
  if (function == nullptr || function->function != layers::function::sigmoid || end.inputs[0] != made_.size() - 1)
    return;
  open_layer& head = made_[made_.size() - 2];
  const layers::range* const limits = range_of(head.source.layer);
  const bool keeps_zero = limits != nullptr && limits->low <= 0.0f && limits->high >= 0.0f;
  if (score_count(head.source.layer) != 1 || !keeps_zero) return;

  std::vector<double> two;
  for (const double w : head.kernel) two.insert(two.end(), {0.0, w});
  head.kernel = std::move(two);
  head.bias.insert(head.bias.begin(), 0.0);
  set_score_count(head.source.layer, 2);
  end.layer = layers::softmax{.in = shape(layers::output_type(head.source.layer)), .out = {}};
  out.dimensions_ = layers::output_type(end.layer);
  notes_.push_back("the sigmoid of one score is read as the probability of the second of two classes");
}

void network_builder::remove_unread() {
  std::vector<bool> read(made_.size() + 1);
  read.back() = true;
  for (std::size_t i = made_.size(); i-- > 0;)
    if (read[i + 1])
      for (const value_id in : made_[i].source.inputs)
        if (in != no_value) read[in] = true;

  std::vector<value_id> renumbered(made_.size() + 1, network_input);
  std::vector<open_layer> kept;
  for (std::size_t i = 0; i < made_.size(); ++i) {
    if (!read[i + 1]) continue;
    for (value_id& in : made_[i].source.inputs)
      if (in != no_value) in = renumbered[in];
    kept.push_back(std::move(made_[i]));
    renumbered[i + 1] = static_cast<value_id>(kept.size());
  }
  made_ = std::move(kept);
}

result<unpacked_network> network_builder::finish(activation out) {
  if (out.padding_) return does_not_fit(out.padding_->origin, no_convolution_follows);
  auto ready = materialize(std::move(out));
  if (!ready) return std::move(ready).error();
  if (made_.empty() || ready->value_ == network_input)
    return error{errc::unsupported, "the model has no layers that compute anything"};

  made_.resize(ready->value_);  // the output is what the last layer computes
  remove_unread();

  unpacked_network network;
  network.input = input_;
  network.scales_input = scales_input_;
  network.input_scale = input_scale_;
  network.input_offset = input_offset_;
  network.notes = std::move(notes_);
  for (open_layer& made : made_) {
    const auto round = [](double v) { return static_cast<float>(v); };
    made.source.kernel.resize(made.kernel.size());
    std::transform(made.kernel.begin(), made.kernel.end(), made.source.kernel.begin(), round);
    made.source.bias.resize(made.bias.size());
    std::transform(made.bias.begin(), made.bias.end(), made.source.bias.begin(), round);
    network.layers.push_back(std::move(made.source));
  }
  made_.clear();
  return network;
}

}  // namespace mobilenet::tools
