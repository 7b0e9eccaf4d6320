// Dot products of four uint8 pixels with four int8 weights, added to a vector of int32 sums, one
// column per lane. The instruction set determines the order of the weights of a quad, four rows of
// one vector of columns, in memory. Included by kernel files only.
#pragma once

#include "kernels/simd.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace cnnx {
namespace CNNX_ISA {
namespace {

typedef IntVector UnalignedQuad __attribute__((aligned(1), may_alias));

CNNX_INLINE int32_t four_bytes(const uint8_t* source) {
  int32_t value;
  memcpy(&value, source, 4);
  return value;
}
CNNX_INLINE IntVector broadcast_integer(int32_t value) { return value - IntVector{}; }

#if defined(CNNX_DOT_PRODUCTS)

// One instruction: a lane has the four weights of its column.
constexpr int64_t kBytesPerQuad = 4;

CNNX_INLINE void put_weight(int8_t weight, int64_t k, int64_t lane, uint8_t* quad) {
  quad[4 * lane + k] = static_cast<uint8_t>(weight);
}

#if defined(__aarch64__)
// Of two int8 factors: pixels are 128 less.
constexpr int32_t kPixelOffset = 128;
typedef int8x16_t Pixels;
typedef int8x16_t Weights;

// Of a quad of pixels in each lane.
CNNX_INLINE Pixels pixels_of(IntVector quads) {
  return veorq_s8(reinterpret_cast<int8x16_t>(quads), vdupq_n_s8(-128));
}
CNNX_INLINE Weights load_weights(const uint8_t* quad) {
  return vreinterpretq_s8_u8(vld1q_u8(quad));
}
CNNX_INLINE IntVector add_dot_product(IntVector sum, Pixels pixels, Weights weights) {
  return reinterpret_cast<IntVector>(vdotq_s32(reinterpret_cast<int32x4_t>(sum), pixels, weights));
}
#else
constexpr int32_t kPixelOffset = 0;
typedef IntVector Pixels;
typedef IntVector Weights;

CNNX_INLINE Pixels pixels_of(IntVector quads) { return quads; }
CNNX_INLINE Weights load_weights(const uint8_t* quad) {
  return *reinterpret_cast<const UnalignedQuad*>(quad);
}
CNNX_INLINE IntVector add_dot_product(IntVector sum, Pixels pixels, Weights weights) {
#if defined(__AVX512F__)
  return reinterpret_cast<IntVector>(_mm512_dpbusd_epi32(reinterpret_cast<__m512i>(sum),
                                                         reinterpret_cast<__m512i>(pixels),
                                                         reinterpret_cast<__m512i>(weights)));
#else
  return reinterpret_cast<IntVector>(_mm256_dpbusd_avx_epi32(reinterpret_cast<__m256i>(sum),
                                                             reinterpret_cast<__m256i>(pixels),
                                                             reinterpret_cast<__m256i>(weights)));
#endif
}
#endif

#elif defined(__SSE2__)

// Products of 16 bits, of the even and of the odd pixels: those of 8 bits (pmaddubsw) saturate.
constexpr int64_t kBytesPerQuad = 8;
constexpr int32_t kPixelOffset = 0;
struct Pixels {
  IntVector even, odd;
};
typedef Pixels Weights;

CNNX_INLINE void put_weight(int8_t weight, int64_t k, int64_t lane, uint8_t* quad) {
  const int16_t wide = weight;
  memcpy(quad + k % 2 * 4 * kLanes + 4 * lane + k / 2 * 2, &wide, 2);
}
CNNX_INLINE Pixels pixels_of(IntVector quads) {
  const IntVector low = broadcast_integer(0x00ff00ff);
  return {quads & low, (quads >> 8) & low};
}
CNNX_INLINE Weights load_weights(const uint8_t* quad) {
  return {*reinterpret_cast<const UnalignedQuad*>(quad),
          *reinterpret_cast<const UnalignedQuad*>(quad + 4 * kLanes)};
}
CNNX_INLINE IntVector multiply_pairs(IntVector pixels, IntVector weights) {
#if defined(__AVX512F__)
  return reinterpret_cast<IntVector>(
      _mm512_madd_epi16(reinterpret_cast<__m512i>(pixels), reinterpret_cast<__m512i>(weights)));
#elif defined(__AVX2__)
  return reinterpret_cast<IntVector>(
      _mm256_madd_epi16(reinterpret_cast<__m256i>(pixels), reinterpret_cast<__m256i>(weights)));
#else
  return reinterpret_cast<IntVector>(
      _mm_madd_epi16(reinterpret_cast<__m128i>(pixels), reinterpret_cast<__m128i>(weights)));
#endif
}
CNNX_INLINE IntVector add_dot_product(IntVector sum, const Pixels& pixels, const Weights& weights) {
  return sum + multiply_pairs(pixels.even, weights.even) + multiply_pairs(pixels.odd, weights.odd);
}

#elif defined(__ARM_NEON) && defined(CNNX_HAS_FMA)

// Products of 16 bits: of the first two rows of a quad, and of the last two.
constexpr int64_t kBytesPerQuad = 8;
constexpr int32_t kPixelOffset = 0;
struct Pixels {
  int16x8_t first, last;
};
typedef Pixels Weights;

CNNX_INLINE void put_weight(int8_t weight, int64_t k, int64_t lane, uint8_t* quad) {
  const int16_t wide = weight;
  memcpy(quad + 2 * (k * kLanes + lane), &wide, 2);
}
CNNX_INLINE Pixels pixels_of(IntVector quads) {
  const int16x8_t low = vdupq_n_s16(0xff);
  const int16x8_t even = vandq_s16(reinterpret_cast<int16x8_t>(quads), low);
  const int16x8_t odd = vandq_s16(reinterpret_cast<int16x8_t>(quads >> 8), low);
  return {vuzp1q_s16(even, odd), vuzp2q_s16(even, odd)};
}
CNNX_INLINE Weights load_weights(const uint8_t* quad) {
  return {vreinterpretq_s16_u8(vld1q_u8(quad)), vreinterpretq_s16_u8(vld1q_u8(quad + 16))};
}
CNNX_INLINE IntVector add_dot_product(IntVector sum, const Pixels& pixels, const Weights& weights) {
  int32x4_t total = reinterpret_cast<int32x4_t>(sum);
  total = vmlal_s16(total, vget_low_s16(pixels.first), vget_low_s16(weights.first));
  total = vmlal_high_s16(total, pixels.first, weights.first);
  total = vmlal_s16(total, vget_low_s16(pixels.last), vget_low_s16(weights.last));
  return reinterpret_cast<IntVector>(vmlal_high_s16(total, pixels.last, weights.last));
}

// The same four pixels in every lane: the lanes of this vector.
CNNX_INLINE int16x4_t load_pixels(const uint8_t* source) {
  const uint8x8_t bytes = vreinterpret_u8_s32(vdup_n_s32(four_bytes(source)));
  return vget_low_s16(vreinterpretq_s16_u16(vmovl_u8(bytes)));
}
CNNX_INLINE IntVector add_dot_product(IntVector sum, int16x4_t pixels, const Weights& weights) {
  int32x4_t total = reinterpret_cast<int32x4_t>(sum);
  total = vmlal_lane_s16(total, vget_low_s16(weights.first), pixels, 0);
  total = vmlal_high_lane_s16(total, weights.first, pixels, 1);
  total = vmlal_lane_s16(total, vget_low_s16(weights.last), pixels, 2);
  return reinterpret_cast<IntVector>(vmlal_high_lane_s16(total, weights.last, pixels, 3));
}
#define CNNX_LOADS_PIXELS 1

#else

constexpr int64_t kBytesPerQuad = 4;
constexpr int32_t kPixelOffset = 0;
typedef int8_t Signed __attribute__((vector_size(kLanes)));
struct Pixels {
  IntVector rows[4];
};
struct Weights {
  Signed rows[4];
};

CNNX_INLINE void put_weight(int8_t weight, int64_t k, int64_t lane, uint8_t* quad) {
  quad[k * kLanes + lane] = static_cast<uint8_t>(weight);
}
CNNX_INLINE Pixels pixels_of(IntVector quads) {
  const IntVector low = broadcast_integer(0xff);
  return {{quads & low, (quads >> 8) & low, (quads >> 16) & low, (quads >> 24) & low}};
}
CNNX_INLINE Weights load_weights(const uint8_t* quad) {
  Weights weights;
  memcpy(&weights, quad, sizeof weights);
  return weights;
}
CNNX_INLINE IntVector add_dot_product(IntVector sum, const Pixels& pixels, const Weights& weights) {
  CNNX_UNROLL for (int k = 0; k < 4; ++k) {
    sum += pixels.rows[k] * __builtin_convertvector(weights.rows[k], IntVector);
  }
  return sum;
}

#endif

#if !defined(CNNX_LOADS_PIXELS)
// The same four pixels in every lane.
CNNX_INLINE Pixels load_pixels(const uint8_t* source) {
  return pixels_of(broadcast_integer(four_bytes(source)));
}
#endif

// The start of a column's sums: its bias, and the products of its weights with the number that
// every pixel is less. Like the sums, it may wrap around.
CNNX_INLINE int32_t start_of_sums(int32_t bias, [[maybe_unused]] const int8_t* weights,
                                  [[maybe_unused]] int64_t rows, [[maybe_unused]] int64_t columns) {
  uint32_t start = static_cast<uint32_t>(bias);
  if constexpr (kPixelOffset != 0) {
    for (int64_t row = 0; row < rows; ++row)
      start += static_cast<uint32_t>(kPixelOffset * weights[row * columns]);
  }
  return static_cast<int32_t>(start);
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
