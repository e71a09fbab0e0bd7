// The last failure of an instance, for its host to read.
#pragma once

#include "module.hpp"

#include <mobilenet/error.hpp>

namespace mobilenet::wasm {

/// Keeps an error for message() and code(). Returns what an export returns then: 1 plus the errc.
status fail(const error& e);

}  // namespace mobilenet::wasm
