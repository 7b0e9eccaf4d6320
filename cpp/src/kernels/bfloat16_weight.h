// Products of a band of input pixels and of gradients, both bfloat16, summed over their positions:
// the weight gradient of a convolution.
//
// The positions are cut into blocks of 32. In a block there are two chains of fused multiply-adds
// that start from 0: over the positions 0, 2, ... 30 and over 1, 3, ... 31. The sum of both is
// added to the weight's sum. All of this is float32 without denormals (kernels/flush_denormals.h),
// as AMX's TDPBF16PS computes. Every instruction set has the same bits, with one exception: the
// baseline, which has no fused multiply-add, also flushes products below 2^-126 to zero before it
// adds them.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

constexpr int64_t kBfloat16Block = 32;

// Rows and columns of sums are padded to whole tiles.
constexpr int64_t kBfloat16Tile = 16;
constexpr int64_t with_tile_padding(int64_t count) {
  return (count + kBfloat16Tile - 1) / kBfloat16Tile * kBfloat16Tile;
}

// Floats of memory for packed arrays of any instruction set.
constexpr int64_t bfloat16_input_floats(int64_t positions, int64_t channels) {
  return positions * with_tile_padding(channels);
}
constexpr int64_t bfloat16_gradient_floats(int64_t positions, int64_t columns) {
  return positions * (with_tile_padding(columns) + kBfloat16Tile);
}

// Channels [first_channel, first_channel + channels) of a pixel for each position.
struct Bfloat16Pixels {
  const uint16_t* const* pixels;
  int64_t positions;  // whole blocks
  int64_t first_channel, channels;
};

struct Bfloat16WeightBand {
  const float *input, *gradient;  // packed
  int64_t input_positions, channels, columns;
  // Of each block of the gradient: the position of the input that its first one reads.
  const int64_t* offsets;
  int64_t blocks;
  // Of each tap: how many positions further on it reads the input, and where its sums are, which
  // are (channels, columns), both with padding. The first band starts from 0.
  const int64_t *shifts, *sums_offsets;
  int64_t taps;
  float* sums;
  int64_t sums_step;
  bool first;
};

// Sums of several chunks: of each tap `rows` rows of `columns`, both with padding.
struct Bfloat16WeightSums {
  const float* sums;
  int64_t chunks, chunk_floats;
  int64_t rows, columns;
  int64_t target_step;  // from a row of the target to the next
};

struct Bfloat16WeightKernels {
  void (*pack_input)(const Bfloat16Pixels& pixels, float* packed);
  void (*pack_gradient)(const Bfloat16Pixels& pixels, float* packed);
  void (*add)(const Bfloat16WeightBand& band);
  // Rows [begin, end) of the target, those of all taps in order: (+)= the chunks, in order.
  void (*reduce)(const Bfloat16WeightSums& sums, int64_t begin, int64_t end, bool accumulate,
                 float* target);
};

CNNX_DECLARE_BFLOAT16_TILE_KERNELS(Bfloat16WeightKernels, bfloat16_weight_kernels)

}  // namespace cnnx
