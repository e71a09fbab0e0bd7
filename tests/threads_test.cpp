#include <mobilenet/platform/threads.hpp>

#include <doctest/doctest.h>

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>
#include <vector>

namespace {

using mobilenet::thread_pool;

thread_pool make_pool(unsigned threads) {
  auto pool = thread_pool::create(threads);
  REQUIRE_MESSAGE(pool, pool.error().message);
  CHECK(pool->threads() == (threads == 0 ? mobilenet::usable_processors() : threads));
  return *std::move(pool);
}

std::atomic<bool> held = false;
std::atomic<bool> released = false;

// A thread that gets this signal stays in the handler.
void hold_thread(int) {
  held = true;
  while (!released) std::this_thread::yield();
}

}  // namespace

TEST_CASE("every index is taken exactly once, by any number of threads, loop after loop") {
  for (const unsigned threads : {1u, 2u, 3u, 8u, 0u}) {
    thread_pool pool = make_pool(threads);
    for (const std::size_t count : {0u, 1u, 2u, 3u, 7u, 64u, 1000u})
      for (int repeat = 0; repeat < 20; ++repeat) {
        std::vector<int> taken(count);  // not atomic: no two calls may touch the same element
        pool.for_each(count, [&](std::size_t i) { ++taken[i]; });
        REQUIRE(std::all_of(taken.begin(), taken.end(), [](int n) { return n == 1; }));
      }
  }
}

TEST_CASE("what the calls wrote is there when the loop returns, and one loop sees what the loop before wrote") {
  thread_pool pool = make_pool(4);
  std::vector<std::size_t> values(100, 0);
  for (std::size_t round = 1; round <= 200; ++round) {
    // Another element than this index wrote the last time, so that most come from another thread.
    pool.for_each(values.size(), [&](std::size_t i) { ++values[(i * 7 + round) % values.size()]; });
    REQUIRE(std::all_of(values.begin(), values.end(), [&](std::size_t v) { return v == round; }));
  }
}

TEST_CASE("no two calls with one worker number overlap") {
  thread_pool pool = make_pool(4);
  std::vector<int> scratch(pool.threads());  // not atomic: ThreadSanitizer watches it
  std::atomic<int> calls = 0;
  pool.for_each(10'000, [&](std::size_t, unsigned worker) {
    ++scratch.at(worker);
    calls.fetch_add(1, std::memory_order_relaxed);
  });
  int sum = 0;
  for (const int n : scratch) sum += n;
  CHECK(sum == 10'000);
  CHECK(calls == 10'000);
}

#ifndef __SANITIZE_THREAD__  // it delivers signals late
TEST_CASE("a loop does not wait for a worker that gets no processor") {
  thread_pool pool = make_pool(2);
  pthread_t worker{};
  std::atomic<int> arrived = 0;
  pool.for_each(2, [&](std::size_t, unsigned number) {
    if (number == 1) worker = ::pthread_self();
    for (++arrived; arrived < 2;) std::this_thread::yield();  // each takes one
  });
  struct sigaction hold {};
  struct sigaction before {};
  hold.sa_handler = hold_thread;
  REQUIRE(::sigaction(SIGUSR1, &hold, &before) == 0);
  REQUIRE(::pthread_kill(worker, SIGUSR1) == 0);
  while (!held) std::this_thread::yield();

  int taken = 0;
  for (int repeat = 0; repeat < 5; ++repeat) pool.for_each(100, [&](std::size_t) { ++taken; });  // by the caller alone
  CHECK(taken == 500);
  released = true;
  std::atomic<int> calls = 0;
  pool.for_each(100, [&](std::size_t) { ++calls; });
  CHECK(calls == 100);
  ::sigaction(SIGUSR1, &before, nullptr);
}
#endif

TEST_CASE("a pool can be moved, and ended without ever being used") {
  thread_pool pool = make_pool(3);
  thread_pool moved = std::move(pool);
  std::atomic<int> calls = 0;
  moved.for_each(10, [&](std::size_t) { ++calls; });
  CHECK(calls == 10);
  moved = make_pool(2);
  for (int i = 0; i < 50; ++i) make_pool(2);
  thread_pool single;
  CHECK(single.threads() == 1);
  single.for_each(5, [&](std::size_t) { ++calls; });
  CHECK(calls == 15);
}

TEST_CASE("an absurd number of threads is an error, no crash") {
  const auto pool = thread_pool::create(4'000'000'000u);
  REQUIRE_FALSE(pool);
  CHECK(pool.error().code == mobilenet::errc::invalid_argument);
  CHECK(pool.error().message == "thread pool: threads is 4000000000, expected at most 1024");
}

TEST_CASE("a process may use at least one processor") { CHECK(mobilenet::usable_processors() >= 1); }
