// Weight gradients of bfloat16 in registers: multiplies the band's numbers widened, or in pairs by
// the instruction for that. Included by bfloat16_weight.cpp only.
#pragma once

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

#include "kernels/bfloat16.h"
#include "kernels/flush_denormals.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// A tile of sums: channels of the input times vectors of columns. Panels of the packed arrays have
// its sides. The chains that are computed at once, vectors of the gradient and a broadcast fill the
// registers; where there are 32, they also hold the sums.
constexpr int64_t kRows = 4, kVectors = 2;
#if defined(CNNX_32_REGISTERS)
constexpr int kChainsAtOnce = 2;
#else
constexpr int kChainsAtOnce = 1;
#endif
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

// Units of a vector of channels of a position; channels that do not exist are 0.
CNNX_INLINE Vector units_of(const Bfloat16Pixels& a, int64_t position, int64_t channel) {
  const int64_t count = lesser(kLanes, a.channels - channel);
  if (count <= 0) return Vector{};
  const auto bits = [&](int64_t from) CNNX_INLINED {
    const uint16_t* const pixel = a.pixels[from] + a.first_channel + channel;
    return reinterpret_cast<UnsignedVector>(load_some_bfloat16(pixel, count));
  };
  const UnsignedVector upper = bits(position);
  if constexpr (!kPairs) return reinterpret_cast<Vector>(upper);
  // No unit of the last two positions is multiplied.
  return reinterpret_cast<Vector>(upper | bits(lesser(position + 2, a.positions - 1)) >> 16);
}

// Panels of kRows channels, in each all positions; a vector is part of a panel, or several. All
// channels of a block's pixels are read while these are in a cache.
void pack_input(const Bfloat16Pixels& a, float* packed) {
  constexpr int64_t kPart = lesser(kRows, kLanes);
  const Bfloat16Pixels pixels = a;
  for (int64_t block = 0; block < pixels.positions; block += kBfloat16Block) {
    for (int64_t channel = 0; channel < pixels.channels; channel += kLanes) {
      for (int64_t position = block; position < block + kBfloat16Block; ++position) {
        const Vector units = units_of(pixels, position, channel);
        CNNX_UNROLL for (int64_t i = 0; i < kLanes; i += kPart) {
          const int64_t panel = (channel + i) / kRows, row = (channel + i) % kRows;
          float* const target = packed + (panel * pixels.positions + position) * kRows + row;
          memcpy(target, reinterpret_cast<const float*>(&units) + i, sizeof(float) * kPart);
        }
      }
    }
  }
}

// Panels of kColumns columns, in each the units of both chains by turns.
void pack_gradient(const Bfloat16Pixels& a, float* packed) {
  const Bfloat16Pixels pixels = a;
  constexpr int64_t kBlockFloats = kBlockUnits * kColumns;
  for (int64_t block = 0; block < pixels.positions; block += kBfloat16Block) {
    float* target = packed + block / kBfloat16Block * kBlockFloats;
    for (int64_t column = 0; column < pixels.channels; column += kColumns) {
      float* unit = target;
      for (int64_t position = block; position < block + kBfloat16Block; position += kUnitStep) {
        for (int64_t chain = 0; chain < 2; ++chain) {
          CNNX_UNROLL for (int64_t v = 0; v < kVectors; ++v, unit += kLanes)
              store(unit, units_of(pixels, position + chain, column + v * kLanes));
        }
      }
      target += pixels.positions / kBfloat16Block * kBlockFloats;
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

// One of the two chains of a block for each sum of a tile, or both.
template <int chain, int vectors>
CNNX_INLINE void add_units(const float* input, const float* gradient,
                           Vector (&chains)[2][kRows][vectors]) {
  for (int64_t unit = 0; unit < kChainUnits; ++unit) {
    Vector factor[kChainsAtOnce][vectors];
    CNNX_UNROLL for (int c = 0; c < kChainsAtOnce; ++c) {
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) factor[c][v] =
          held(load(gradient + (chain + c) * kColumns + v * kLanes));
    }
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) {
      CNNX_UNROLL for (int c = 0; c < kChainsAtOnce; ++c) {
        const Vector pixel = broadcast_unit(input + (chain + c) * kRows + r);
        CNNX_UNROLL for (int v = 0; v < vectors; ++v) chains[chain + c][r][v] =
            add_products(pixel, factor[c][v], chains[chain + c][r][v]);
      }
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
  Vector sum[kRows][vectors];
  const bool fresh = a.first && first == 0;
  CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int v = 0; v < vectors; ++v)
      sum[r][v] = fresh ? Vector{} : load(sums + r * a.sums_step + v * kLanes);
  gradient += first * kBlockUnits * kColumns;
  for (int64_t block = first; block < last; ++block) {
    const float* const pixels = input + a.offsets[block] * kRows;
    Vector chains[2][kRows][vectors] = {};
    add_units<0>(pixels, gradient, chains);
    if constexpr (kChainsAtOnce == 1) add_units<1>(pixels, gradient, chains);
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int v = 0; v < vectors; ++v)
        sum[r][v] += chains[0][r][v] + chains[1][r][v];
    gradient += kBlockUnits * kColumns;
  }
  CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int v = 0; v < vectors; ++v)
      store(sums + r * a.sums_step + v * kLanes, sum[r][v]);
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
