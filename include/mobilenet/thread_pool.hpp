// Threads that share the work of one layer.
#pragma once

#include <mobilenet/error.hpp>

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

MOBILENET_NAMESPACE_BEGIN

namespace detail {

// ceil(quota / period) of the cgroup this process may be limited by, 0 where there is no limit to be found.
inline unsigned cgroup_processors() noexcept {
  const auto ceil_ratio = [](long quota, long period) {
    return quota > 0 && period > 0 ? static_cast<unsigned>((quota + period - 1) / period) : 0u;
  };
  long quota = 0;
  long period = 0;
  if (std::FILE* v2 = std::fopen("/sys/fs/cgroup/cpu.max", "re")) {  // "max 100000" where unlimited
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

/// How many processors this process can really use: the smaller of its CPU affinity and its cgroup's quota,
/// which is what a container or a function instance was given. At least 1.
inline unsigned usable_processors() noexcept {
  unsigned processors = std::max(1u, std::thread::hardware_concurrency());
#ifdef __linux__
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    processors = std::max(1u, static_cast<unsigned>(CPU_COUNT(&allowed)));
#endif
  const unsigned quota = detail::cgroup_processors();
  return quota == 0 ? processors : std::min(processors, quota);
}

/// A fixed number of threads, the caller's among them, that run one loop at a time. Workers block while there is
/// nothing to do. Before that they watch for 50 microseconds, because waking a sleeping thread costs up to 50, and
/// the layers of a network follow each other faster; not so where there are more threads than processors. A worker to
/// which the system gives no processor is not waited for: the others take its share.
/// Move-only. Used by one thread at a time. A forked child has none of the threads: it makes pools of its own.
class thread_pool {
 public:
  thread_pool() = default;

  static constexpr unsigned most_threads = 1024;

  /// threads  the caller's included, at most most_threads; 0 asks for usable_processors()
  /// errors   invalid_argument: too many; out_of_memory: the system would not give another thread
  static result<thread_pool> create(unsigned threads) {
    if (threads == 0) threads = std::min(usable_processors(), most_threads);
    if (threads > most_threads)
      return error{errc::invalid_argument, "thread pool: threads is " + std::to_string(threads) +
                                               ", expected at most " + std::to_string(most_threads)};
    thread_pool pool;
    if (threads == 1) return pool;
    pool.shared_.reset(new (std::nothrow) shared_state);
    if (!pool.shared_) return error{errc::out_of_memory, "thread pool: no memory"};
    pool.shared_->workers.reserve(threads - 1);
    pool.shared_->watch = threads <= usable_processors() ? std::chrono::microseconds(50) : std::chrono::microseconds(0);
    while (pool.shared_->workers.size() < threads - 1) {
      pthread_t worker{};
      const int failed = ::pthread_create(&worker, nullptr, &work, pool.shared_.get());
      if (failed != 0)
        return error{errc::out_of_memory, "thread pool: thread " + std::to_string(pool.shared_->workers.size() + 2) +
                                              " of " + std::to_string(threads) +
                                              " could not be started: " + std::strerror(failed)};
      pool.shared_->workers.push_back(worker);
    }
    return pool;
  }

  unsigned threads() const noexcept { return shared_ ? static_cast<unsigned>(shared_->workers.size()) + 1 : 1; }

  /// Calls f(i), or f(i, worker) where f takes two, once for every i in [0, count), in no particular order, and
  /// returns when all calls have. No two calls with one worker, which is less than threads(), overlap.
  /// f must not throw. Allocates nothing.
  template <class F>
  void for_each(std::size_t count, F&& f) noexcept {
    if (!shared_ || count < 2) {
      for (std::size_t i = 0; i < count; ++i) call(f, i, 0);
      return;
    }
    using body = std::remove_reference_t<F>;
    shared_->body = const_cast<void*>(static_cast<const void*>(std::addressof(f)));
    shared_->call = [](void* b, std::size_t i, unsigned worker) { call(*static_cast<body*>(b), i, worker); };
    shared_->count = count;
    shared_->next.store(0, std::memory_order_relaxed);
    shared_->inside.store(open, std::memory_order_release);
    shared_->generation.fetch_add(1, std::memory_order_release);
    shared_->generation.notify_all();
    shared_->take_items(0);
    std::uint32_t inside = shared_->inside.fetch_and(~open, std::memory_order_acq_rel) & ~open;
    const auto nobody_inside = [&] { return (inside = shared_->inside.load(std::memory_order_acquire)) == 0; };
    shared_->watch_until(nobody_inside);
    while (!nobody_inside()) shared_->inside.wait(inside);
  }

 private:
  template <class F>
  static void call(F& f, std::size_t i, [[maybe_unused]] unsigned worker) noexcept {
    if constexpr (std::is_invocable_v<F&, std::size_t, unsigned>)
      f(i, worker);
    else
      f(i);
  }

  static constexpr std::uint32_t open = 1u << 31;

  struct shared_state {
    std::vector<pthread_t> workers;
    std::atomic<std::uint32_t> generation{0};  // counts loops; a worker sleeps until it changes
    std::atomic<std::uint32_t> inside{0};      // how many workers, and `open` while more may come
    std::atomic<bool> ended{false};            // the pool
    // The loop. Written while nobody is inside, read by those who are.
    std::atomic<std::size_t> next{0};
    std::size_t count = 0;
    void* body = nullptr;
    void (*call)(void*, std::size_t, unsigned) = nullptr;
    std::atomic<unsigned> started{0};
    std::chrono::microseconds watch{0};

    bool enter() noexcept {
      std::uint32_t seen = inside.load(std::memory_order_relaxed);
      while ((seen & open) != 0)
        if (inside.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire, std::memory_order_relaxed))
          return true;
      return false;
    }
    void leave() noexcept {
      if (inside.fetch_sub(1, std::memory_order_acq_rel) == 1) inside.notify_one();
    }

    void take_items(unsigned worker) noexcept {
      for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) call(body, i, worker);
    }
    template <class Condition>
    void watch_until(Condition condition) const noexcept {
      if (watch.count() == 0) return;
      const auto end = std::chrono::steady_clock::now() + watch;
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
    ~shared_state() {
      ended.store(true, std::memory_order_relaxed);
      generation.fetch_add(1, std::memory_order_release);
      generation.notify_all();
      for (const pthread_t worker : workers) ::pthread_join(worker, nullptr);
    }
  };

  static void* work(void* argument) noexcept {
    auto& shared = *static_cast<shared_state*>(argument);
    const unsigned worker = shared.started.fetch_add(1, std::memory_order_relaxed) + 1;
    for (std::uint32_t seen = 0;;) {
      shared.watch_until([&] { return shared.generation.load(std::memory_order_relaxed) != seen; });
      shared.generation.wait(seen, std::memory_order_relaxed);
      seen = shared.generation.load(std::memory_order_acquire);
      if (shared.ended.load(std::memory_order_relaxed)) return nullptr;
      if (!shared.enter()) continue;
      shared.take_items(worker);
      shared.leave();
    }
  }

  std::unique_ptr<shared_state> shared_;
};

MOBILENET_NAMESPACE_END
