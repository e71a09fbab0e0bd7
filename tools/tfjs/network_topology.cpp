#include "tfjs/network_topology.hpp"

#include <utility>
#include <variant>

namespace mobilenet::tools {

result<shape> input_shape_of(std::optional<std::uint32_t> height, std::optional<std::uint32_t> width,
                             std::uint32_t channels, const topology_options& options, std::vector<std::string>& notes) {
  if (height && width) {
    if (options.input_size && (*options.input_size != *height || *options.input_size != *width))
      return error{errc::invalid_argument, "input size: found " + std::to_string(*options.input_size) +
                                               ", expected none: the model's input is " + std::to_string(*height) +
                                               "x" + std::to_string(*width)};
    return shape{*height, *width, channels};
  }
  const std::uint32_t size = options.input_size.value_or(default_input_size);
  if (!options.input_size)
    notes.push_back("the model takes images of any size: it is converted for " + std::to_string(size) + "x" +
                    std::to_string(size) + " (--input-size for another)");
  return shape{height.value_or(size), width.value_or(size), channels};
}

namespace {

// What a linear output is, where nobody said it.
output_kind kind_of(std::uint32_t outputs, const topology_options& options, std::vector<std::string>& notes) {
  const bool classes = options.has_labels || outputs == imagenet || outputs == imagenet_with_background;
  if (classes && outputs > 1) return output_kind::classes;
  notes.push_back("the model ends in " + std::to_string(outputs) + " linear output" + (outputs == 1 ? "" : "s") +
                  ", kept as values" + (outputs == 1 ? "" : " (--output-kind classes makes probabilities of them)"));
  return output_kind::values;
}

// A softmax behind the scores of classes.
result<activation> probabilities_of(network_builder& builder, activation scores, std::vector<std::string>& notes) {
  if (scores.dimensions().channels == imagenet_with_background) {
    scores = builder.drop_first_score(std::move(scores));
    notes.push_back("of 1001 scores the first, background, is left out");
  }
  notes.push_back("the model ends in scores: a softmax makes probabilities of them");
  return builder.softmax({"softmax", "Softmax"}, std::move(scores));
}

}  // namespace

result<network_topology> finish_topology(network_builder& builder, activation output, const topology_options& options) {
  network_topology made;
  made.output = options.kind.value_or(output_kind::features);
  if (builder.is_linear(output)) {
    made.output = options.kind ? *options.kind : kind_of(output.dimensions().channels, options, made.notes);
    if (made.output == output_kind::classes && output.dimensions().channels > 1) {
      auto probabilities = probabilities_of(builder, std::move(output), made.notes);
      if (!probabilities) return std::move(probabilities).error();
      output = *std::move(probabilities);
    }
  }
  const bool may_be_classes = !options.kind || *options.kind == output_kind::classes;
  if (may_be_classes) builder.split_single_sigmoid(output);
  auto network = builder.finish(std::move(output));
  if (!network) return std::move(network).error();
  made.network = *std::move(network);
  made.notes.insert(made.notes.begin(), made.network.notes.begin(), made.network.notes.end());

  const layers::any_layer& last = made.network.layers.back().layer;
  const auto* const softmax = std::get_if<layers::softmax>(&last);
  const auto* const function = std::get_if<layers::activation>(&last);
  const bool sigmoid = function != nullptr && function->function == layers::function::sigmoid;
  if (!may_be_classes) return made;
  if (softmax == nullptr && !sigmoid) {
    if (options.kind)
      return error{errc::invalid_argument,
                   "output kind: found classes, expected features or values: the model ends in " +
                       std::string(layers::kind_name(last)) + " of " + to_string(layers::output_type(last))};
    return made;
  }
  made.output = output_kind::classes;
  if (softmax != nullptr && softmax->in.channels == imagenet_with_background) {
    made.class_offset = 1;
    made.notes.push_back("of 1001 probabilities the first, background, is not ranked");
  }
  if (sigmoid) made.notes.push_back("each class has a probability of its own: they do not exclude each other");
  return made;
}

}  // namespace mobilenet::tools
