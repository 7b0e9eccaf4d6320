// The input gradient of a convolution with few input channels: a matrix product per line of
// grad_output, with all columns of taps as its columns, and a sum of the overlapping results.
#include "kernels/conv2d_narrow.h"

#include "kernels/conv2d_rows.h"
#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The contributions of the pixels of each line of grad_output to row `row` of grad_input, as rows
// of scratch.
void multiply_line(const NarrowGradient& g, const NarrowGradientBand& band, int64_t row,
                   Range taps) {
  constexpr float kStart[kBlockColumns] = {};
  const int64_t row_floats = g.source_width * g.channels;
  const int64_t columns = g.taps_wide * g.target_channels, depth = g.vertical.taps * g.channels;
  const int64_t top =
      g.vertical.origin + row * g.vertical.stride + taps.first * g.vertical.dilation;
  Product product = {};
  product.input = band.source + top * row_floats;
  product.rows = g.source_width;
  product.row_step = g.channels;
  product.taps_high = taps.last - taps.first;
  product.tap_row_step = g.vertical.dilation * row_floats;
  product.taps_wide = 1;
  product.run = g.channels;
  product.start = kStart;
  product.output_step = narrow_step(g);
  for (int64_t b = 0; b < block_count(columns); ++b) {
    const ColumnBlock block = column_block(columns, b);
    product.panel = band.panel + depth * block.begin + taps.first * g.channels * block.width;
    product.output = band.scratch + block.begin;
    product.columns = product.width = block.width;
    multiply(product);
  }
}

// target[q] (+)= the contributions of the pixels of the line that reach it, from left to right.
void add_overlaps(const NarrowGradient& g, const NarrowGradientBand& band, float* target) {
  const int64_t step = narrow_step(g), row_floats = g.target_width * g.target_channels;
  for (int64_t q = 0; q < g.target_width; ++q) {
    const int64_t last_pixel = q + g.left, first_pixel = last_pixel - g.taps_wide + 1;
    const int64_t first = first_pixel > 0 ? first_pixel : 0;
    const int64_t last = last_pixel < g.source_width ? last_pixel : g.source_width - 1;
    for (int64_t c = 0; c < g.target_channels; c += kLanes) {
      float* const place = target + q * g.target_channels + c;
      const int64_t rest = g.target_channels - c < kLanes ? g.target_channels - c : kLanes;
      // A vector may overwrite pixels to the right, which are written later, never the row below.
      const bool whole =
          rest == kLanes || (!band.accumulate && q * g.target_channels + c + kLanes <= row_floats);
      Vector sum = {};
      if (band.accumulate) sum = rest == kLanes ? load(place) : load_partial(place, rest);
      for (int64_t p = first; p <= last; ++p) {
        sum += load(band.scratch + p * step + (last_pixel - p) * g.target_channels + c);
      }
      if (whole) {
        store(place, sum);
      } else {
        store_partial(place, sum, rest);
      }
    }
  }
}

void add(const NarrowGradient& g, const NarrowGradientBand& band) {
  const int64_t row_floats = g.target_width * g.target_channels;
  for (int64_t row = band.first; row < band.last; ++row) {
    const Range taps = taps_inside(g.vertical, row, g.source_height);
    float* target = band.target + row * row_floats;
    if (taps.first < taps.last) {
      multiply_line(g, band, row, taps);
      add_overlaps(g, band, target);
    } else if (!band.accumulate) {
      memset(target, 0, static_cast<size_t>(row_floats) * sizeof(float));
    }
  }
}

}  // namespace

const NarrowGradientKernels narrow_gradient_kernels = {add};

}  // namespace CNNX_ISA
}  // namespace cnnx
