// Prefetching of what follows a tile of a sum of outer products. Included by tile.cpp.
#pragma once

#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The sums of one tile.
CNNX_INLINE void fetch_sums(const OuterSum& s, int64_t run, const float* sums) {
  for (int64_t k = 0; k < run; ++k, sums += s.sums_step) {
    for (int64_t c = 0; c < s.width; c += kCacheLine<float>) __builtin_prefetch(sums + c, 1, 3);
  }
}

// The part of the longer stream that one tile prefetches, up to its last line. Without one, the
// tile prefetches a line that it reads itself. The sums of the next tile are prefetched here.
CNNX_INLINE FetchAhead fetch_with_tile(const OuterSum& s, int64_t run, const float* sums) {
  const FetchAhead nothing = {s.gradient, s.gradient};
  if (s.adds) fetch_sums(s, run, sums);
  if (!s.ahead) return nothing;
  fetch_sums(s, run, sums + run * s.sums_step);
  FetchAhead &first = s.ahead[0], &second = s.ahead[1];
  FetchAhead& stream = first.end - first.next > second.end - second.next ? first : second;
  const int64_t left = stream.end - stream.next;
  if (left <= 0) return nothing;
  const int64_t most = s.images * s.rows * s.pixels * kCacheLine<float>;
  const float* const begin = stream.next;
  stream.next += left < most ? left : most;
  return {begin, stream.next - kCacheLine<float>};
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
