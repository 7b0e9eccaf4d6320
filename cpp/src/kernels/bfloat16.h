// bfloat16 numbers, the upper halves of float32, as vectors of floats. Rounded as VCVTNEPS2BF16
// does: to nearest, ties to even; a denormal becomes a zero of its sign, and NaN stays NaN.
// Included by kernel files only.
#pragma once

#include "kernels/simd.h"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace {

typedef uint16_t UnalignedWordVector
    __attribute__((vector_size(kLanes * 2), aligned(2), may_alias));
typedef uint32_t UnsignedVector __attribute__((vector_size(kLanes * 4)));

#if defined(__AVX512BF16__)
CNNX_INLINE Vector widened(WordVector words) {
  const __m512i wide = _mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(words));
  return reinterpret_cast<Vector>(_mm512_slli_epi32(wide, 16));
}
CNNX_INLINE WordVector rounded_to_words(Vector value) {
  return reinterpret_cast<WordVector>(_mm512_cvtneps_pbh(value));
}
#else
CNNX_INLINE Vector widened(WordVector words) {
  return reinterpret_cast<Vector>(__builtin_convertvector(words, UnsignedVector) << 16);
}
CNNX_INLINE WordVector rounded_to_words(Vector value) {
  const UnsignedVector bits = reinterpret_cast<UnsignedVector>(value);
  const UnsignedVector upper = bits >> 16, magnitude = bits & 0x7fffffff;
  const UnsignedVector nearest = (bits + 0x7fff + (upper & 1)) >> 16;
  const IntVector is_nan = reinterpret_cast<IntVector>(magnitude > 0x7f800000);
  const IntVector is_denormal = reinterpret_cast<IntVector>(magnitude < 0x00800000);
  const UnsignedVector number = is_nan ? upper | 0x40 : nearest;
  return __builtin_convertvector(is_denormal ? upper & 0x8000 : number, WordVector);
}
#endif

CNNX_INLINE Vector load_bfloat16(const uint16_t* source) {
  return widened(*reinterpret_cast<const UnalignedWordVector*>(source));
}
CNNX_INLINE void store_bfloat16(uint16_t* target, Vector value) {
  *reinterpret_cast<UnalignedWordVector*>(target) = rounded_to_words(value);
}

// The first `count` lanes, 0 < count <= kLanes; never accesses memory past them. The other lanes
// load as 0.
#if defined(__AVX512F__)
CNNX_INLINE Vector load_some_bfloat16(const uint16_t* source, int64_t count) {
  return widened(x86_load_words(source, first_lanes(count)));
}
CNNX_INLINE void store_some_bfloat16(uint16_t* target, Vector value, int64_t count) {
  x86_store_words(target, first_lanes(count), rounded_to_words(value));
}
#else
CNNX_INLINE Vector load_some_bfloat16(const uint16_t* source, int64_t count) {
  if (count == kLanes) return load_bfloat16(source);
  WordVector words = {};
  memcpy(&words, source, static_cast<size_t>(2 * count));
  return widened(words);
}
CNNX_INLINE void store_some_bfloat16(uint16_t* target, Vector value, int64_t count) {
  if (count == kLanes) return store_bfloat16(target, value);
  const WordVector words = rounded_to_words(value);
  memcpy(target, &words, static_cast<size_t>(2 * count));
}
#endif

}  // namespace
