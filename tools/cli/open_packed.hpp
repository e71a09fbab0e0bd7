// Opening a packed model that a person named: whatever else they named instead gets a sentence.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/model/open.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace mobilenet::tools {

/// errors   those of open_model; a URL, a folder or a file of another kind is named as what it is
result<packed_model> open_packed(const std::string& path);

/// The layers that have an activation, by their tfjs names, in the order of execution.
std::vector<std::string_view> layer_names(const packed_model& model);

/// The value of a layer, by its tfjs name.
/// errors   those of packed_model::activation_of, with names that are like the one that was asked for
result<value_id> find_layer(const packed_model& model, const std::string& name);

}  // namespace mobilenet::tools
