// Weight gradients of bfloat16 in registers: multiplies the band's numbers widened, or in pairs by
// the instruction for that. Included by bfloat16_weight.cpp only.
#pragma once

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "kernels/flush_denormals.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// A tile of sums: channels of the input times vectors of columns. Its chains, two vectors of the
// gradient and a broadcast fill the registers. Panels of the packed arrays have its sides.
#if defined(CNNX_32_REGISTERS)
constexpr int64_t kRows = 8;
#else
constexpr int64_t kRows = 4;
#endif
constexpr int64_t kVectors = 2;
constexpr int64_t kColumns = kVectors * kLanes;

// A chain multiplies units of 32 bits, of which each is `kUnitStep` positions after the one before:
// a widened number, or two numbers of positions two apart, the first of which is the upper half and
// multiplied first.
#if defined(__AVX512BF16__)
constexpr bool kPairs = true;
#else
constexpr bool kPairs = false;
#endif
constexpr int64_t kChainUnits = kPairs ? 8 : 16, kUnitStep = kPairs ? 4 : 2;
constexpr int64_t kBlockUnits = 2 * kChainUnits;

// Units of `width` channels of a position; channels in the padding are 0.
template <int64_t width>
CNNX_INLINE void pack_units(const Bfloat16Pixels& a, int64_t position, int64_t channel,
                            float* packed) {
  const int64_t first = a.first_channel + channel, count = a.channels - channel;
  const uint16_t* const upper = a.pixels[position] + first;
  // No unit of the last two positions is multiplied.
  const int64_t second = position + 2 < a.positions ? position + 2 : position;
  const uint16_t* const lower = a.pixels[second] + first;
  uint32_t bits[width] = {};
  const auto pack = [&](int64_t i) CNNX_INLINED {
    bits[i] = static_cast<uint32_t>(upper[i]) << 16 | (kPairs ? lower[i] : 0);
  };
  if (count >= width) {
    for (int64_t i = 0; i < width; ++i) pack(i);
  } else {
    for (int64_t i = 0; i < count; ++i) pack(i);
  }
  memcpy(packed, bits, sizeof bits);
}

// Panels of kRows channels, in each all positions.
void pack_input(const Bfloat16Pixels& a, float* packed) {
  for (int64_t channel = 0; channel < a.channels; channel += kRows) {
    for (int64_t position = 0; position < a.positions; ++position, packed += kRows)
      pack_units<kRows>(a, position, channel, packed);
  }
}

// Panels of kColumns columns, in each the units of both chains by turns.
void pack_gradient(const Bfloat16Pixels& a, float* packed) {
  for (int64_t column = 0; column < a.channels; column += kColumns) {
    for (int64_t position = 0; position < a.positions; position += kUnitStep) {
      for (int64_t chain = 0; chain < 2; ++chain, packed += kColumns)
        pack_units<kColumns>(a, position + chain, column, packed);
    }
  }
}

// The same unit in every lane.
CNNX_INLINE Vector broadcast_unit(const float* source) {
#if defined(__AVX512BF16__)
  int32_t bits;
  memcpy(&bits, source, sizeof bits);
  return reinterpret_cast<Vector>(bits - IntVector{});
#else
  return broadcast(*source);
#endif
}

CNNX_INLINE Vector add_products(Vector a, Vector b, Vector sum) {
#if defined(__AVX512BF16__)
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
#else
  return fused_multiply_add(a, b, sum);
#endif
}

// One of the two chains of a block for each sum of a tile.
template <int vectors>
CNNX_INLINE void multiply_half(const float* input, const float* gradient,
                               Vector (&chain)[kRows][vectors]) {
  CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int v = 0; v < vectors; ++v)
      chain[r][v] = Vector{};
  for (int64_t unit = 0; unit < kChainUnits; ++unit) {
    Vector factor[vectors];
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) factor[v] = held(load(gradient + v * kLanes));
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) {
      const Vector pixel = broadcast_unit(input + r);
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) chain[r][v] =
          add_products(pixel, factor[v], chain[r][v]);
    }
    input += kUnitStep * kRows;
    gradient += 2 * kColumns;
  }
}

// Blocks whose pixels and gradients stay in a first-level cache while all taps read them.
constexpr int64_t kBlocksOfTaps = 4;

// The sums of a tile over blocks [first, last) of a band.
template <int vectors>
CNNX_INLINE void add_tile(const Bfloat16WeightBand& a, int64_t first, int64_t last,
                          const float* input, const float* gradient, float* sums) {
  Vector even[kRows][vectors], odd[kRows][vectors];
  gradient += first * kBlockUnits * kColumns;
  for (int64_t block = first; block < last; ++block) {
    const float* const pixels = input + a.offsets[block] * kRows;
    multiply_half<vectors>(pixels, gradient, even);
    multiply_half<vectors>(pixels + kRows, gradient + kColumns, odd);
    const bool fresh = a.first && block == 0;
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
      float* const sum = sums + r * a.sums_step + v * kLanes;
      store(sum, (fresh ? Vector{} : load(sum)) + (even[r][v] + odd[r][v]));
    }
    gradient += kBlockUnits * kColumns;
  }
}

template <int vectors>
void add_taps(const Bfloat16WeightBand& a, const float* input, const float* gradient, float* sums) {
  for (int64_t block = 0; block < a.blocks; block += kBlocksOfTaps) {
    const int64_t last = lesser(block + kBlocksOfTaps, a.blocks);
    for (int64_t tap = 0; tap < a.taps; ++tap) {
      add_tile<vectors>(a, block, last, input + a.shifts[tap] * kRows, gradient,
                        sums + a.sums_offsets[tap]);
    }
  }
}

// Not inlined into the function that sets the floating-point mode.
__attribute__((noinline)) void add_tiles(const Bfloat16WeightBand& a) {
  const int64_t columns = with_tile_padding(a.columns);
  for (int64_t column = 0; column < columns; column += kColumns) {
    const float* const gradient = a.gradient + column * a.blocks * kBlockUnits;
    const auto add_to = columns - column >= kColumns ? add_taps<kVectors> : add_taps<1>;
    for (int64_t row = 0; row < a.channels; row += kRows) {
      add_to(a, a.input + row * a.input_positions, gradient, a.sums + row * a.sums_step + column);
    }
  }
}

void add(const Bfloat16WeightBand& a) {
  const FlushDenormals mode;
  add_tiles(a);
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
