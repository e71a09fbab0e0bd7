// An input file, or standard input, as a whole.
#pragma once

#include <mobilenet/error.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace mobilenet::tools {

/// Reads a whole file, or standard input where path is "-".
/// errors   io_error, without the path: cannot be opened or read, is a folder, is empty, is longer than limit
result<std::vector<std::byte>> read_input(const std::string& path, std::size_t limit);

}  // namespace mobilenet::tools
