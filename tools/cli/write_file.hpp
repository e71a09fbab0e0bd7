// Writing a file so that its name only ever stands for all of it.
#pragma once

#include <mobilenet/error.hpp>

#include <cstddef>
#include <span>
#include <string>

namespace mobilenet::tools {

/// Writes bytes under a name all at once: into a file without a name in the same folder, to the disk, then
/// under the name. Whoever reads or maps an older file of that name keeps it whole. When anything fails, or
/// the program is interrupted or killed meanwhile, the name stands for what it stood for before and no
/// temporary file stays. (Where the file system cannot make files without a name, a temporary name is used,
/// and SIGKILL or a power cut may leave that.) A symbolic link is followed, and stays.
///
/// errors   io_error, naming the path; invalid_argument: the name is that of a folder, device or pipe
result<void> write_file(const std::string& path, std::span<const std::byte> bytes);

}  // namespace mobilenet::tools
