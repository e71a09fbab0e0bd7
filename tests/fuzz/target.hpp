// What the fuzz targets share. Each is one function, called by libFuzzer or by replay.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

namespace fuzz {

/// Ends the program where something does not hold: that is what both callers notice.
inline void require(bool holds) {
  if (!holds) std::abort();
}

/// An error is one line for a person.
inline int check_message(std::string_view message) {
  require(!message.empty() && message.find('\n') == message.npos);
  return 0;
}

/// Reads every element, so that AddressSanitizer sees those that are not there.
template <class T>
void read_all(std::span<const T> elements) {
  volatile T last{};
  for (const T e : elements) last = e;
  static_cast<void>(last);
}
template <class T>
void read_all(std::span<T> elements) {
  read_all(std::span<const T>(elements));
}

}  // namespace fuzz
