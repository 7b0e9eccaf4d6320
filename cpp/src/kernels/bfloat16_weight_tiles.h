// Weight gradients of bfloat16 in AMX tiles: 32 channels times 32 columns. Included by
// bfloat16_weight.cpp only.
#pragma once

#include "kernels/amx_tiles.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Elements of a channel of packed input: its positions, and as many more as keep channels of a tile
// in different sets of a cache.
CNNX_INLINE int64_t channel_step(int64_t positions) {
  return positions + (positions / kBfloat16Block % 2 == 0 ? kBfloat16Block : 0);
}

// 16 channels of two positions, the two of a channel beside each other.
CNNX_INLINE __m512i load_pair(const uint16_t* const* pixels, int64_t channel, __mmask16 mask) {
  const __m256i first = _mm256_maskz_loadu_epi16(mask, pixels[0] + channel);
  const __m256i second = _mm256_maskz_loadu_epi16(mask, pixels[1] + channel);
  const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(first), second, 1);
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, both);
}

CNNX_INLINE __mmask16 first_channels(int64_t count) {
  return static_cast<__mmask16>(count >= kTileRows ? 0xffff : (1u << count) - 1);
}

// Rows of 16 integers become columns.
CNNX_INLINE void transpose(__m512i (&rows)[16]) {
  __m512i pairs[16], quads[16];
  CNNX_UNROLL for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  CNNX_UNROLL for (int i = 0; i < 16; i += 4) {
    quads[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
    quads[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
    quads[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    quads[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  CNNX_UNROLL for (int i = 0; i < 4; ++i) {
    const __m512i first = _mm512_shuffle_i32x4(quads[i], quads[i + 4], 0x88);
    const __m512i second = _mm512_shuffle_i32x4(quads[i], quads[i + 4], 0xdd);
    const __m512i third = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], 0x88);
    const __m512i fourth = _mm512_shuffle_i32x4(quads[i + 8], quads[i + 12], 0xdd);
    rows[i] = _mm512_shuffle_i32x4(first, third, 0x88);
    rows[i + 4] = _mm512_shuffle_i32x4(second, fourth, 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(first, third, 0xdd);
    rows[i + 12] = _mm512_shuffle_i32x4(second, fourth, 0xdd);
  }
}

// Each channel's positions follow one another, so that a tile may begin at any of them.
void pack_input(const Bfloat16Pixels& a, float* packed) {
  auto* const target = reinterpret_cast<uint16_t*>(packed);
  const int64_t step = channel_step(a.positions);
  for (int64_t position = 0; position < a.positions; position += kBfloat16Block) {
    for (int64_t channel = 0; channel < a.channels; channel += kTileRows) {
      const __mmask16 mask = first_channels(a.channels - channel);
      __m512i rows[16];
      CNNX_UNROLL for (int i = 0; i < 16; ++i) rows[i] =
          load_pair(a.pixels + position + 2 * i, a.first_channel + channel, mask);
      transpose(rows);
      CNNX_UNROLL for (int i = 0; i < 16; ++i)
          _mm512_store_si512(target + (channel + i) * step + position, rows[i]);
    }
  }
}

constexpr int64_t kTileFloats = kTileRows * kTileRows;

// Floats of a block of packed gradients: an odd number of tiles, so that blocks lie in different
// sets of a cache.
CNNX_INLINE int64_t block_step(int64_t columns) {
  return ((columns + kTileRows - 1) / kTileRows | 1) * kTileFloats;
}

// Tiles of 16 pairs of positions, all columns of a block after another. Pixels are read in the
// order of memory.
void pack_gradient(const Bfloat16Pixels& a, float* packed) {
  const int64_t step = block_step(a.channels);
  for (int64_t position = 0; position < a.positions; position += 2) {
    float* const pair =
        packed + position / kBfloat16Block * step + position % kBfloat16Block / 2 * kTileRows;
    const uint16_t* const* const pixels = a.pixels + position;
    int64_t column = 0;
    for (; column + kTileRows <= a.channels; column += kTileRows)
      _mm512_store_si512(pair + column * kTileRows,
                         load_pair(pixels, a.first_channel + column, 0xffff));
    if (column < a.channels)
      _mm512_store_si512(pair + column * kTileRows, load_pair(pixels, a.first_channel + column,
                                                              first_channels(a.channels - column)));
  }
}

// Blocks whose pixels and gradients stay in a first-level cache while several taps read them. There
// a tile that begins in the middle of a cache line takes little longer than another.
constexpr int64_t kBlocksOfTaps = 8;

// Blocks [first, last) of a band.
struct Blocks {
  int64_t first, last;
};

// The sums of up to two tiles of channels and of columns over some blocks of a band.
template <int rows, int columns>
CNNX_INLINE void add_tiles(const Bfloat16WeightBand& a, const Blocks& blocks, const uint16_t* input,
                           const float* gradient, float* sums) {
  const int64_t channel_bytes = 2 * channel_step(a.input_positions);
  const int64_t gradient_step = block_step(a.columns);
  const int64_t sums_bytes = 4 * a.sums_step;
  float* const lower = sums + kTileRows * a.sums_step;
  if (a.first && blocks.first == 0) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, sums_bytes);
    if (columns > 1) _tile_loadd(1, sums + kTileRows, sums_bytes);
    if (rows > 1) _tile_loadd(2, lower, sums_bytes);
    if (rows > 1 && columns > 1) _tile_loadd(3, lower + kTileRows, sums_bytes);
  }
  const uint16_t* const input_below = input + kTileRows * channel_step(a.input_positions);
  gradient += blocks.first * gradient_step;
  for (int64_t block = blocks.first; block < blocks.last; ++block) {
    const int64_t offset = a.offsets[block];
    _tile_loadd(6, gradient, kTileBytes);
    _tile_loadd(4, input + offset, channel_bytes);
    _tile_dpbf16ps(0, 4, 6);
    if (columns > 1) {
      _tile_loadd(7, gradient + kTileFloats, kTileBytes);
      _tile_dpbf16ps(1, 4, 7);
    }
    if (rows > 1) {
      _tile_loadd(5, input_below + offset, channel_bytes);
      _tile_dpbf16ps(2, 5, 6);
      if (columns > 1) _tile_dpbf16ps(3, 5, 7);
    }
    gradient += gradient_step;
  }
  _tile_stored(0, sums, sums_bytes);
  if (columns > 1) _tile_stored(1, sums + kTileRows, sums_bytes);
  if (rows > 1) _tile_stored(2, lower, sums_bytes);
  if (rows > 1 && columns > 1) _tile_stored(3, lower + kTileRows, sums_bytes);
}

// The sums of all taps, some blocks after the other.
template <int rows, int columns>
void add_taps(const Bfloat16WeightBand& a, const uint16_t* input, const float* gradient,
              float* sums) {
  const int64_t step = a.taps > 1 ? kBlocksOfTaps : a.blocks;
  for (int64_t block = 0; block < a.blocks; block += step) {
    const Blocks blocks = {block, lesser(block + step, a.blocks)};
    for (int64_t tap = 0; tap < a.taps; ++tap) {
      add_tiles<rows, columns>(a, blocks, input + a.shifts[tap], gradient,
                               sums + a.sums_offsets[tap]);
    }
  }
}

void add(const Bfloat16WeightBand& a) {
  const TileConfiguration tiles(kTileWindows);
  _tile_loadconfig(&tiles);
  const auto* const packed = reinterpret_cast<const uint16_t*>(a.input);
  // Columns of the same rows follow one another in memory.
  for (int64_t row = 0; row < a.channels; row += 2 * kTileRows) {
    const uint16_t* const input = packed + row * channel_step(a.input_positions);
    const bool both_rows = a.channels - row > kTileRows;
    for (int64_t column = 0; column < a.columns; column += 2 * kTileRows) {
      const float* const gradient = a.gradient + column * kTileRows;
      const bool both_columns = a.columns - column > kTileRows;
      const auto add_to = both_rows ? (both_columns ? add_taps<2, 2> : add_taps<2, 1>)
                                    : (both_columns ? add_taps<1, 2> : add_taps<1, 1>);
      add_to(a, input, gradient, a.sums + row * a.sums_step + column);
    }
  }
  _tile_release();
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
