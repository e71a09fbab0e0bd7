// Base64 to bytes, in the same memory.
#pragma once

#include "failure.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace serverless {

namespace detail {

inline constexpr std::uint32_t not_base64 = 0xff000000;

// Value of a character, already shifted to its place among the 24 bits of a group of four.
inline constexpr auto base64_tables = [] {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::array<std::uint32_t, 256>, 4> tables{};
  for (std::size_t place = 0; place < 4; ++place) {
    auto& table = tables[place];
    table.fill(not_base64);
    const auto shift = 18 - 6 * place;
    for (std::uint32_t v = 0; v < 64; ++v) table[static_cast<unsigned char>(alphabet[v])] = v << shift;
    table['-'] = 62u << shift;  // the alphabet of URLs and JSON web tokens
    table['_'] = 63u << shift;
  }
  return tables;
}();

inline failure bad_base64(const unsigned char* text, std::size_t at) {
  constexpr char digits[] = "0123456789abcdef";
  const unsigned char c = text[at];
  std::string found = {'0', 'x', digits[c >> 4], digits[c & 15]};
  if (c > ' ' && c < 0x7f && c != '"' && c != '\\') found = {'\'', static_cast<char>(c), '\''};
  return {kind::invalid_base64, "found " + found + " at position " + std::to_string(at) + ", expected base64"};
}

}  // namespace detail

/// Decodes base64 where it stands: the bytes take the first three quarters of the text's place. Both alphabets,
/// line breaks and blanks between, padding optional.
/// errors   invalid_base64
inline outcome<std::span<std::byte>> decode_base64(std::span<char> encoded) {
  const auto* text = reinterpret_cast<const unsigned char*>(encoded.data());
  auto* out = reinterpret_cast<unsigned char*>(encoded.data());
  const std::size_t length = encoded.size();
  const auto& [first, second, third, fourth] = detail::base64_tables;
  const auto is_blank = [](unsigned char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; };

  std::size_t in = 0;
  std::size_t written = 0;
  for (;;) {
    for (; in + 4 <= length; in += 4) {
      const std::uint32_t group = first[text[in]] | second[text[in + 1]] | third[text[in + 2]] | fourth[text[in + 3]];
      if (group >= detail::not_base64) break;
      out[written++] = static_cast<unsigned char>(group >> 16);
      out[written++] = static_cast<unsigned char>(group >> 8);
      out[written++] = static_cast<unsigned char>(group);
    }
    // A group with something else in it: a line break somewhere, the padding, or the end.
    std::uint32_t group = 0;
    unsigned digits = 0;
    for (; digits < 4 && in < length; ++in) {
      if (is_blank(text[in])) continue;
      if (text[in] == '=') break;
      const std::uint32_t value = fourth[text[in]];
      if (value == detail::not_base64) return detail::bad_base64(text, in);
      group = group << 6 | value;
      ++digits;
    }
    if (digits == 4) {
      out[written++] = static_cast<unsigned char>(group >> 16);
      out[written++] = static_cast<unsigned char>(group >> 8);
      out[written++] = static_cast<unsigned char>(group);
      continue;
    }
    unsigned padding = 0;
    for (; in < length; ++in) {
      if (is_blank(text[in])) continue;
      if (text[in] != '=' || digits < 2 || ++padding > 4 - digits) return detail::bad_base64(text, in);
    }
    if (digits == 1)
      return failure{kind::invalid_base64, "the text ends within a group of four characters, expected base64"};
    if (digits >= 2) out[written++] = static_cast<unsigned char>(group >> (digits == 2 ? 4 : 10));
    if (digits == 3) out[written++] = static_cast<unsigned char>(group >> 2);
    return std::span(reinterpret_cast<std::byte*>(out), written);
  }
}

}  // namespace serverless
