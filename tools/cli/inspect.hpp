// What `mobilenet inspect` does.
#pragma once

#include <mobilenet/error.hpp>

#include <string>

namespace mobilenet::tools {

struct inspect_options {
  std::string model;
  bool layers = false;  ///< only the names of the layers that have an activation, one a line
  bool verify = false;  ///< compare all checksums and replay the self-test on every back end
};

/// Prints what a packed model holds on standard output.
/// errors   those of open_model; with verify checksum_mismatch, or backend_failure if a back end's
///          answer to the self-test is not the recorded one; standard output cannot be written
result<void> inspect(const inspect_options& options);

}  // namespace mobilenet::tools
