// The x86 instructions that kernels use by name. Included by simd.h only, which defines the
// vectors. GCC's builtins spare its <immintrin.h>: to read it for every kernel of two instruction
// sets takes a tenth of the build.
#pragma once

#if defined(__clang__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)

typedef unsigned short LaneMask;
typedef int16_t ManyWords __attribute__((vector_size(64)));
CNNX_INLINE LaneMask first_lanes(int64_t count) {
  return static_cast<LaneMask>((1u << count) - 1u);
}

#if defined(__clang__)
CNNX_INLINE Vector x86_multiply_add(Vector a, Vector b, Vector c) {
  return _mm512_fmadd_ps(a, b, c);
}
CNNX_INLINE HalfVector lower_half(Vector value) { return _mm512_castps512_ps256(value); }
CNNX_INLINE Vector with_any_upper_half(HalfVector value) { return _mm512_castps256_ps512(value); }
CNNX_INLINE HalfVector x86_multiply_add(HalfVector a, HalfVector b, HalfVector c) {
  return _mm256_fmadd_ps(a, b, c);
}
CNNX_INLINE Vector x86_maximum(Vector a, Vector b) { return _mm512_max_ps(a, b); }
CNNX_INLINE Vector x86_minimum(Vector a, Vector b) { return _mm512_min_ps(a, b); }
CNNX_INLINE Vector x86_load(const float* source, LaneMask mask) {
  return _mm512_maskz_loadu_ps(mask, source);
}
CNNX_INLINE void x86_store(float* target, LaneMask mask, Vector value) {
  _mm512_mask_storeu_ps(target, mask, value);
}
CNNX_INLINE WordVector x86_load_words(const uint16_t* source, LaneMask mask) {
  return reinterpret_cast<WordVector>(_mm256_maskz_loadu_epi16(mask, source));
}
CNNX_INLINE void x86_store_words(uint16_t* target, LaneMask mask, WordVector words) {
  _mm256_mask_storeu_epi16(target, mask, reinterpret_cast<__m256i>(words));
}
CNNX_INLINE UnsignedVector x86_as_numbers(WordVector words) {
  return reinterpret_cast<UnsignedVector>(_mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(words)));
}
CNNX_INLINE ManyWords x86_permute(ManyWords words, ManyWords from) {
  return reinterpret_cast<ManyWords>(
      _mm512_permutexvar_epi16(reinterpret_cast<__m512i>(from), reinterpret_cast<__m512i>(words)));
}
CNNX_INLINE Vector x86_permute(Vector value, IntVector from) {
  return _mm512_permutexvar_ps(reinterpret_cast<__m512i>(from), value);
}
#else
constexpr LaneMask kEveryLane = 0xffff;
constexpr int kCurrentRounding = 4;
CNNX_INLINE HalfVector lower_half(Vector value) {
  return reinterpret_cast<const HalfVector&>(value);
}
CNNX_INLINE Vector with_any_upper_half(HalfVector value) {
  return __builtin_ia32_ps512_256ps(value);
}
CNNX_INLINE HalfVector x86_multiply_add(HalfVector a, HalfVector b, HalfVector c) {
  return __builtin_ia32_vfmaddps256(a, b, c);
}
CNNX_INLINE Vector x86_multiply_add(Vector a, Vector b, Vector c) {
  return __builtin_ia32_vfmaddps512_mask(a, b, c, kEveryLane, kCurrentRounding);
}
CNNX_INLINE Vector x86_maximum(Vector a, Vector b) {
  return __builtin_ia32_maxps512_mask(a, b, a, kEveryLane, kCurrentRounding);
}
CNNX_INLINE Vector x86_minimum(Vector a, Vector b) {
  return __builtin_ia32_minps512_mask(a, b, a, kEveryLane, kCurrentRounding);
}
CNNX_INLINE Vector x86_load(const float* source, LaneMask mask) {
  return __builtin_ia32_loadups512_mask(source, Vector{}, mask);
}
CNNX_INLINE void x86_store(float* target, LaneMask mask, Vector value) {
  __builtin_ia32_storeups512_mask(target, value, mask);
}
typedef int16_t SignedWordVector __attribute__((vector_size(32)));
CNNX_INLINE WordVector x86_load_words(const uint16_t* source, LaneMask mask) {
  return reinterpret_cast<WordVector>(__builtin_ia32_loaddquhi256_mask(
      reinterpret_cast<const int16_t*>(source), SignedWordVector{}, mask));
}
CNNX_INLINE void x86_store_words(uint16_t* target, LaneMask mask, WordVector words) {
  __builtin_ia32_storedquhi256_mask(reinterpret_cast<int16_t*>(target),
                                    reinterpret_cast<SignedWordVector>(words), mask);
}
CNNX_INLINE UnsignedVector x86_as_numbers(WordVector words) {
  return reinterpret_cast<UnsignedVector>(__builtin_ia32_pmovzxwd512_mask(
      reinterpret_cast<SignedWordVector>(words), IntVector{}, kEveryLane));
}
CNNX_INLINE ManyWords x86_permute(ManyWords words, ManyWords from) {
  return __builtin_ia32_permvarhi512_mask(words, from, words, 0xffffffff);
}
CNNX_INLINE Vector x86_permute(Vector value, IntVector from) {
  return __builtin_ia32_permvarsf512_mask(value, from, value, kEveryLane);
}
#endif

