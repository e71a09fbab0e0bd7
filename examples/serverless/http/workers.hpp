// Several processes that serve one port.
#pragma once

#include "../failure.hpp"
#include "../settings.hpp"

#include <cstdint>
#include <functional>

namespace serverless {

/// The port that s.port means, bound for as long as this process lives, so that workers can bind it as well.
/// errors   unavailable: names the address
outcome<std::uint16_t> reserve_port(const settings& s);

/// Runs work(index) in `count` child processes and waits for them. A child that a signal killed is replaced; one that
/// ends by itself, or within a second, ends all. SIGTERM and SIGINT are passed on, each time. Returns the exit status.
int run_workers(unsigned count, const std::function<int(unsigned index)>& work);

}  // namespace serverless
