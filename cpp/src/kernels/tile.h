// The two register tiles that convolution and dense layers are made of, and the panels they read.
// For kernel files only: each instruction set has its own tile sizes, on which no result depends.
//
// A panel is a matrix divided into blocks of kBlockColumns columns, each stored as [k][width] and
// zero-filled to whole vectors, so that the tiles load whole aligned vectors for any number of
// channels.
#pragma once

#include <stdint.h>

#include "kernels/cache_line.h"
#include "kernels/relu.h"
#include "kernels/simd.h"

namespace {

constexpr int kBlockVectors = 2;
constexpr int kBlockColumns = kBlockVectors * kLanes;

struct ColumnBlock {
  int64_t begin;    // first column
  int64_t columns;  // number of columns without padding
  int64_t width;    // with zero padding to whole vectors
};

CNNX_INLINE int64_t block_count(int64_t columns) {
  return (columns + kBlockColumns - 1) / kBlockColumns;
}

// Every block except the last is full, so a block of a panel with `depth` rows begins at depth *
// begin.
CNNX_INLINE ColumnBlock column_block(int64_t columns, int64_t index) {
  const int64_t begin = index * kBlockColumns;
  const int64_t rest = columns - begin;
  if (rest >= kBlockColumns) return {begin, kBlockColumns, kBlockColumns};
  return {begin, rest, (rest + kLanes - 1) / kLanes * kLanes};
}

// Columns of a block and padding that tiles compute and store without masks.
CNNX_INLINE int64_t with_padding(const ColumnBlock& block) {
#if defined(__AVX512F__)
  constexpr int64_t kHalf = kLanes / 2;  // see tile_last_vector.h
  if (block.width == kBlockColumns && block.columns <= kLanes + kHalf) return kLanes + kHalf;
#endif
  return block.width;
}

}  // namespace

namespace cnnx {
namespace CNNX_ISA {

// Memory that will be read soon.
struct FetchAhead {
  const float *next, *end;
};

// One block of columns of a product: output[row][column] = start + sum over k of input[row][k] *
// panel[k][column], one FMA chain per output. k runs over taps_high x taps_wide runs of `run`
// contiguous floats. The next row reads the same runs row_step floats further.
struct Product {
  const float* input;
  int64_t rows, row_step;
  int64_t taps_high, tap_row_step;
  int64_t taps_wide, tap_column_step;
  int64_t run;
  // A zero replaces the first tap column of the first row, or the last of the last row: a window
  // that reaches one pixel beyond an image needs no copy of it. `run` is then at most kMostZeroRun.
  bool zero_first, zero_last;
  const float* panel;  // [taps_high * taps_wide * run][width]
  const float* start;  // `width` floats; null continues the chains in `output`
  float* output;
  int64_t output_step;
  int64_t columns, width;
  // Applied to the sums in this order. `addend`, or null, is another array in the layout of the
  // output.
  const float* addend;
  bool relu;                   // sums below zero are stored as zero
  float ceiling = kNoCeiling;  // and with `relu` those above it as the ceiling
  // The data that will be read and written next, or null: prefetched while the tiles run.
  const float* next_input;
  const float* next_output;
  // The panel, or a part of it, that later products read; or empty. Tiles read a panel faster than
  // memory or a third-level cache deliver it. Prefetched if there is no next input.
  FetchAhead next_panel;
};
constexpr int64_t kMostZeroRun = 1152;
void multiply(const Product& product);

// The floats that follow a panel in memory, as many as its own.
CNNX_INLINE FetchAhead panel_after(const float* panel, int64_t floats) {
  return {panel + floats, panel + 2 * floats};
}

// Part `index` of `count` nearly equal ones, whole cache lines.
CNNX_INLINE FetchAhead part_of(const FetchAhead& stream, int64_t index, int64_t count) {
  if (count == 1) return stream;
  const int64_t lines = (stream.end - stream.next) / kCacheLine<float>;
  return {stream.next + lines * index / count * kCacheLine<float>,
          stream.next + lines * (index + 1) / count * kCacheLine<float>};
}

// One block of columns of a sum of outer products: sums[tap][k][column] += sum over pixels of
// input[pixel + tap][k] * gradient[pixel][column], one FMA chain per sum in the order of the
// pixels, for `taps` taps in a column and `run` contiguous floats in each.
struct OuterSum {
  const float* input;
  int64_t images, image_step;
  int64_t rows, row_step;
  int64_t pixels, pixel_step;
  int64_t taps, tap_step;  // taps: at most taps_at_once
  int64_t run;
  const float* gradient;  // [images][rows][pixels][width], with these steps
  int64_t gradient_image_step, gradient_row_step, gradient_pixel_step;
  bool fresh;   // chains begin at zero instead of at the old sums,
  bool adds;    // and are then added to these; only for one tap
  float* sums;  // [taps][run][columns], taps sums_tap_step apart and k sums_step
  int64_t sums_tap_step, sums_step;
  int64_t columns, width;
  // Two streams or null: prefetched while the tiles run, a cache line with every pixel, like the
  // sums of the next tile. Prefetching everything at once would block all other loads.
  FetchAhead* ahead;
};
void add_outer_products(const OuterSum& sum);

// Runs too short to fill the units (one input channel: a 5x5 kernel has runs of 5) need 2 or 3 taps
// at once.
int64_t taps_at_once(int64_t taps, int64_t run, int64_t width);

// The longest run of one tap that a single tile of full blocks sums.
int64_t longest_run();

// panel[k][column] = source[k * k_step + column * column_step] for one block, zero-padded to
// `width`. One of the two steps is 1.
void pack_block(const float* source, int64_t depth, int64_t k_step, int64_t columns,
                int64_t column_step, int64_t width, float* panel);

}  // namespace CNNX_ISA
}  // namespace cnnx