// The upper half of every number.
CNNX_INLINE WordVector x86_upper_words(UnsignedVector numbers) {
  const ManyWords odd = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31};
  const ManyWords words = x86_permute(reinterpret_cast<ManyWords>(numbers), odd);
  WordVector lower;
  memcpy(&lower, &words, sizeof lower);
  return lower;
}

#else

typedef IntVector LaneMask;
CNNX_INLINE LaneMask first_lanes(int64_t count) {
  return IntVector{0, 1, 2, 3, 4, 5, 6, 7} < static_cast<int32_t>(count);
}

#if defined(__clang__)
CNNX_INLINE Vector x86_multiply_add(Vector a, Vector b, Vector c) {
  return _mm256_fmadd_ps(a, b, c);
}
CNNX_INLINE Vector x86_maximum(Vector a, Vector b) { return _mm256_max_ps(a, b); }
CNNX_INLINE Vector x86_minimum(Vector a, Vector b) { return _mm256_min_ps(a, b); }
CNNX_INLINE Vector x86_load(const float* source, LaneMask mask) {
  return _mm256_maskload_ps(source, reinterpret_cast<__m256i>(mask));
}
CNNX_INLINE void x86_store(float* target, LaneMask mask, Vector value) {
  _mm256_maskstore_ps(target, reinterpret_cast<__m256i>(mask), value);
}
CNNX_INLINE Vector x86_permute(Vector value, IntVector from) {
  return _mm256_permutevar_ps(value, reinterpret_cast<__m256i>(from));
}
CNNX_INLINE UnsignedVector x86_as_numbers(WordVector words) {
  return reinterpret_cast<UnsignedVector>(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(words)));
}
CNNX_INLINE WordVector x86_upper_words(UnsignedVector numbers) {
  const __m256i upper = reinterpret_cast<__m256i>(numbers >> 16);
  const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(upper, upper), 8);
  return reinterpret_cast<WordVector>(_mm256_castsi256_si128(packed));
}
#else
CNNX_INLINE Vector x86_multiply_add(Vector a, Vector b, Vector c) {
  return __builtin_ia32_vfmaddps256(a, b, c);
}
CNNX_INLINE Vector x86_maximum(Vector a, Vector b) { return __builtin_ia32_maxps256(a, b); }
CNNX_INLINE Vector x86_minimum(Vector a, Vector b) { return __builtin_ia32_minps256(a, b); }
CNNX_INLINE Vector x86_load(const float* source, LaneMask mask) {
  return __builtin_ia32_maskloadps256(reinterpret_cast<const Vector*>(source), mask);
}
CNNX_INLINE void x86_store(float* target, LaneMask mask, Vector value) {
  __builtin_ia32_maskstoreps256(reinterpret_cast<Vector*>(target), mask, value);
}
CNNX_INLINE Vector x86_permute(Vector value, IntVector from) {
  return __builtin_ia32_vpermilvarps256(value, from);
}
typedef int16_t SignedWordVector __attribute__((vector_size(16)));
typedef long long LongVector __attribute__((vector_size(32)));
CNNX_INLINE UnsignedVector x86_as_numbers(WordVector words) {
  return reinterpret_cast<UnsignedVector>(
      __builtin_ia32_pmovzxwd256(reinterpret_cast<SignedWordVector>(words)));
}
CNNX_INLINE WordVector x86_upper_words(UnsignedVector numbers) {
  const IntVector upper = reinterpret_cast<IntVector>(numbers >> 16);
  const LongVector packed = __builtin_ia32_permdi256(
      reinterpret_cast<LongVector>(__builtin_ia32_packusdw256(upper, upper)), 8);
  WordVector lower;
  memcpy(&lower, &packed, sizeof lower);
  return lower;
}
#endif

#endif

}  // namespace
