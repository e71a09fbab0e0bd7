// What people hand over instead of a model.json, and what they can do about it.
#pragma once

#include "tfjs/json_value.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace mobilenet::tools {

/// A phrase that says what a file is and how a model.json is made of it: "a zip archive: unpack it, and name the
/// folder". Empty for files of no known kind, and for JSON.
std::string what_file_is(std::string_view name, std::span<const std::byte> bytes);

/// The same for JSON.
std::string what_json_is(const json_value& root);

/// Whether a path is a URL, which no command opens.
bool is_url(std::string_view path);

}  // namespace mobilenet::tools
