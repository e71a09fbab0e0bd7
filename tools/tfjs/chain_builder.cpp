#include "tfjs/chain_builder.hpp"

#include "tfjs/json_value.hpp"

#include <algorithm>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>

namespace mobilenet::tools {
namespace {

error does_not_fit(const source_layer& layer, const std::string& why) {
  return layer_error(layer, "not part of MobileNet v1: " + why);
}

result<void> check_shape(const source_layer& layer, const shape& s) {
  for (const std::uint32_t d : {s.height, s.width, s.channels})
    if (d == 0 || d > format::max_dimension)
      return layer_error(
          layer,
          "its output is " + to_string(s) + ", expected dimensions from 1 to " + std::to_string(format::max_dimension),
          errc::shape_mismatch);
  if (s.elements() > format::max_activation_elements)
    return layer_error(layer,
                       "its output is " + to_string(s) + ", expected at most " +
                           std::to_string(format::max_activation_elements) + " elements",
                       errc::shape_mismatch);
  return {};
}

constexpr bool unbounded(const layers::clamp& bounds) { return bounds == layers::clamp{}; }

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

// At least so many values: those that are there, again and again.
void repeat_to(std::vector<double>& values, std::size_t count) {
  for (const std::size_t period = values.size(); values.size() < count;)
    values.push_back(values[values.size() - period]);
}

layers::clamp* bounds_of(layers::description& params) {
  return std::visit(
      [](auto& p) -> layers::clamp* {
        if constexpr (requires { p.bounds; })
          return &p.bounds;
        else
          return nullptr;
      },
      params);
}

}  // namespace

error layer_error(const source_layer& layer, const std::string& what, errc code) {
  return {code, std::string(layer.called) + " '" + excerpt(layer.name) + "' (" + excerpt(layer.kind) + "): " + what};
}

void chain_builder::add_name(const source_layer& layer, bool changes_the_activation) {
  if (made_.empty() || padding_ || waiting_) {
    append_name(names_before_, names_before_count_, layer.name);
    return;
  }
  open_layer& last = made_.back();
  const std::uint32_t before = last.name_count;
  append_name(last.source.names, last.name_count, layer.name);
  if (changes_the_activation) last.source.folded_names = last.name_count == before ? before - 1 : before;
}

result<void> chain_builder::start(const source_layer& layer, layers::description params, std::span<const float> kernel,
                                  std::size_t channels) {
  const shape out = layers::output_shape(params);
  if (auto r = check_shape(layer, out); !r) return r;
  if (made_.size() == format::max_layers)
    return layer_error(layer, "the model has more than " + std::to_string(format::max_layers) + " layers");
  open_layer made;
  made.source.params = std::move(params);
  made.kernel.assign(kernel.begin(), kernel.end());
  made.bias.assign(channels, 0.0);
  if (auto r = take_in_waiting(made); !r) return r;
  made.source.names = std::exchange(names_before_, {});
  made.name_count = std::exchange(names_before_count_, 0);
  made.source.folded_names = made.name_count;
  append_name(made.source.names, made.name_count, layer.name);
  made_.push_back(std::move(made));
  padding_.reset();
  waiting_.reset();
  flattened_ = false;
  current_ = out;
  return {};
}

result<void> chain_builder::take_in_waiting(open_layer& made) const {
  if (!waiting_) return {};
  const layers::padding* const pad = std::visit(
      [](const auto& p) -> const layers::padding* {
        if constexpr (requires { p.pad; })
          return &p.pad;
        else
          return nullptr;
      },
      made.source.params);
  // Padding adds zeros after the offset was added: an offset inside the kernel would count at the edges too.
  if (made.kernel.empty() || (pad != nullptr && !(*pad == layers::padding{})))
    return does_not_fit(waiting_->layer, "there is no convolution right before or after it to take it in");
  const bool depthwise = std::holds_alternative<layers::depthwise_conv2d>(made.source.params);
  const std::size_t channels = made.bias.size();
  for (std::size_t i = 0; i < made.kernel.size(); ++i) {
    // Rows of a kernel are [k_h][k_w][c_in]; those of a depthwise one [k_h][k_w]. What was flattened may have a scale
    // for each row.
    const std::size_t in = depthwise ? i % channels : i / channels % waiting_->scale.size();
    made.bias[i % channels] += made.kernel[i] * waiting_->offset[in];
    made.kernel[i] *= waiting_->scale[in];
  }
  return {};
}

chain_builder::open_layer* chain_builder::linear() {
  return made_.empty() || padding_ || waiting_ || flattened_ || made_.back().clamped || made_.back().bias.empty()
             ? nullptr
             : &made_.back();
}

result<void> chain_builder::pad(const source_layer& layer, const layers::padding& zeros) {
  if (flattened_ || pooled_) return does_not_fit(layer, "no convolution follows it");
  if (waiting_) return does_not_fit(waiting_->layer, "there is no convolution right before or after it to take it in");
  layers::padding all = zeros;
  if (padding_) {
    all.top += padding_->second.top;
    all.left += padding_->second.left;
    all.bottom += padding_->second.bottom;
    all.right += padding_->second.right;
  }
  for (const std::uint32_t rows : {all.top, all.left, all.bottom, all.right})
    if (rows > format::max_dimension) return layer_error(layer, "padding of " + std::to_string(rows) + " is too large");
  padding_ = {layer, all};
  append_name(names_before_, names_before_count_, layer.name);
  return {};
}

result<void> chain_builder::convolution(const source_layer& layer, const window& w, std::uint32_t out,
                                        std::span<const float> kernel) {
  if (flattened_) return does_not_fit(layer, "it follows a Flatten, after which only Dense layers are known");
  if (w.kernel_height == 1 && w.kernel_width == 1 && w.stride == 1 && !padding_ && w.pad == layers::padding{}) {
    if (pooled_) return start(layer, layers::dense{current_, out, {}}, kernel, out);
    return start(layer, layers::pointwise_conv2d{current_, out, {}}, kernel, out);
  }
  layers::conv2d p{current_, out, w.kernel_height, w.kernel_width, w.stride, {}, {}};
  auto pad = total_padding(layer, w);
  if (!pad) return std::move(pad).error();
  p.pad = *pad;
  return start(layer, p, kernel, out);
}

result<void> chain_builder::depthwise_convolution(const source_layer& layer, const window& w,
                                                  std::span<const float> kernel) {
  if (flattened_) return does_not_fit(layer, "it follows a Flatten, after which only Dense layers are known");
  layers::depthwise_conv2d p{current_, w.kernel_height, w.kernel_width, w.stride, {}, {}};
  auto pad = total_padding(layer, w);
  if (!pad) return std::move(pad).error();
  p.pad = *pad;
  return start(layer, p, kernel, current_.channels);
}

result<layers::padding> chain_builder::total_padding(const source_layer& layer, const window& w) const {
  const layers::padding before = padding_ ? padding_->second : layers::padding{};
  layers::padding pad = w.pad;
  if (w.same) {
    const shape padded{current_.height + before.top + before.bottom, current_.width + before.left + before.right,
                       current_.channels};
    pad = layers::same_padding(padded, w.kernel_height, w.kernel_width, w.stride);
  }
  pad.top += before.top;
  pad.left += before.left;
  pad.bottom += before.bottom;
  pad.right += before.right;
  if (std::max(pad.top, pad.bottom) >= w.kernel_height || std::max(pad.left, pad.right) >= w.kernel_width)
    return layer_error(layer, "padding of " + std::to_string(pad.top) + ", " + std::to_string(pad.left) + ", " +
                                  std::to_string(pad.bottom) + ", " + std::to_string(pad.right) +
                                  " (top, left, bottom, right), expected less than its window of " +
                                  std::to_string(w.kernel_height) + "x" + std::to_string(w.kernel_width));
  if (w.kernel_height > 1024 || w.kernel_width > 1024 || w.stride > 1024)
    return layer_error(layer, "a window of " + std::to_string(w.kernel_height) + "x" + std::to_string(w.kernel_width) +
                                  " with stride " + std::to_string(w.stride) + ", expected at most 1024");
  if (current_.height + pad.top + pad.bottom < w.kernel_height ||
      current_.width + pad.left + pad.right < w.kernel_width)
    return layer_error(layer,
                       "its window of " + std::to_string(w.kernel_height) + "x" + std::to_string(w.kernel_width) +
                           " is larger than its input of " + to_string(current_),
                       errc::shape_mismatch);
  return pad;
}

result<void> chain_builder::dense(const source_layer& layer, std::uint32_t out, std::span<const float> kernel) {
  if (padding_) return does_not_fit(padding_->first, "no convolution follows it");
  if (!flattened_ && is_vector()) return start(layer, layers::dense{current_, out, {}}, kernel, out);
  if (!flattened_) return start(layer, layers::pointwise_conv2d{current_, out, {}}, kernel, out);
  // A dense layer on all values of an activation is a convolution whose window is all of it.
  return start(layer, layers::conv2d{current_, out, current_.height, current_.width, 1, {}, {}}, kernel, out);
}

result<void> chain_builder::scale_and_offset(const source_layer& layer, std::span<const double> scale,
                                             std::span<const double> offset) {
  if (auto r = check_can_fold(layer); !r) return r;
  const auto channels = last_dimension();
  if (scale.size() != channels || offset.size() != channels)
    return layer_error(layer,
                       "it has " + std::to_string(scale.size()) + " channels, expected " + std::to_string(channels),
                       errc::shape_mismatch);
  fold(layer, scale, offset);
  return {};
}

result<void> chain_builder::check_can_fold(const source_layer& layer) {
  if (linear() == nullptr && ((made_.empty() && !flattened_) || padding_))
    return does_not_fit(layer, "there is no convolution right before it to take it in");
  return {};
}

// One scale and offset for each channel, or after a flatten() for each value.
void chain_builder::fold(const source_layer& layer, std::span<const double> scale, std::span<const double> offset) {
  const std::size_t count = scale.size();
  if (open_layer* const last = linear()) {
    for (std::size_t i = 0; i < last->kernel.size(); ++i) last->kernel[i] *= scale[i % count];
    for (std::size_t c = 0; c < count; ++c) last->bias[c] = last->bias[c] * scale[c] + offset[c];
  } else {
    if (!waiting_) waiting_ = {layer, {1.0}, {0.0}};
    repeat_to(waiting_->scale, count);
    repeat_to(waiting_->offset, count);
    for (std::size_t i = 0; i < waiting_->scale.size(); ++i) {
      waiting_->scale[i] *= scale[i % count];
      waiting_->offset[i] = waiting_->offset[i] * scale[i % count] + offset[i % count];
    }
  }
  add_name(layer, true);
}

result<void> chain_builder::offset(const source_layer& layer, std::span<const float> offsets) {
  return scale_and_offset(layer, std::vector<double>(offsets.size(), 1.0),
                          std::vector<double>(offsets.begin(), offsets.end()));
}

result<void> chain_builder::scale_and_offset(const source_layer& layer, double scale, double offset) {
  if (made_.empty() && !padding_ && !waiting_) {
    scales_input_ = true;
    input_scale_ *= scale;
    input_offset_ = input_offset_ * scale + offset;
    add_name(layer, true);
    return {};
  }
  if (auto r = check_can_fold(layer); !r) return r;
  fold(layer, std::vector<double>(current_.channels, scale), std::vector<double>(current_.channels, offset));
  return {};
}

result<void> chain_builder::clamp(const source_layer& layer, const layers::clamp& bounds) {
  if (unbounded(bounds)) {
    identity(layer);
    return {};
  }
  layers::clamp* last = made_.empty() || padding_ || waiting_ ? nullptr : bounds_of(made_.back().source.params);
  if (last == nullptr) return does_not_fit(layer, "there is no convolution right before it to take it in");
  last->low = std::clamp(last->low, bounds.low, bounds.high);
  last->high = std::clamp(last->high, bounds.low, bounds.high);
  made_.back().clamped = true;
  add_name(layer, true);
  return {};
}

result<void> chain_builder::global_average_pool(const source_layer& layer) {
  if (padding_) return does_not_fit(padding_->first, "no convolution follows it");
  if (flattened_) return does_not_fit(layer, "it follows a Flatten, after which only Dense layers are known");
  pooled_ = true;
  return start(layer, layers::global_average_pool{current_}, {}, 0);
}

result<void> chain_builder::probabilities(const source_layer& layer, const char* what, layers::description params) {
  if (padding_) return does_not_fit(padding_->first, "no convolution follows it");
  if (!is_vector()) return does_not_fit(layer, std::string(what) + " over an activation of " + to_string(current_));
  if (!made_.empty() && last_name(made_.back().source.names) == layer.name)
    made_.back().source.folded_names = made_.back().name_count;
  return start(layer, std::move(params), {}, 0);
}

result<void> chain_builder::softmax(const source_layer& layer) {
  return probabilities(layer, "softmax", layers::softmax{current_});
}

result<void> chain_builder::sigmoid(const source_layer& layer) {
  return probabilities(layer, "sigmoid", layers::sigmoid{current_});
}

result<void> chain_builder::flatten(const source_layer& layer) {
  if (padding_) return does_not_fit(padding_->first, "no convolution follows it");
  flattened_ = flattened_ || !is_vector();
  pooled_ = pooled_ || is_vector();
  add_name(layer, false);
  return {};
}

void chain_builder::identity(const source_layer& layer) { add_name(layer, false); }

std::uint32_t* chain_builder::scores_of(open_layer& made) {
  const shape out = layers::output_shape(made.source.params);
  if (out.height != 1 || out.width != 1) return nullptr;
  return std::visit(
      [](auto& p) -> std::uint32_t* {
        if constexpr (requires { p.out_channels; })
          return &p.out_channels;
        else
          return nullptr;
      },
      made.source.params);
}

bool chain_builder::ends_in_scores() {
  if (made_.empty() || padding_ || waiting_ || made_.back().clamped) return false;
  const std::uint32_t* const scores = scores_of(made_.back());
  return scores != nullptr && *scores >= 2;
}

result<void> chain_builder::drop_first_output(const source_layer& layer) {
  std::uint32_t* const scores = ends_in_scores() ? scores_of(made_.back()) : nullptr;
  if (scores == nullptr) return layer_error(layer, "it does not end in class scores");
  open_layer& last = made_.back();
  std::vector<double> kept;
  for (std::size_t i = 0; i < last.kernel.size(); ++i)
    if (i % *scores != 0) kept.push_back(last.kernel[i]);
  last.kernel = std::move(kept);
  last.bias.erase(last.bias.begin());
  *scores -= 1;
  current_ = layers::output_shape(last.source.params);
  return {};
}

void chain_builder::split_single_sigmoid() {
  if (made_.size() < 2 || !std::holds_alternative<layers::sigmoid>(made_.back().source.params)) return;
  open_layer& head = made_[made_.size() - 2];
  std::uint32_t* const scores = scores_of(head);
  const layers::clamp* const bounds = bounds_of(head.source.params);
  const bool keeps_zero = bounds != nullptr && bounds->low <= 0.0f && bounds->high >= 0.0f;
  if (scores == nullptr || *scores != 1 || !keeps_zero) return;
  std::vector<double> two;
  for (const double w : head.kernel) two.insert(two.end(), {0.0, w});
  head.kernel = std::move(two);
  head.bias.insert(head.bias.begin(), 0.0);
  *scores = 2;
  current_ = layers::output_shape(head.source.params);
  made_.back().source.params = layers::softmax{current_};
  notes_.push_back("the sigmoid of one score is read as the probability of the second of two classes");
}

result<layer_chain> chain_builder::finish() {
  if (padding_) return does_not_fit(padding_->first, "no convolution follows it");
  if (waiting_) return does_not_fit(waiting_->layer, "there is no convolution right before or after it to take it in");
  if (made_.empty()) return error{errc::unsupported, "the model has no layers that compute anything"};
  split_single_sigmoid();
  layer_chain chain;
  chain.scales_input = scales_input_;
  chain.input_scale = input_scale_;
  chain.input_offset = input_offset_;
  chain.notes = std::move(notes_);
  for (open_layer& made : made_) {
    const auto round = [](double v) { return static_cast<float>(v); };
    made.source.kernel.resize(made.kernel.size());
    std::transform(made.kernel.begin(), made.kernel.end(), made.source.kernel.begin(), round);
    made.source.bias.resize(made.bias.size());
    std::transform(made.bias.begin(), made.bias.end(), made.source.bias.begin(), round);
    chain.layers.push_back(std::move(made.source));
  }
  made_.clear();
  return chain;
}

}  // namespace mobilenet::tools
