// The end of arithmetic in floats between arrays of bytes. Included by kernel files only.
#pragma once

#include "kernels/byte_vector.h"
#include "kernels/quantized_epilogue.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Beyond every byte, and small enough to be rounded as an integer of 32 bits.
constexpr float kBeyondBytes = 1 << 20;

// Rounds numbers to bytes and stores the first `count` of them.
class ByteRounding {
 public:
#if defined(__AVX512F__)
  explicit ByteRounding(const QuantizedEpilogue& e)
      : zero_(_mm512_set1_epi16(static_cast<int16_t>(e.zero))),
        least_(_mm512_set1_epi8(static_cast<char>(e.least))),
        most_(_mm512_set1_epi8(static_cast<char>(e.most))),
        zero_is_0_(e.zero == 0) {}

  // The outputs of some windows, `step` bytes apart: the first `count` of so many vectors of
  // numbers each, which fit int32.
  template <int windows, int vectors>
  CNNX_INLINE void store(const Vector* t, int64_t step, int64_t count, uint8_t* target) const {
    constexpr int total = windows * vectors;
    const __m512i low = _mm512_packs_epi32(nearest(t[0]), nearest(t[total > 1 ? 1 : 0]));
    __m512i high = low;
    if (total > 2) high = _mm512_packs_epi32(nearest(t[2]), nearest(t[total - 1]));
    // Joining vectors interleaves their quarters.
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i bytes = _mm512_permutexvar_epi32(order, joined(low, high));
    if (vectors == 4 || (total == 4 && step == vectors * kLanes)) {
      store_first(bytes, vectors == 4 ? count : 64, target);
    } else if constexpr (vectors == 3) {
      store_first(bytes, count < 48 ? count : 48, target);
    } else if constexpr (vectors == 2) {
      store_first(_mm512_castsi512_si256(bytes), count, target);
      if (windows > 1) store_first(_mm512_extracti64x4_epi64(bytes, 1), count, target + step);
    } else {
      store_first(_mm512_castsi512_si128(bytes), count, target);
      if constexpr (windows > 1) {
        store_first(_mm512_extracti32x4_epi32(bytes, 1), count, target + step);
        store_first(_mm512_extracti32x4_epi32(bytes, 2), count, target + 2 * step);
        store_first(_mm512_extracti32x4_epi32(bytes, 3), count, target + 3 * step);
      }
    }
  }

  // Of a block in the order of byte_of_lane, whose numbers fit int32.
  CNNX_INLINE void store_block(const Vector* t, int64_t count, uint8_t* target) const {
    const __m512i low = _mm512_packs_epi32(nearest(t[0]), nearest(t[1]));
    const __m512i high = _mm512_packs_epi32(nearest(t[2]), nearest(t[3]));
    const __m512i bytes = joined(low, high);
    if (likely(count >= 64)) {
      _mm512_storeu_si512(target, bytes);
    } else {
      _mm512_mask_storeu_epi8(target, ~uint64_t{0} >> (64 - count), bytes);
    }
  }

 private:
  // By a mask only what is left, because a load of the bytes after those would wait for the store.
  static CNNX_INLINE void store_first(__m128i bytes, int64_t count, uint8_t* target) {
    if (likely(count >= 16)) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(target), bytes);
      return;
    }
    if (count >= 8) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(target), bytes);
      bytes = _mm_srli_si128(bytes, 8), target += 8, count -= 8;
    }
    if (count > 0) _mm_mask_storeu_epi8(target, first_lanes(count), bytes);
  }
  static CNNX_INLINE void store_first(__m256i bytes, int64_t count, uint8_t* target) {
    if (likely(count >= 32)) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), bytes);
      return;
    }
    store_first(_mm256_castsi256_si128(bytes), count, target);
    if (count > 16) store_first(_mm256_extracti128_si256(bytes, 1), count - 16, target + 16);
  }
  static CNNX_INLINE void store_first(__m512i bytes, int64_t count, uint8_t* target) {
    if (likely(count >= 64)) {
      _mm512_storeu_si512(target, bytes);
      return;
    }
    store_first(_mm512_castsi512_si256(bytes), count, target);
    if (count > 32) store_first(_mm512_extracti64x4_epi64(bytes, 1), count - 32, target + 32);
  }
  CNNX_INLINE __m512i joined(__m512i low, __m512i high) const {
    const __m512i bytes =
        zero_is_0_  // as after ReLU
            ? _mm512_packus_epi16(low, high)
            : _mm512_packus_epi16(_mm512_adds_epi16(low, zero_), _mm512_adds_epi16(high, zero_));
    return _mm512_min_epu8(_mm512_max_epu8(bytes, least_), most_);
  }
  static CNNX_INLINE __m512i nearest(Vector t) {
    return _mm512_cvtps_epi32(reinterpret_cast<__m512>(t));
  }
  __m512i zero_, least_, most_;
  bool zero_is_0_;
