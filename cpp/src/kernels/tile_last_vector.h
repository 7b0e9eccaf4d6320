// The last vector of a tile's rows. With kHalf at most half of its lanes are columns: CPUs that
// divide the instructions of whole vectors in two, such as Zen 4, need half the time. For kernel
// files only.
#pragma once

#include "kernels/simd.h"

namespace {

template <bool kHalf>
CNNX_INLINE Vector add_product(Vector value, Vector weight, Vector sum) {
#if defined(__AVX512F__)
  if (kHalf) {
    return with_any_upper_half(
        x86_multiply_add(lower_half(value), lower_half(weight), lower_half(sum)));
  }
#endif
  return fused_multiply_add(value, weight, sum);
}

// The lanes that need no mask.
template <bool kHalf>
constexpr int64_t kLastLanes = kHalf ? kLanes / 2 : kLanes;
template <bool kHalf>
CNNX_INLINE Vector load_last(const float* from) {
#if defined(__AVX512F__)
  if (kHalf) return with_any_upper_half(*reinterpret_cast<const UnalignedHalfVector*>(from));
#endif
  return load(from);
}
template <bool kHalf>
CNNX_INLINE void store_last(float* to, Vector value) {
#if defined(__AVX512F__)
  if (kHalf) {
    *reinterpret_cast<UnalignedHalfVector*>(to) = lower_half(value);
    return;
  }
#endif
  store(to, value);
}

}  // namespace
