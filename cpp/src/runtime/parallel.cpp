// The implementation of parallel_for: the team, or the calling thread alone; and the handling of
// forks.
#include "runtime/parallel.h"

#include <atomic>

#include "cnnx/runtime.h"
#include "runtime/floating_point.h"
#include "runtime/fork.h"
#include "runtime/team.h"
#include "runtime/thread_scope.h"

namespace cnnx::runtime {
namespace {

constexpr int64_t kNever = -1;
// The fork generation of the process that started the threads.
std::atomic<int64_t> started_in{kNever};

// Threads do not survive a fork: the child would wait for ever for their work.
bool may_start_threads() {
  const auto now = static_cast<int64_t>(fork_generation());
  int64_t first = started_in.load(std::memory_order_relaxed);
  if (first == kNever && started_in.compare_exchange_strong(first, now)) return true;
  return first == now;
}

}  // namespace

void wake_threads(int threads) {
  if (!has_threads() || threads == 1 || own_threads().pool) return;
  if (may_start_threads()) Team::wake(threads);
}

void run_loop(const Loop& loop) {
  if (has_threads() && loop.slots > 1) {
    // Only loops that are worth waking a thread are worth the pool's own way of starting tasks.
    ThreadPool* const pool = own_threads().pool;
    if (pool && loop.wakes) return run_in_pool(*pool, loop);
    if (!pool && may_start_threads() && Team::run(loop)) return;
  }
  [[maybe_unused]] const DefaultFloatingPoint mode;
  loop.body(loop.context, 0, loop.count, 0);
}

}  // namespace cnnx::runtime

namespace cnnx {

bool has_threads() {
#if defined(CNNX_SERIAL)
  return false;
#else
  return true;
#endif
}

bool has_openmp() {
#if defined(_OPENMP) && !defined(CNNX_SERIAL)
  return true;
#else
  return false;
#endif
}

}  // namespace cnnx
