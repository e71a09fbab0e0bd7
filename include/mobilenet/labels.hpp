// From probabilities to names.
#pragma once

#include <mobilenet/model/packed_model.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// One class and how likely it is. Two classes may have the same name (ImageNet has "crane" twice, 134 and
/// 517): the index identifies a class, the name does not.
struct prediction {
  std::uint32_t class_index = 0;  ///< counts from the first class: 0 is "tench" in ImageNet, background or not
  std::string_view class_name;    ///< lives in the packed model; empty for a model without labels
  float probability = 0.0f;
};

/// The k most probable classes, most probable first; equal probabilities keep the lower index first, as tfjs
/// orders them. Fewer than k where there are fewer classes; NaN ranks last.
///
/// output   what network::run gives for this model: outputs before model.class_offset() are not ranked
inline std::vector<prediction> top_k(const packed_model& model, std::span<const float> output, std::size_t k) {
  std::vector<prediction> best;
  if (output.size() <= model.class_offset()) return best;
  const std::size_t count = std::min<std::size_t>(model.class_count(), output.size() - model.class_offset());
  const auto ranks_before = [](float a, float b) { return a > b || (std::isnan(b) && !std::isnan(a)); };
  k = std::min(k, count);
  best.reserve(k + 1);
  for (std::uint32_t i = 0; i < count; ++i) {
    const float probability = output[model.class_offset() + i];
    if (best.size() == k && (k == 0 || !ranks_before(probability, best.back().probability))) continue;
    const auto place = std::upper_bound(best.begin(), best.end(), probability, [&](float p, const prediction& other) {
      return ranks_before(p, other.probability);
    });
    best.insert(place, {i, {}, probability});
    if (best.size() > k) best.pop_back();
  }
  for (prediction& p : best) p.class_name = model.label(p.class_index);
  return best;
}

MOBILENET_NAMESPACE_END
