// Threads that share the work of one layer.
#pragma once

#include <mobilenet/error.hpp>
#include <mobilenet/platform/processors.hpp>

#if !MOBILENET_HAS_THREADS
#include <mobilenet/platform/one_thread.hpp>
#else

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <type_traits>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

/// A fixed number of threads, the caller's among them, that run one loop at a time. Idle workers block. Before they
/// block they spin for 50 microseconds: waking a sleeping thread costs up to 50, and the layers of a network follow
/// each other faster. They do not spin if there are more threads than processors. The caller waits only for workers
/// that joined a loop; it computes the share of a worker that is still asleep.
/// Move-only. Used by one thread at a time. A forked child has none of the threads and must create its own pools.
class thread_pool {
 public:
  thread_pool() = default;

  static constexpr unsigned most_threads = 1024;

  /// threads  the caller's included, at most most_threads; 0 means usable_processors()
  /// errors   invalid_argument: too many; out_of_memory: the system refused another thread
  static result<thread_pool> create(unsigned threads) {
    if (threads == 0) threads = std::min(usable_processors(), most_threads);
    if (threads > most_threads)
      return error{errc::invalid_argument, "thread pool: threads is " + std::to_string(threads) +
                                               ", expected at most " + std::to_string(most_threads)};
    thread_pool pool;
    if (threads == 1) return pool;

    pool.state_.reset(new (std::nothrow) state);
    if (!pool.state_) return error{errc::out_of_memory, "thread pool: no memory"};
    pool.state_->workers.reserve(threads - 1);
    pool.state_->spin_time = std::chrono::microseconds(threads <= usable_processors() ? 50 : 0);
    while (pool.state_->workers.size() < threads - 1) {
      pthread_t worker{};
      const int failed = ::pthread_create(&worker, nullptr, &work, pool.state_.get());
      if (failed != 0)
        return error{errc::out_of_memory, "thread pool: thread " + std::to_string(pool.state_->workers.size() + 2) +
                                              " of " + std::to_string(threads) +
                                              " could not be started: " + std::strerror(failed)};
      pool.state_->workers.push_back(worker);
    }
    return pool;
  }

  unsigned threads() const noexcept { return state_ ? static_cast<unsigned>(state_->workers.size()) + 1 : 1; }

  /// Calls f(i), or f(i, worker) if f takes two arguments, once for every i in [0, count) in no particular order.
  /// Returns when all calls have returned. Two calls with the same worker, 0 <= worker < threads(), never overlap.
  /// f must not throw. Allocates nothing.
  template <class F>
  void for_each(std::size_t count, F&& f) noexcept {
    if (!state_ || count < 2) {
      for (std::size_t i = 0; i < count; ++i) call(f, i, 0);
      return;
    }
    using body = std::remove_reference_t<F>;
    state_->run({.body = const_cast<void*>(static_cast<const void*>(std::addressof(f))),
                 .call = [](void* b, std::size_t i, unsigned worker) { call(*static_cast<body*>(b), i, worker); },
                 .count = count});
  }

 private:
  template <class F>
  static void call(F& f, std::size_t i, [[maybe_unused]] unsigned worker) noexcept {
    if constexpr (std::is_invocable_v<F&, std::size_t, unsigned>)
      f(i, worker);
    else
      f(i);
  }

  struct loop {
    void* body = nullptr;
    void (*call)(void*, std::size_t, unsigned) = nullptr;
    std::size_t count = 0;
  };

  // One loop, from the caller's side and from a worker's:
  //
  //   caller   write `current`  ->  accept  ->  take iterations  ->  close  ->  wait until no worker is active
  //   worker   wait for a new generation  ->  join while accepting  ->  take iterations  ->  leave
  //
  // A worker that wakes after the caller closed the loop does not join. `current` is written only while no worker is
  // active, so workers read it without a lock.
  struct state {
    static constexpr std::uint32_t accepting = 1u << 31;

    std::vector<pthread_t> workers;
    std::chrono::microseconds spin_time{0};
    std::atomic<unsigned> started{0};          // numbers the workers
    std::atomic<std::uint32_t> generation{0};  // counts loops; a worker sleeps until it changes
    std::atomic<std::uint32_t> active{0};      // number of workers inside the loop, and the flag `accepting`
    std::atomic<std::size_t> next{0};          // the loop's next iteration
    std::atomic<bool> ended{false};
    loop current;

    void run(const loop& l) noexcept {
      current = l;
      next.store(0, std::memory_order_relaxed);            // published by the next store
      active.store(accepting, std::memory_order_release);  // publishes `current` to workers that join
      generation.fetch_add(1, std::memory_order_release);  // publishes `active` to workers that wake
      generation.notify_all();
      take_iterations(0);

      // acquire: what the workers wrote in their iterations is visible once they left.
      std::uint32_t inside = active.fetch_and(~accepting, std::memory_order_acq_rel) & ~accepting;
      const auto none_active = [&] { return (inside = active.load(std::memory_order_acquire)) == 0; };
      spin_until(none_active);
      while (!none_active()) active.wait(inside);
    }

    bool join() noexcept {
      std::uint32_t seen = active.load(std::memory_order_relaxed);
      while ((seen & accepting) != 0)  // acquire: reads the `current` that run() published
        if (active.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire, std::memory_order_relaxed))
          return true;
      return false;
    }
    void leave() noexcept {  // release: publishes the results of this worker's iterations to run()
      if (active.fetch_sub(1, std::memory_order_acq_rel) == 1) active.notify_one();
    }

    void take_iterations(unsigned worker) noexcept {
      for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < current.count;)
        current.call(current.body, i, worker);
    }

    template <class Condition>
    void spin_until(Condition condition) const noexcept {
      if (spin_time.count() == 0) return;
      const auto end = std::chrono::steady_clock::now() + spin_time;
      do {
        for (int i = 0; i < 32; ++i) {
          if (condition()) return;
#if defined(__x86_64__) || defined(__i386__)
          __builtin_ia32_pause();
#elif defined(__aarch64__)
          __asm__ volatile("yield");
#endif
        }
      } while (std::chrono::steady_clock::now() < end);
    }

    ~state() {
      ended.store(true, std::memory_order_relaxed);  // published by the next line
      generation.fetch_add(1, std::memory_order_release);
      generation.notify_all();
      for (const pthread_t worker : workers) ::pthread_join(worker, nullptr);
    }
  };

  static void* work(void* argument) noexcept {
    auto& shared = *static_cast<state*>(argument);
    const unsigned worker = shared.started.fetch_add(1, std::memory_order_relaxed) + 1;
    for (std::uint32_t seen = 0;;) {
      shared.spin_until([&] { return shared.generation.load(std::memory_order_relaxed) != seen; });
      shared.generation.wait(seen, std::memory_order_relaxed);
      seen = shared.generation.load(std::memory_order_acquire);
      if (shared.ended.load(std::memory_order_relaxed)) return nullptr;
      if (!shared.join()) continue;
      shared.take_iterations(worker);
      shared.leave();
    }
  }

  std::unique_ptr<state> state_;
};

MOBILENET_NAMESPACE_END

#endif
