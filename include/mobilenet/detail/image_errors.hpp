// The errors that several decoders and their checks report.
#pragma once

#include <mobilenet/error.hpp>

#include <string>
#include <string_view>
#include <utility>

MOBILENET_NAMESPACE_BEGIN
namespace detail {

inline error truncated_image() { return {errc::invalid_image, "image: truncated: the file ends before the pixels do"}; }
inline error damaged_image(std::string_view what) {
  std::string message = "image: damaged: ";
  for (const char c : what) message += c >= ' ' && c <= '~' ? c : '?';  // decoders quote what they find as it is
  return {errc::invalid_image, std::move(message)};
}

}  // namespace detail
MOBILENET_NAMESPACE_END
