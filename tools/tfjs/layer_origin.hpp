// Which layer of the source model something came from.
#pragma once

#include <mobilenet/error.hpp>

#include <string>

namespace mobilenet::tools {

/// A layer or node of the source model: the subject of every error about it.
struct layer_origin {
  std::string name;
  std::string kind;              ///< the framework's word: "Conv2D"
  const char* called = "layer";  ///< "node" in a graph
};

/// "layer 'conv1' (Conv2D): what".
error layer_error(const layer_origin& origin, const std::string& what, errc code = errc::unsupported);

/// The same for an operation that no MobileNet has: "layer 'x' (LSTM): not part of a MobileNet: why".
error does_not_fit(const layer_origin& origin, const std::string& why = {});

}  // namespace mobilenet::tools
