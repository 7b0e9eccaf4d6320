// The only interface to threads: divides a loop among threads in a way that results cannot depend
// on.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cnnx::runtime {

// Calls body for pieces of [0, count), all of at least `grain` items except the last ones, in at
// most `slots` threads.
void run_loop(int slots, int64_t count, int64_t grain,
              void (*body)(const void* context, int64_t begin, int64_t end, int slot),
              const void* context);

// The number of threads that parallel_for uses: at most `threads`, each with at least `grain`
// items.
inline int slot_count(int threads, int64_t count, int64_t grain) {
  const int64_t most = count / std::max<int64_t>(1, grain);
  return static_cast<int>(std::clamp<int64_t>(most, 1, threads));
}

// Calls body(begin, end, slot) for pieces that cover [0, count) once. The body must not throw or
// allocate; its scratch is allocated before, one part per slot in [0, threads), where a slot is a
// thread of this loop. `grain` is the least number of items for another thread (about 20
// microseconds of work). Small loops, forked children and serial builds run inline. Each thread
// computes in the default floating-point mode; the caller's is restored.
template <class Body>
void parallel_for(int threads, int64_t count, int64_t grain, const Body& body) {
  if (count <= 0) return;
  run_loop(
      slot_count(threads, count, grain), count, std::max<int64_t>(1, (grain + 1) / 2),
      [](const void* context, int64_t begin, int64_t end, int slot) {
        (*static_cast<const Body*>(context))(begin, end, slot);
      },
      &body);
}

}  // namespace cnnx::runtime
