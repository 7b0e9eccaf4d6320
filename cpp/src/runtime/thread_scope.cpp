// Keeps the scopes of each thread, and runs loops in a program's pool.
#include "runtime/thread_scope.h"

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>

#include "runtime/floating_point.h"

namespace cnnx::runtime {
namespace {

// A loop whose tasks take pieces until none are left, so it ends well even if a pool runs its tasks
// one after the other.
class PoolLoop {
 public:
  explicit PoolLoop(const Loop& loop)
      : loop_(loop), smallest_(std::max<int64_t>(1, std::min(loop.grain, loop.count))) {}

  // Pieces of half a thread's part of what is left: few, and the last ones small.
  void take_pieces(int slot) {
    [[maybe_unused]] const DefaultFloatingPoint mode;
    int64_t begin = begin_.load(std::memory_order_relaxed);
    while (begin < loop_.count) {
      const int64_t part = (loop_.count - begin) / (2 * loop_.slots);
      const int64_t end = std::min(loop_.count, begin + std::max(smallest_, part));
      if (!begin_.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
      loop_.body(loop_.context, begin, end, slot);
      begin = begin_.load(std::memory_order_relaxed);
    }
  }

 private:
  const Loop& loop_;
  const int64_t smallest_;
  std::atomic<int64_t> begin_{0};
};

}  // namespace

OwnThreads& own_threads() {
  thread_local OwnThreads own;
  return own;
}

void check_thread_count(const char* function, const char* argument, int count, int least) {
  if (count >= least && count <= kMostThreads) return;
  throw std::invalid_argument(std::string(function) + ": " + argument + " is " +
                              std::to_string(count) + ", expected " + std::to_string(least) +
                              " to " + std::to_string(kMostThreads));
}

void run_in_pool(ThreadPool& pool, const Loop& loop) {
  PoolLoop pieces(loop);
  pool.run(
      loop.slots,
      [](void* context, int index) { static_cast<PoolLoop*>(context)->take_pieces(index); },
      &pieces);
}

}  // namespace cnnx::runtime

namespace cnnx {

using runtime::own_threads;

ThreadPool::~ThreadPool() = default;

ThreadScope::ThreadScope(int threads)
    : outer_threads_(own_threads().count), outer_pool_(own_threads().pool) {
  runtime::check_thread_count("ThreadScope", "threads", threads);
  own_threads() = {threads, nullptr};
}

ThreadScope::ThreadScope(ThreadPool& pool)
    : outer_threads_(own_threads().count), outer_pool_(own_threads().pool) {
  const int threads = pool.threads();
  runtime::check_thread_count("ThreadScope", "pool.threads()", threads);
  own_threads() = {threads, &pool};
}

ThreadScope::~ThreadScope() { own_threads() = {outer_threads_, outer_pool_}; }

}  // namespace cnnx
