// parallel_for: every item runs once, slots of one loop are exclusive, with and without other
// loops.
#include "runtime/parallel.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "check.h"

namespace {

using cnnx::runtime::parallel_for;
using cnnx::runtime::wake_threads;

void spend_some_time() {
  static std::atomic<int64_t> sink{0};
  for (int i = 0; i < 200; ++i) sink.fetch_add(i, std::memory_order_relaxed);
}

// Whether each of `count` items ran once, and no slot was used by two threads at the same time.
bool covers_once(int threads, int64_t count, int64_t grain) {
  std::vector<std::atomic<int>> items(static_cast<std::size_t>(count));
  std::vector<std::atomic<int>> busy(static_cast<std::size_t>(threads));
  std::atomic<bool> good{true};
  parallel_for(threads, count, grain, [&](int64_t begin, int64_t end, int slot) {
    if (begin >= end || slot < 0 || slot >= threads || busy[static_cast<std::size_t>(slot)]++ > 0) {
      good = false;
    }
    for (int64_t i = begin; i < end; ++i) {
      ++items[static_cast<std::size_t>(i)];
      spend_some_time();
    }
    --busy[static_cast<std::size_t>(slot)];
  });
  for (const auto& item : items) {
    if (item != 1) return false;
  }
  return good;
}

void test_every_item_once() {
  for (const int threads : {1, 2, 3, 8, 70, 2}) {
    for (const int64_t count : {0, 1, 2, 7, 64, 1001}) {
      for (const int64_t grain : {0, 1, 5, 1000}) CHECK(covers_once(threads, count, grain));
    }
  }
}

// One caller has the team at a time; the others run their loops alone.
void test_loops_of_several_threads() {
  std::atomic<int> good{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int loop = 0; loop < 200; ++loop) good += covers_once(3, 20, 1);
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK_EQUAL(good.load(), 800);
}

void test_loop_in_a_loop() {
  std::atomic<int> inner{0};
  parallel_for(3, 6, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) inner += covers_once(3, 10, 1);
  });
  CHECK_EQUAL(inner.load(), 6);
}

// Long enough for the other threads to sleep in between.
void test_threads_wake_up_again() {
  for (int loop = 0; loop < 20; ++loop) {
    CHECK(covers_once(2, 50, 1));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// Whether another thread takes one of two items. The caller waits a little for that in its own.
// The other thread then spends some time.
bool another_joins(int64_t grain, milliseconds time = milliseconds(0)) {
  std::atomic<bool> joined{false};
  parallel_for(2, 2, grain, [&](int64_t, int64_t, int slot) {
    const Clock::time_point limit = Clock::now() + std::chrono::microseconds(100);
    if (slot > 0) {
      joined = true;
      std::this_thread::sleep_for(time);
    }
    while (!joined && Clock::now() < limit) std::this_thread::yield();
  });
  return joined;
}

// A thread that was woken comes some loops later, on a busy machine many.
bool another_joins_soon(int64_t grain, milliseconds time = milliseconds(0)) {
  const Clock::time_point limit = Clock::now() + std::chrono::seconds(10);
  while (Clock::now() < limit) {
    wake_threads(2);
    if (another_joins(grain, time)) return true;
  }
  return false;
}

void test_small_loops_do_not_wake_threads() {
  CHECK(another_joins_soon(1));
  std::this_thread::sleep_for(milliseconds(50));
  CHECK(!another_joins(8));
  CHECK(another_joins_soon(8));
}

// A thread that sleeps within its piece is like one that the system has suspended.
void test_a_suspended_thread_rests() {
  bool rests = false;
  // On a busy machine the caller may be suspended meanwhile, too.
  for (int attempt = 0; attempt < 5 && !rests; ++attempt) {
    CHECK(another_joins_soon(1, milliseconds(30)));
    rests = !another_joins(1);
  }
  CHECK(rests);
  CHECK(another_joins_soon(1));
}

void test_small_work_stays_with_the_caller() {
  const std::thread::id caller = std::this_thread::get_id();
  bool here = false;
  parallel_for(8, 19, 240, [&](int64_t begin, int64_t end, int slot) {
    here = begin == 0 && end == 19 && slot == 0 && std::this_thread::get_id() == caller;
  });
  CHECK(here);
}

}  // namespace

int parallel_test(int, char*[]) {
  // First, while the team has two threads: a small loop begins when none of them sleeps.
  if (!cnnx::test::left_out_of_webassembly("loops of threads", cnnx::test::kOneThread)) {
    test_small_loops_do_not_wake_threads();
    test_a_suspended_thread_rests();
    test_loops_of_several_threads();
  }
  test_every_item_once();
  test_loop_in_a_loop();
  test_threads_wake_up_again();
  test_small_work_stays_with_the_caller();
  return cnnx::test::finish("parallel_test");
}
