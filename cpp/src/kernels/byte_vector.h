// As many bytes as a vector has lanes, and their conversion from and to floats. Included by kernel
// files only.
#pragma once

#include "kernels/simd.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace {

typedef uint8_t ByteVector __attribute__((vector_size(kLanes)));
typedef uint8_t UnalignedByteVector __attribute__((vector_size(kLanes), aligned(1), may_alias));

// The first `count` lanes, which are all or 0 < count < kLanes; never accesses memory past them.
CNNX_INLINE ByteVector load_bytes(const uint8_t* source, int64_t count = kLanes) {
  if (count >= kLanes) return *reinterpret_cast<const UnalignedByteVector*>(source);
#if defined(__AVX512F__)
  return reinterpret_cast<ByteVector>(_mm_maskz_loadu_epi8(first_lanes(count), source));
#else
  ByteVector bytes = {};
  for (int64_t lane = 0; lane < count; ++lane) bytes[lane] = source[lane];
  return bytes;
#endif
}
CNNX_INLINE void store_bytes(uint8_t* target, ByteVector bytes, int64_t count = kLanes) {
  if (count >= kLanes) {
    *reinterpret_cast<UnalignedByteVector*>(target) = bytes;
  } else {
#if defined(__AVX512F__)
    _mm_mask_storeu_epi8(target, first_lanes(count), reinterpret_cast<__m128i>(bytes));
#else
    for (int64_t lane = 0; lane < count; ++lane) target[lane] = bytes[lane];
#endif
  }
}

// GCC 12 converts bytes one by one where it is not told the instructions.
CNNX_INLINE IntVector integers_of(ByteVector bytes) {
#if defined(__AVX512F__)
  return reinterpret_cast<IntVector>(_mm512_cvtepu8_epi32(reinterpret_cast<__m128i>(bytes)));
#elif defined(__AVX2__)
  return reinterpret_cast<IntVector>(
      _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(reinterpret_cast<long long>(bytes))));
#elif defined(__SSE2__)
  const __m128i zero = _mm_setzero_si128();
  const __m128i low = _mm_cvtsi32_si128(reinterpret_cast<int>(bytes));
  return reinterpret_cast<IntVector>(_mm_unpacklo_epi16(_mm_unpacklo_epi8(low, zero), zero));
#else
  return __builtin_convertvector(bytes, IntVector);
#endif
}

// The lowest byte of each integer.
CNNX_INLINE ByteVector lowest_bytes(IntVector integers) {
#if defined(__AVX512F__)
  return reinterpret_cast<ByteVector>(_mm512_cvtepi32_epi8(reinterpret_cast<__m512i>(integers)));
#elif defined(__AVX2__)
  const __m256i low = reinterpret_cast<__m256i>(integers & (IntVector{} + 0xff));
  const __m256i lanes = _mm256_packus_epi16(_mm256_packs_epi32(low, low), low);
  const __m256i both =
      _mm256_permutevar8x32_epi32(lanes, _mm256_setr_epi32(0, 4, 0, 0, 0, 0, 0, 0));
  return reinterpret_cast<ByteVector>(_mm_cvtsi128_si64(_mm256_castsi256_si128(both)));
#elif defined(__SSE2__)
  const __m128i low = reinterpret_cast<__m128i>(integers & (IntVector{} + 0xff));
  const __m128i bytes = _mm_packus_epi16(_mm_packs_epi32(low, low), low);
  return reinterpret_cast<ByteVector>(_mm_cvtsi128_si32(bytes));
#else
  return __builtin_convertvector(integers, ByteVector);
#endif
}

CNNX_INLINE Vector float_of(ByteVector bytes) {
  return __builtin_convertvector(integers_of(bytes), Vector);
}

// The lowest byte of a number of few bits, rounded to an integer, ties to even; that of NaN is 0.
// The integer is in the lowest bits of its sum with 1.5 * 2^23.
CNNX_INLINE ByteVector rounded(Vector value) {
  const Vector sum = value + broadcast(12582912.0f);
  return lowest_bytes(reinterpret_cast<IntVector>(sum));
}

}  // namespace