#elif defined(__SSE2__)
  explicit ByteRounding(const QuantizedEpilogue& e)
      : zero_(_mm_set1_epi16(static_cast<int16_t>(e.zero))),
        least_(_mm_set1_epi8(static_cast<char>(e.least))),
        most_(_mm_set1_epi8(static_cast<char>(e.most))) {}

  // The outputs of some windows, `step` bytes apart: the first `count` of so many vectors of
  // numbers each, which fit int32.
  template <int windows, int vectors>
  CNNX_INLINE void store(const Vector* t, int64_t step, int64_t count, uint8_t* target) const {
#if defined(__AVX2__)
    if (windows * vectors == 4 && step == vectors * kLanes) {
      // Joining vectors interleaves their halves.
      const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
      store_whole(_mm256_permutevar8x32_epi32(joined(t), order), 4 * kLanes, target);
      return;
    }
#endif
    CNNX_UNROLL for (int window = 0; window < windows; ++window)
        store_window<vectors>(t + window * vectors, count, target + window * step);
  }

  // Of a block in the order of byte_of_lane, whose numbers fit int32.
  CNNX_INLINE void store_block(const Vector* t, int64_t count, uint8_t* target) const {
    store_whole(joined(t), count, target);
  }

 private:
  template <int vectors>
  CNNX_INLINE void store_window(const Vector* t, int64_t count, uint8_t* target) const {
    static_assert(vectors <= 2);
#if defined(__AVX2__)
    const __m256i both = _mm256_packs_epi32(nearest(t[0]), nearest(t[vectors - 1]));
    const __m256i ordered = _mm256_permute4x64_epi64(both, 0xd8);  // packing joins halves
    const __m128i low = _mm256_castsi256_si128(ordered);
    const __m128i high = _mm256_extracti128_si256(ordered, 1);
#else
    const __m128i low = _mm_packs_epi32(nearest(t[0]), nearest(t[vectors - 1])), high = low;
#endif
    __m128i bytes = _mm_packus_epi16(_mm_adds_epi16(low, zero_), _mm_adds_epi16(high, zero_));
    bytes = _mm_min_epu8(_mm_max_epu8(bytes, least_), most_);
    store_first<vectors * kLanes>(bytes, count, target);
  }
#if defined(__AVX2__)
  using Integers = __m256i;
  static CNNX_INLINE Integers nearest(Vector t) {
    return _mm256_cvtps_epi32(reinterpret_cast<__m256>(t));
  }
  // In the order of byte_of_lane.
  CNNX_INLINE Integers joined(const Vector* t) const {
    const __m256i zero = _mm256_broadcastsi128_si256(zero_);
    const __m256i low = _mm256_packs_epi32(nearest(t[0]), nearest(t[1]));
    const __m256i high = _mm256_packs_epi32(nearest(t[2]), nearest(t[3]));
    const __m256i bytes =
        _mm256_packus_epi16(_mm256_adds_epi16(low, zero), _mm256_adds_epi16(high, zero));
    return _mm256_min_epu8(_mm256_max_epu8(bytes, _mm256_broadcastsi128_si256(least_)),
                           _mm256_broadcastsi128_si256(most_));
  }
  static CNNX_INLINE void store_whole(Integers bytes, int64_t count, uint8_t* target) {
    if (count >= 32) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(target), bytes);
    } else {
      store_first<16>(_mm256_castsi256_si128(bytes), count, target);
      if (count > 16) store_first<16>(_mm256_extracti128_si256(bytes, 1), count - 16, target + 16);
    }
  }
#else
  using Integers = __m128i;
  static CNNX_INLINE Integers nearest(Vector t) {
    return _mm_cvtps_epi32(reinterpret_cast<__m128>(t));
  }
  CNNX_INLINE Integers joined(const Vector* t) const {
    const __m128i low = _mm_packs_epi32(nearest(t[0]), nearest(t[1]));
    const __m128i high = _mm_packs_epi32(nearest(t[2]), nearest(t[3]));
    const __m128i bytes = _mm_packus_epi16(_mm_adds_epi16(low, zero_), _mm_adds_epi16(high, zero_));
    return _mm_min_epu8(_mm_max_epu8(bytes, least_), most_);
  }
  static CNNX_INLINE void store_whole(Integers bytes, int64_t count, uint8_t* target) {
    store_first<16>(bytes, count, target);
  }
