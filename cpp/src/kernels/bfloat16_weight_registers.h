// Weight gradients of bfloat16 in registers: widens the band's numbers and multiplies them.
// Included by bfloat16_weight.cpp only.
#pragma once

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

// Panels of `width` channels, in each all positions; channels in the padding are 0.
template <int64_t width>
void pack(const Bfloat16Pixels& a, float* packed) {
  for (int64_t channel = 0; channel < a.channels; channel += width) {
    const int64_t first = a.first_channel + channel, count = lesser(width, a.channels - channel);
    for (int64_t position = 0; position < a.positions; ++position, packed += width) {
      const uint16_t* const pixel = a.pixels[position] + first;
      uint32_t bits[width] = {};
      if (count == width) {
        for (int64_t i = 0; i < width; ++i) bits[i] = static_cast<uint32_t>(pixel[i]) << 16;
      } else {
        for (int64_t i = 0; i < count; ++i) bits[i] = static_cast<uint32_t>(pixel[i]) << 16;
      }
      memcpy(packed, bits, sizeof bits);
    }
  }
}

// The products of every other position of a block: a chain for each sum of a tile.
template <int vectors>
CNNX_INLINE void multiply_half(const float* input, const float* gradient,
                               Vector (&chain)[kRows][vectors]) {
  CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int v = 0; v < vectors; ++v)
      chain[r][v] = Vector{};
  for (int64_t position = 0; position < kBfloat16Block; position += 2) {
    Vector factor[vectors];
    CNNX_UNROLL for (int v = 0; v < vectors; ++v) factor[v] = held(load(gradient + v * kLanes));
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) {
      const Vector pixel = broadcast(input[r]);
      CNNX_UNROLL for (int v = 0; v < vectors; ++v) chain[r][v] =
          fused_multiply_add(pixel, factor[v], chain[r][v]);
    }
    input += 2 * kRows;
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
  gradient += first * kBfloat16Block * kColumns;
  for (int64_t block = first; block < last; ++block) {
    const float* const pixels = input + a.offsets[block] * kRows;
    multiply_half<vectors>(pixels, gradient, even);
    multiply_half<vectors>(pixels + kRows, gradient + kColumns, odd);
    const bool fresh = a.first && block == 0;
    CNNX_UNROLL for (int r = 0; r < kRows; ++r) CNNX_UNROLL for (int v = 0; v < vectors; ++v) {
      float* const sum = sums + r * a.sums_step + v * kLanes;
      store(sum, (fresh ? Vector{} : load(sum)) + (even[r][v] + odd[r][v]));
    }
    gradient += kBfloat16Block * kColumns;
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
    const float* const gradient = a.gradient + column * a.blocks * kBfloat16Block;
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

void pack_input(const Bfloat16Pixels& a, float* packed) { pack<kRows>(a, packed); }
void pack_gradient(const Bfloat16Pixels& a, float* packed) { pack<kColumns>(a, packed); }

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
