#include "tfjs/network_topology.hpp"

#include <utility>
#include <variant>

namespace mobilenet::tools {

result<network_topology> finish_topology(chain_builder& builder) {
  network_topology made;
  if (builder.ends_in_scores()) {
    const source_layer added{"softmax", "Softmax"};
    if (builder.current().channels == imagenet_with_background) {
      if (auto r = builder.drop_first_output(added); !r) return std::move(r).error();
      made.notes.push_back("of 1001 scores the first, background, is left out");
    }
    if (auto r = builder.softmax(added); !r) return std::move(r).error();
    made.notes.push_back("the model ends in scores: a softmax makes probabilities of them");
  }
  auto chain = builder.finish();
  if (!chain) return std::move(chain).error();
  made.chain = *std::move(chain);
  made.notes.insert(made.notes.begin(), made.chain.notes.begin(), made.chain.notes.end());

  if (const auto* end = std::get_if<layers::softmax>(&made.chain.layers.back().params)) {
    made.output = output_kind::classes;
    if (end->in.channels == imagenet_with_background) {
      made.first_class = 1;
      made.notes.push_back("of 1001 probabilities the first, background, is not ranked");
    }
  } else if (std::holds_alternative<layers::sigmoid>(made.chain.layers.back().params)) {
    made.output = output_kind::classes;
    made.notes.push_back("each class has a probability of its own: they do not exclude each other");
  }
  return made;
}

}  // namespace mobilenet::tools