#endif
  // Stores the first 1 to 15 bytes, in parts that overlap.
  static __attribute__((noinline)) void store_part(__m128i bytes, int64_t count, uint8_t* target) {
    if (count > 8) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(target), bytes);
      bytes = _mm_srli_si128(bytes, 8), target += 8, count -= 8;
    }
    uint64_t eight;
    memcpy(&eight, &bytes, 8);
    const auto from = [&](int64_t first) CNNX_INLINED { return eight >> 8 * first; };
    if (count == 8) {
      memcpy(target, &eight, 8);
    } else if (count >= 4) {
      const auto low = static_cast<uint32_t>(eight), high = static_cast<uint32_t>(from(count - 4));
      memcpy(target, &low, 4);
      memcpy(target + count - 4, &high, 4);
    } else {
      target[0] = static_cast<uint8_t>(eight);
      target[count / 2] = static_cast<uint8_t>(from(count / 2));
      target[count - 1] = static_cast<uint8_t>(from(count - 1));
    }
  }
  template <int size>
  static CNNX_INLINE void store_first(__m128i bytes, int64_t count, uint8_t* target) {
    if (size == 16 && count >= 16) {
      _mm_storeu_si128(reinterpret_cast<__m128i*>(target), bytes);
    } else if (size == 8 && count >= 8) {
      _mm_storel_epi64(reinterpret_cast<__m128i*>(target), bytes);
    } else {
      store_part(bytes, count < size ? count : size, target);
    }
  }
  __m128i zero_, least_, most_;
#else
  explicit ByteRounding(const QuantizedEpilogue& e)
      : zero_(IntVector{} + e.zero), least_(IntVector{} + e.least), most_(IntVector{} + e.most) {}

  // The outputs of some windows, `step` bytes apart: the first `count` of so many vectors of
  // numbers each.
  template <int windows, int vectors>
  CNNX_INLINE void store(const Vector* t, int64_t step, int64_t count, uint8_t* target) const {
    CNNX_UNROLL for (int i = 0; i < windows * vectors; ++i) {
      const int v = i % vectors;
      IntVector byte = rounded(t[i]) + zero_;
      byte = byte < least_ ? least_ : byte > most_ ? most_ : byte;
      if (count > v * kLanes) {
        store_bytes(target + i / vectors * step + v * kLanes, lowest_bytes(byte),
                    count - v * kLanes);
      }
    }
  }

  // Of a block in the order of byte_of_lane.
  CNNX_INLINE void store_block(const Vector* t, int64_t count, uint8_t* target) const {
    store<1, 4>(t, 0, count, target);
  }

 private:
  // Adding 1.5 * 2^23 rounds to an integer, which is then in the lowest bits of the sum. NaN
  // becomes the least byte, as on x86-64.
  static CNNX_INLINE IntVector rounded(Vector t) {
    const Vector magic = broadcast(12582912.0f), least = broadcast(-kBeyondBytes);
    const Vector bounded = at_most(broadcast(kBeyondBytes), t > least ? t : least);
    const Vector sum = bounded + magic;
    return reinterpret_cast<IntVector>(sum) - reinterpret_cast<IntVector>(magic);
  }
  IntVector zero_, least_, most_;
#endif
};

// Stores numbers in the unit of the output as bytes or floats.
class ByteOutput {
 public:
  explicit ByteOutput(const QuantizedEpilogue& e)
      : output_(e.output),
        float_output_(e.float_output),
        least_(e.float_least),
        most_(e.float_most),
        rounding_(e) {}

  CNNX_INLINE void store_at(int64_t element, Vector t, int64_t count) const {
    if (output_) {
      const Vector bounded = at_most(broadcast(kBeyondBytes), t);
      rounding_.store<1, 1>(&bounded, 0, count, output_ + element);
    } else {
      store_floats(at_most(broadcast(most_), at_least(broadcast(least_), t)), count,
                   float_output_ + element);
    }
  }

 private:
  static CNNX_INLINE void store_floats(Vector y, int64_t count, float* target) {
    if (count >= kLanes) {
      ::store(target, y);
    } else {
      store_partial(target, y, count);
    }
  }

  uint8_t* output_;
  float* float_output_;
  float least_, most_;
  ByteRounding rounding_;
};

// Calls body(first, count) for groups of vectors that cover `size` elements, of which more than one
// vector needs a whole group. The last one may overlap the one before it, so an output must not
// overwrite an input.
template <int vectors = 1, class Body>
CNNX_INLINE void for_overlapping_vectors(int64_t size, const Body& body) {
  constexpr int64_t kStep = vectors * kLanes;
  const int64_t count = vectors > 1 || size > kStep ? kStep : size;
  for (int64_t first = 0;; first += kStep) {
    if (first + count > size) first = size - count;
    body(first, count);
    if (first + count >= size) return;
  }
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
