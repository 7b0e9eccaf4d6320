// parallel_for: every item runs once, slots of one loop are exclusive, with and without other
// loops.
#include "runtime/parallel.h"

#include <atomic>
#include <thread>
#include <vector>

#include "check.h"

namespace {

using cnnx::runtime::parallel_for;

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

void test_small_work_stays_with_the_caller() {
  const std::thread::id caller = std::this_thread::get_id();
  bool here = false;
  parallel_for(8, 19, 10, [&](int64_t begin, int64_t end, int slot) {
    here = begin == 0 && end == 19 && slot == 0 && std::this_thread::get_id() == caller;
  });
  CHECK(here);
}

}  // namespace

int main() {
  test_every_item_once();
  test_loops_of_several_threads();
  test_loop_in_a_loop();
  test_threads_wake_up_again();
  test_small_work_stays_with_the_caller();
  return cnnx::test::finish("parallel_test");
}
