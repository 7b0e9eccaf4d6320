// The implementation of parallel_for: the team, or the calling thread alone; and the handling of
// forks.
#include "runtime/parallel.h"

#include <atomic>

#include "cnnx/runtime.h"
#include "runtime/floating_point.h"
#include "runtime/team.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace cnnx::runtime {
namespace {

#if defined(__unix__) || defined(__APPLE__)
std::atomic<bool> started_threads{false};
std::atomic<bool> forked_after_start{false};

// Threads do not survive a fork: the child would wait for ever for their work.
void in_forked_child() {
  if (started_threads.load(std::memory_order_relaxed)) forked_after_start.store(true);
}

bool may_start_threads() {
  if (!started_threads.load(std::memory_order_relaxed)) {
    static const int registered = pthread_atfork(nullptr, nullptr, in_forked_child);
    started_threads.store(registered == 0);
    return registered == 0;
  }
  return !forked_after_start.load(std::memory_order_relaxed);
}
#else
bool may_start_threads() { return true; }
#endif

}  // namespace

void run_loop(int slots, int64_t count, int64_t grain, LoopBody body, const void* context) {
  if (has_threads() && slots > 1 && may_start_threads() &&
      Team::run(slots, count, grain, body, context)) {
    return;
  }
  const DefaultFloatingPoint mode;
  body(context, 0, count, 0);
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
