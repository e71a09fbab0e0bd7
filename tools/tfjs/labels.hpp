// Class names in every form that people keep them in.
#pragma once

#include <mobilenet/error.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mobilenet::tools {

/// One name for each class, from
///
///   one name a line              with or without a byte order mark, "\r\n" or empty lines at the end
///   ["cat", "dog"]               JSON
///   {"cat": 0, "dog": 1}         Keras's class_indices
///   {"0": "cat", "1": "dog"}     the same turned round; or {"0": ["n02124075", "cat"]}, as Keras has ImageNet
///   {"labels": ["cat", "dog"]}   Teachable Machine's metadata.json
///
/// A list for 1000 classes may begin with "background", which is not a class.
/// errors   invalid_argument: says which line or field is wrong, or how many names there are
result<std::vector<std::string>> parse_labels(std::string_view text, std::uint32_t classes);

}  // namespace mobilenet::tools
