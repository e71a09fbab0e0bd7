#include "tfjs/layer_origin.hpp"

#include "tfjs/json_value.hpp"

namespace mobilenet::tools {

error layer_error(const layer_origin& origin, const std::string& what, errc code) {
  return {code, std::string(origin.called) + " '" + excerpt(origin.name) + "' (" + excerpt(origin.kind) + "): " + what};
}

error does_not_fit(const layer_origin& origin, const std::string& why) {
  return layer_error(origin, "not part of a MobileNet" + (why.empty() ? why : ": " + why));
}

}  // namespace mobilenet::tools
