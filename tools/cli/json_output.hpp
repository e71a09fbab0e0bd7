// JSON that this program writes.
#pragma once

#include "cli/text.hpp"
#include "tfjs/json_types.hpp"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <string>
#include <string_view>

namespace mobilenet::tools {

using json_buffer = rapidjson::GenericStringBuffer<rapidjson::UTF8<>, throwing_allocator>;
using json_writer = rapidjson::Writer<json_buffer, rapidjson::UTF8<>, rapidjson::UTF8<>, throwing_allocator>;

/// Writes text that may hold any byte; to_utf8() replaces what is not UTF-8.
inline void write_string(json_writer& json, std::string_view text) {
  const std::string valid = to_utf8(text);
  json.String(valid.data(), static_cast<rapidjson::SizeType>(valid.size()));
}

}  // namespace mobilenet::tools
