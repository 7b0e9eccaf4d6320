// The only interface to threads: divides a loop among threads in a way that results cannot depend
// on.
#pragma once

#include <algorithm>
#include <cstdint>

#include "runtime/team.h"

namespace cnnx::runtime {

// Runs a loop in the team, or in the calling thread alone.
void run_loop(const Loop& loop);

// Wakes the threads of the next loops, which together are worth it.
void wake_threads(int threads);

// The number of threads that share `count` items: at most `threads`, each with at least `grain`.
inline int slot_count(int threads, int64_t count, int64_t grain) {
  const int64_t most = count / std::max<int64_t>(1, grain);
  return static_cast<int>(std::clamp<int64_t>(most, 1, threads));
}

// Elements that are read or written, such as those of a sum, whose time depends on the memory:
// below this a second thread costs more to wake than it gains.
constexpr int64_t kGrainElements = 32 * 1024;

// A thread that still spins after the last loop begins within 0.2 microseconds: the part of a grain
// that is worth its help. Alone, the caller would also move the other threads' parts of an image
// into its own core's cache, and the next layer would move them back.
constexpr int64_t kSpinningGrains = 24;

// Calls body(begin, end, slot) for pieces that cover [0, count) once. The body must not throw or
// allocate; its scratch is allocated before, one part per slot in [0, threads), where a slot is a
// thread of this loop. `grain` is the number of items that take about 20 microseconds, which are
// worth waking a thread. For spinning threads a small part of that is enough. Small loops, forked
// children and serial builds run inline. Each thread computes in the default floating-point mode;
// the caller's is restored.
template <class Body>
void parallel_for(int threads, int64_t count, int64_t grain, const Body& body) {
  if (count <= 0) return;
  const int64_t least = (std::max<int64_t>(1, grain) + kSpinningGrains - 1) / kSpinningGrains;
  run_loop({[](const void* context, int64_t begin, int64_t end, int slot) {
              (*static_cast<const Body*>(context))(begin, end, slot);
            },
            &body, count, (least + 1) / 2, slot_count(threads, count, least),
            slot_count(threads, count, grain) > 1});
}

}  // namespace cnnx::runtime
