// A block of bytes of four rows as four vectors of quads, one byte of each row in a lane. Included
// by kernel files only.
#pragma once

#include "kernels/byte_vector.h"
#include "kernels/simd.h"

namespace {

constexpr int kBlockBytes = 4 * kLanes;

// The byte of a block whose quad is in a lane. Interleaving leaves the order that joining vectors
// of integers to bytes undoes (ByteRounding::store_block).
constexpr int64_t byte_of_lane(int64_t vector, int64_t lane) {
  return lane / 4 * 16 + vector * 4 + lane % 4;
}

#if defined(__SSE2__)
#if defined(__AVX512F__)
typedef __m512i Block;
#define CNNX_INTERLEAVE(half, bits, a, b) _mm512_unpack##half##_epi##bits(a, b)
#elif defined(__AVX2__)
typedef __m256i Block;
#define CNNX_INTERLEAVE(half, bits, a, b) _mm256_unpack##half##_epi##bits(a, b)
#else
typedef __m128i Block;
#define CNNX_INTERLEAVE(half, bits, a, b) _mm_unpack##half##_epi##bits(a, b)
#endif
typedef IntVector UnalignedBlock __attribute__((aligned(1), may_alias));

CNNX_INLINE Block load_block(const uint8_t* source) {
  return reinterpret_cast<Block>(held(*reinterpret_cast<const UnalignedBlock*>(source)));
}
#else
struct Block {
  IntVector quarters[4];
};
CNNX_INLINE Block load_block(const uint8_t* source) {
  Block block;
  CNNX_UNROLL for (int v = 0; v < 4; ++v) block.quarters[v] =
      integers_of(load_bytes(source + v * kLanes));
  return block;
}
#endif

CNNX_INLINE void interleave(Block first, Block second, Block third, Block fourth,
                            IntVector* quads) {
#if defined(CNNX_INTERLEAVE)
  const Block low = CNNX_INTERLEAVE(lo, 8, first, second);
  const Block high = CNNX_INTERLEAVE(hi, 8, first, second);
  const Block next_low = CNNX_INTERLEAVE(lo, 8, third, fourth);
  const Block next_high = CNNX_INTERLEAVE(hi, 8, third, fourth);
  quads[0] = reinterpret_cast<IntVector>(CNNX_INTERLEAVE(lo, 16, low, next_low));
  quads[1] = reinterpret_cast<IntVector>(CNNX_INTERLEAVE(hi, 16, low, next_low));
  quads[2] = reinterpret_cast<IntVector>(CNNX_INTERLEAVE(lo, 16, high, next_high));
  quads[3] = reinterpret_cast<IntVector>(CNNX_INTERLEAVE(hi, 16, high, next_high));
#else
  CNNX_UNROLL for (int v = 0; v < 4; ++v) quads[v] = first.quarters[v] | second.quarters[v] << 8 |
                                                     third.quarters[v] << 16 |
                                                     fourth.quarters[v] << 24;
#endif
}
#undef CNNX_INTERLEAVE

// The bytes of one block as integers, in the same order.
CNNX_INLINE void widen(Block block, IntVector* integers) {
  interleave(block, Block{}, Block{}, Block{}, integers);
}

}  // namespace
