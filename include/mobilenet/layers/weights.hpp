#pragma once

#include <mobilenet/tensor.hpp>

MOBILENET_NAMESPACE_BEGIN

/// A layer's weights where they lie in the packed model. Non-owning; all null for a layer without weights.
struct weights {
  const void* kernel = nullptr;  ///< panels, see the layers
  element type = element::f32;   ///< of the kernel
  const float* bias = nullptr;   ///< [16 * panels], zero padded
};

MOBILENET_NAMESPACE_END
