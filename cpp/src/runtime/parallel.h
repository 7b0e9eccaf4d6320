// The one seam to OpenMP: splits a loop over threads in an order that results cannot depend on.
#pragma once

#include <algorithm>
#include <cstdint>

namespace cnnx::runtime {

// Calls body(context, begin, end, slot) for each of `slots` equal shares of [0, count), one per
// thread.
void run_shares(int slots, int64_t count, void (*body)(const void*, int64_t, int64_t, int),
                const void* context);

// How many shares parallel_for makes: never more than `threads`, never one that has less than
// `grain` items.
inline int share_count(int threads, int64_t count, int64_t grain) {
  const int64_t most = count / std::max<int64_t>(1, grain);
  return static_cast<int>(std::clamp<int64_t>(most, 1, threads));
}

// body(begin, end, slot), noexcept in effect: it may not throw and allocates nothing; what scratch
// it needs is obtained before, one piece per slot in [0, threads). `grain` is how many items are
// worth waking a thread for (about 20 microseconds of work). Small work, a forked child and a build
// without OpenMP run inline. Each thread computes in the default floating-point mode; the caller's
// is restored.
template <class Body>
void parallel_for(int threads, int64_t count, int64_t grain, const Body& body) {
  if (count <= 0) return;
  run_shares(
      share_count(threads, count, grain), count,
      [](const void* context, int64_t begin, int64_t end, int slot) {
        (*static_cast<const Body*>(context))(begin, end, slot);
      },
      &body);
}

}  // namespace cnnx::runtime
