// The probabilities that a model without a softmax leaves to its caller.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

namespace support {

inline std::vector<float> softmax(std::vector<float> scores) {
  const float highest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const float s : scores) sum += std::exp(static_cast<double>(s - highest));
  for (float& s : scores) s = static_cast<float>(std::exp(static_cast<double>(s - highest)) / sum);
  return scores;
}

}  // namespace support
