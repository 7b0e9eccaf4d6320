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

#if defined(__AVX2__)
CNNX_INLINE UnsignedVector as_numbers(WordVector words) { return x86_as_numbers(words); }
CNNX_INLINE WordVector upper_words(UnsignedVector numbers) { return x86_upper_words(numbers); }
#else
CNNX_INLINE UnsignedVector as_numbers(WordVector words) {
  return __builtin_convertvector(words, UnsignedVector);
}
CNNX_INLINE WordVector upper_words(UnsignedVector numbers) {
  return __builtin_convertvector(numbers >> 16, WordVector);
}
#endif

CNNX_INLINE Vector widened(WordVector words) {
  return reinterpret_cast<Vector>(as_numbers(words) << 16);
}
#if defined(__AVX512BF16__)
CNNX_INLINE WordVector rounded_to_words(Vector value) {
  return reinterpret_cast<WordVector>(_mm512_cvtneps_pbh(value));
}
#else
CNNX_INLINE WordVector rounded_to_words(Vector value) {
  const UnsignedVector bits = reinterpret_cast<UnsignedVector>(value);
  const UnsignedVector nearest = bits + 0x7fff + (bits >> 16 & 1);
  const UnsignedVector number = value != value ? bits | 0x00400000 : nearest;
  // Or zero.
  const auto is_denormal = (bits & 0x7f800000) == 0;
  return upper_words(is_denormal ? bits & 0x80000000 : number);
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
