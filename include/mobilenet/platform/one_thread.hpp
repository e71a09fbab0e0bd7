// thread_pool for a platform without threads: part of threads.hpp, which is what to include.
#pragma once

#include <mobilenet/error.hpp>

#include <cstddef>
#include <string>
#include <type_traits>

MOBILENET_NAMESPACE_BEGIN

/// The thread_pool of a platform that has one thread: the caller's.
class thread_pool {
 public:
  thread_pool() = default;

  static constexpr unsigned most_threads = 1;

  /// threads  1; 0 means usable_processors(), which is 1
  /// errors   invalid_argument: more than one
  static result<thread_pool> create(unsigned threads) {
    if (threads > most_threads)
      return error{errc::invalid_argument, "thread pool: threads is " + std::to_string(threads) +
                                               ", expected at most 1: this platform has no threads"};
    return thread_pool();
  }

  unsigned threads() const noexcept { return 1; }

  /// Calls f(i), or f(i, 0) if f takes two arguments, for every i in [0, count).
  template <class F>
  void for_each(std::size_t count, F&& f) noexcept {
    for (std::size_t i = 0; i < count; ++i)
      if constexpr (std::is_invocable_v<F&, std::size_t, unsigned>)
        f(i, 0u);
      else
        f(i);
  }
};

MOBILENET_NAMESPACE_END
