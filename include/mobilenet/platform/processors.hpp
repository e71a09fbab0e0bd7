// How many processors this process may use.
#pragma once

#include <mobilenet/namespace.hpp>

#ifdef __linux__
#include <sched.h>
#endif

#include <algorithm>
#include <cstdio>

// WebAssembly has threads only where memory can be shared.
#if defined(__wasm__) && !defined(__wasm_atomics__)
#define MOBILENET_HAS_THREADS 0
#else
#define MOBILENET_HAS_THREADS 1
#include <thread>
#endif

MOBILENET_NAMESPACE_BEGIN

namespace detail {

/// ceil(quota / period) of the cgroup that limits this process; 0 if no limit is found.
inline unsigned cgroup_processors() noexcept {
  const auto ceil_ratio = [](long quota, long period) {
    return quota > 0 && period > 0 ? static_cast<unsigned>((quota + period - 1) / period) : 0u;
  };
  long quota = 0;
  long period = 0;
  if (std::FILE* v2 = std::fopen("/sys/fs/cgroup/cpu.max", "re")) {  // "max 100000" if unlimited
    const int fields = std::fscanf(v2, "%ld %ld", &quota, &period);
    std::fclose(v2);
    return fields == 2 ? ceil_ratio(quota, period) : 0;
  }
  const auto read_number = [](const char* path, long& value) {
    std::FILE* file = std::fopen(path, "re");
    if (file == nullptr) return false;
    const bool read = std::fscanf(file, "%ld", &value) == 1;
    std::fclose(file);
    return read;
  };
  if (read_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", quota) &&
      read_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us", period))
    return ceil_ratio(quota, period);
  return 0;
}

}  // namespace detail

/// The smaller of this process's CPU affinity and its cgroup's quota: what a container or a function instance was
/// given. At least 1.
inline unsigned usable_processors() noexcept {
#if MOBILENET_HAS_THREADS
  unsigned processors = std::max(1u, std::thread::hardware_concurrency());
#else
  unsigned processors = 1;
#endif
#ifdef __linux__
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    processors = std::max(1u, static_cast<unsigned>(CPU_COUNT(&allowed)));
  const unsigned quota = detail::cgroup_processors();
  if (quota != 0) processors = std::min(processors, quota);
#endif
  return processors;
}

MOBILENET_NAMESPACE_END
