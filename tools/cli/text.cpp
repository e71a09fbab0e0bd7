#include "cli/text.hpp"

#include <algorithm>
#include <cstddef>

namespace mobilenet::tools {
namespace {

bool continues_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

// Length of the well-formed UTF-8 character at the start of text; 0 where there is none (Unicode 15, table 3-7).
std::size_t character_length(std::string_view text) {
  const auto at = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const auto within = [&](std::size_t i, unsigned low, unsigned high) { return at(i) >= low && at(i) <= high; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return within(1, 0x80, 0xbf) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const bool second = within(1, first == 0xe0 ? 0xa0 : 0x80, first == 0xed ? 0x9f : 0xbf);
    return second && within(2, 0x80, 0xbf) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const bool second = within(1, first == 0xf0 ? 0x90 : 0x80, first == 0xf4 ? 0x8f : 0xbf);
    return second && within(2, 0x80, 0xbf) && within(3, 0x80, 0xbf) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string with_separators(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (std::size_t place = digits.size(); place > 3; place -= 3) digits.insert(place - 3, ",");
  return digits;
}

std::string printable(std::string_view text) {
  std::string line;
  while (!text.empty()) {
    const std::size_t length = std::max<std::size_t>(1, character_length(text));
    const auto first = static_cast<unsigned char>(text[0]);
    const auto second = length == 2 ? static_cast<unsigned char>(text[1]) : 0u;
    // U+0080 to U+009F are control characters too, as are their bytes where a terminal knows no UTF-8.
    const bool control = first < 0x20 || first == 0x7f || (length == 1 && first >= 0x80 && first < 0xa0) ||
                         (first == 0xc2 && second < 0xa0);
    line += control ? std::string_view("?") : text.substr(0, length);
    text.remove_prefix(length);
  }
  return line;
}

std::string to_utf8(std::string_view text) {
  std::string valid;
  valid.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    if (length == 0) {
      valid += "\xef\xbf\xbd";
      text.remove_prefix(1);
    } else {
      valid += text.substr(0, length);
      text.remove_prefix(length);
    }
  }
  return valid;
}

std::size_t columns(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::count_if(text.begin(), text.end(), continues_character));
}

std::string shortened(std::string_view text, std::size_t most_columns) {
  if (columns(text) <= most_columns) return std::string(text);
  const std::size_t kept = most_columns > 3 ? most_columns - 3 : 0;
  std::size_t end = 0;
  for (std::size_t taken = 0; end < text.size(); ++end)
    if (!continues_character(text[end]) && taken++ == kept) break;
  return std::string(text.substr(0, end)) + std::string("...").substr(0, most_columns - kept);
}

}  // namespace mobilenet::tools
