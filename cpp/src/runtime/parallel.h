// The one seam to threads: splits a loop over threads in an order that results cannot depend on.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cnnx::runtime {

// Calls body for pieces of [0, count), none but the last ones smaller than `grain`, in at most
// `slots` threads.
void run_loop(int slots, int64_t count, int64_t grain,
              void (*body)(const void* context, int64_t begin, int64_t end, int slot),
              const void* context);

// How many threads parallel_for uses: never more than `threads`, never so many that one would have
// less than `grain` items.
inline int share_count(int threads, int64_t count, int64_t grain) {
  const int64_t most = count / std::max<int64_t>(1, grain);
  return static_cast<int>(std::clamp<int64_t>(most, 1, threads));
}

// body(begin, end, slot), noexcept in effect, for pieces that cover [0, count) once: it may not
// throw and allocates nothing; what scratch it needs is obtained before, one piece per slot in [0,
// threads), a slot being a thread of this loop. `grain` is how many items are worth waking a thread
// for (about 20 microseconds of work). Small work, a forked child and a serial build run
// inline. Each thread computes in the default floating-point mode; the caller's is restored.
template <class Body>
void parallel_for(int threads, int64_t count, int64_t grain, const Body& body) {
  if (count <= 0) return;
  run_loop(
      share_count(threads, count, grain), count, std::max<int64_t>(1, (grain + 1) / 2),
      [](const void* context, int64_t begin, int64_t end, int slot) {
        (*static_cast<const Body*>(context))(begin, end, slot);
      },
      &body);
}

}  // namespace cnnx::runtime
