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

result<network_topology> finish_topology(network_builder& builder, activation output) {
  network_topology made;
  if (builder.is_scores(output)) {
    const layer_origin added{"softmax", "Softmax"};
    if (output.dimensions().channels == imagenet_with_background) {
      output = builder.drop_first_score(std::move(output));
      made.notes.push_back("of 1001 scores the first, background, is left out");
    }
    auto probabilities = builder.softmax(added, std::move(output));
    if (!probabilities) return std::move(probabilities).error();
    output = *std::move(probabilities);
    made.notes.push_back("the model ends in scores: a softmax makes probabilities of them");
  }
  auto network = builder.finish(std::move(output));
  if (!network) return std::move(network).error();
  made.network = *std::move(network);
  made.notes.insert(made.notes.begin(), made.network.notes.begin(), made.network.notes.end());

  const layers::any_layer& last = made.network.layers.back().layer;
  const auto* const function = std::get_if<layers::activation>(&last);
  if (const auto* end = std::get_if<layers::softmax>(&last)) {
    made.output = output_kind::classes;
    if (end->in.channels == imagenet_with_background) {
      made.class_offset = 1;
      made.notes.push_back("of 1001 probabilities the first, background, is not ranked");
    }
  } else if (function != nullptr && function->function == layers::function::sigmoid) {
    made.output = output_kind::classes;
    made.notes.push_back("each class has a probability of its own: they do not exclude each other");
  }
  return made;
}

}  // namespace mobilenet::tools
