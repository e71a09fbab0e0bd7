// Numbers and foreign text made fit for a terminal, a log line or JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mobilenet::tools {

/// 1234567 as "1,234,567".
std::string with_separators(std::uint64_t number);

/// Text on one line: control characters, which could move a terminal's cursor or fake a second line, become '?'.
std::string printable(std::string_view text);

/// Text with whatever is not UTF-8 replaced by U+FFFD. File names may hold any byte, JSON may not.
std::string to_utf8(std::string_view text);

/// Columns that text takes on a terminal, counting one for each UTF-8 character.
std::size_t columns(std::string_view text);

/// The first characters of text, at most so many columns; "..." at the end where something was left out.
std::string shortened(std::string_view text, std::size_t most_columns);

}  // namespace mobilenet::tools
