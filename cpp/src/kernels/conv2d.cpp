// The direct convolution on bands of rows: clips windows to the picture and hands lines of pixels
// to the tiles.
#include "kernels/conv2d.h"

#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Taps [first, last) of a window that meet the rows of the band.
struct TapRange {
  int64_t first, last;
};

CNNX_INLINE TapRange clip_taps(const WindowAxis& axis, int64_t window, int64_t first_row,
                               int64_t rows) {
  const int64_t begin = axis.origin + window * axis.stride - first_row;  // in rows of the band
  const int64_t first = begin >= 0 ? 0 : (-begin + axis.dilation - 1) / axis.dilation;
  const int64_t room = rows - begin;
  const int64_t fitting = room > 0 ? (room - 1) / axis.dilation + 1 : 0;
  const int64_t last = fitting < axis.taps ? fitting : axis.taps;
  return {first, first < last ? last : first};
}

// Windows [first, last) whose tap `tap` meets the rows of the band.
CNNX_INLINE TapRange clip_windows(const WindowAxis& axis, int64_t tap, int64_t windows,
                                  int64_t first_row, int64_t rows) {
  const int64_t begin = axis.origin + tap * axis.dilation - first_row;
  const int64_t first = begin >= 0 ? 0 : (-begin + axis.stride - 1) / axis.stride;
  const int64_t room = rows - begin;
  const int64_t fitting = room > 0 ? (room - 1) / axis.stride + 1 : 0;
  const int64_t last = fitting < windows ? fitting : windows;
  return {first, first < last ? last : first};
}

// A row of taps is one run of floats when neither dilation nor groups leave gaps in it: so few
// input channels cost nothing.
struct TapRow {
  int64_t runs, run_step, run;
};

CNNX_INLINE TapRow tap_row(const WindowAxis& horizontal, int64_t channels, int64_t group_inputs) {
  const int64_t step = horizontal.dilation * channels;
  if (step == group_inputs || horizontal.taps == 1) return {1, 0, horizontal.taps * group_inputs};
  return {horizontal.taps, step, group_inputs};
}

void pack_tap(const float* source, int64_t tap, int64_t taps, int64_t inputs, int64_t k_step,
              int64_t outputs, int64_t column_step, float* panel) {
  for (int64_t b = 0; b < block_count(outputs); ++b) {
    const ColumnBlock block = column_block(outputs, b);
    pack_block(source + block.begin * column_step, inputs, k_step, block.columns, column_step,
               block.width, panel + taps * inputs * block.begin + tap * inputs * block.width);
  }
}

// input (rows, columns, groups * group_inputs) -> output (rows, columns, groups * group_outputs)
void convolve(const ConvolutionBand& band) {
  const BandRows& input = band.input;
  const TapRow taps = tap_row(band.horizontal, input.channels, band.group_inputs);
  const int64_t depth = band.vertical.taps * band.horizontal.taps * band.group_inputs;
  const int64_t row_depth = band.horizontal.taps * band.group_inputs;
  const int64_t column = (band.horizontal.origin - input.first_column) * input.channels;
  Product product = {};
  product.row_step = band.horizontal.stride * input.channels;
  product.tap_row_step = band.vertical.dilation * input.row_floats;
  product.taps_wide = taps.runs;
  product.tap_column_step = taps.run_step;
  product.run = taps.run;
  product.output_step = band.output_pixel_step;
  // Rows that follow one another without a gap, as those of a 1x1 kernel do, are one long row.
  int64_t rows = band.rows;
  product.rows = band.columns;
  if (band.vertical.taps == 1 && band.vertical.origin >= input.first_row &&
      band.vertical.origin + (rows - 1) * band.vertical.stride < input.first_row + input.rows &&
      band.vertical.stride * input.row_floats == band.columns * product.row_step &&
      band.output_row_step == band.columns * band.output_pixel_step) {
    product.rows *= rows;
    rows = 1;
  }
  for (int64_t g = 0; g < band.groups; ++g) {
    const float* group_panel = band.panels + g * panel_floats(depth, band.group_outputs);
    for (int64_t b = 0; b < block_count(band.group_outputs); ++b) {
      const ColumnBlock block = column_block(band.group_outputs, b);
      const int64_t channel = g * band.group_outputs + block.begin;
      float start[kBlockColumns] = {};
      if (band.bias)
        memcpy(start, band.bias + channel, static_cast<size_t>(block.columns) * sizeof(float));
      product.start = band.accumulate ? nullptr : start;
      product.columns = block.columns;
      product.width = block.width;
      for (int64_t r = 0; r < rows; ++r) {
        const TapRange clip = clip_taps(band.vertical, r, input.first_row, input.rows);
        const int64_t top =
            band.vertical.origin + r * band.vertical.stride + clip.first * band.vertical.dilation;
        product.taps_high = clip.last - clip.first;
        product.input = input.data + (top - input.first_row) * input.row_floats + column +
                        g * band.group_inputs;
        product.panel = group_panel + depth * block.begin + clip.first * row_depth * block.width;
        product.output = band.output + r * band.output_row_step + channel;
        multiply(product);
      }
    }
  }
}

int64_t blocks(int64_t group_outputs) { return block_count(group_outputs); }

// The gradient of one block of columns as a panel: pixels are its k.
void pack_gradient(const WeightGradientBand& band, int64_t channel, const ColumnBlock& block) {
  const int64_t pixels = band.rows * band.columns;
  for (int64_t n = 0; n < band.pictures; ++n) {
    pack_block(band.gradient + n * band.gradient_picture_floats + channel, pixels,
               band.groups * band.group_outputs, block.columns, 1, block.width,
               band.gradient_panel + n * pixels * block.width);
  }
}

// Adds windows [first, last) of each picture in turn to `taps` rows of taps from `tap` on.
void add_windows(const WeightGradientBand& band, OuterSum& sum, int64_t tap, int64_t taps,
                 TapRange windows, int64_t first_picture, int64_t pictures) {
  if (windows.first >= windows.last) return;
  const BandRows& input = band.input;
  const int64_t top =
      band.vertical.origin + windows.first * band.vertical.stride + tap * band.vertical.dilation;
  const float* from = sum.input;
  const float* gradient = sum.gradient;
  sum.input += first_picture * band.picture_floats + (top - input.first_row) * input.row_floats;
  sum.gradient += (first_picture * band.rows + windows.first) * band.columns * sum.width;
  sum.pictures = pictures;
  sum.rows = windows.last - windows.first;
  sum.taps = taps;
  add_outer_products(sum);
  sum.input = from;
  sum.gradient = gradient;
}

// Several rows of taps at once share the windows that all of them meet; at the picture's edges each
// takes its own, before and after, so that every chain keeps its order.
void add_tap_rows(const WeightGradientBand& band, OuterSum& sum, int64_t tap, int64_t taps) {
  TapRange common = {0, band.rows};
  bool edges = false;
  for (int64_t t = tap; t < tap + taps; ++t) {
    const TapRange own =
        clip_windows(band.vertical, t, band.rows, band.input.first_row, band.input.rows);
    edges = edges || own.first > 0 || own.last < band.rows;
    if (own.first > common.first) common.first = own.first;
    if (own.last < common.last) common.last = own.last;
  }
  if (!edges) return add_windows(band, sum, tap, taps, common, 0, band.pictures);
  if (common.last < common.first) common.last = common.first;
  float* const sums = sum.sums;
  for (int64_t n = 0; n < band.pictures; ++n) {
    for (int64_t t = 0; t < taps; ++t) {
      const TapRange own =
          clip_windows(band.vertical, tap + t, band.rows, band.input.first_row, band.input.rows);
      sum.sums = sums + t * sum.sums_tap_step;
      const int64_t last = own.last < common.first ? own.last : common.first;
      add_windows(band, sum, tap + t, 1, {own.first, last}, n, 1);
    }
    sum.sums = sums;
    add_windows(band, sum, tap, taps, common, n, 1);
    for (int64_t t = 0; t < taps; ++t) {
      const TapRange own =
          clip_windows(band.vertical, tap + t, band.rows, band.input.first_row, band.input.rows);
      sum.sums = sums + t * sum.sums_tap_step;
      const int64_t first = own.first > common.last ? own.first : common.last;
      add_windows(band, sum, tap + t, 1, {first, own.last}, n, 1);
    }
    sum.sums = sums;
  }
}

// input x gradient -> sums, laid out as the panels of the forward pass
void add_weight_gradient(const WeightGradientBand& band) {
  const BandRows& input = band.input;
  const TapRow row = tap_row(band.horizontal, input.channels, band.group_inputs);
  const int64_t row_depth = band.horizontal.taps * band.group_inputs;
  const int64_t depth = band.vertical.taps * row_depth;
  const int64_t column = (band.horizontal.origin - input.first_column) * input.channels;
  const int64_t group_blocks = block_count(band.group_outputs);
  OuterSum sum = {};
  sum.picture_step = band.picture_floats;
  sum.row_step = band.vertical.stride * input.row_floats;
  sum.pixels = band.columns;
  sum.pixel_step = band.horizontal.stride * input.channels;
  sum.tap_step = band.vertical.dilation * input.row_floats;
  sum.run = row.run;
  sum.gradient = band.gradient_panel;
  for (int64_t index = band.first_block; index < band.last_block; ++index) {
    const int64_t g = index / group_blocks;
    const ColumnBlock block = column_block(band.group_outputs, index % group_blocks);
    pack_gradient(band, g * band.group_outputs + block.begin, block);
    float* sums = band.sums + g * panel_floats(depth, band.group_outputs) + depth * block.begin;
    if (band.first) memset(sums, 0, static_cast<size_t>(depth * block.width) * sizeof(float));
    sum.columns = sum.width = sum.sums_step = block.width;
    sum.gradient_picture_step = band.rows * band.columns * block.width;
    sum.sums_tap_step = row_depth * block.width;
    const int64_t most = taps_at_once(band.vertical.taps, row.run, block.width);
    for (int64_t tap = 0; tap < band.vertical.taps; tap += most) {
      const int64_t rest = band.vertical.taps - tap;
      for (int64_t j = 0; j < row.runs; ++j) {
        sum.input = input.data + column + g * band.group_inputs + j * row.run_step;
        sum.sums = sums + tap * sum.sums_tap_step + j * row.run * block.width;
        add_tap_rows(band, sum, tap, rest < most ? rest : most);
      }
    }
  }
}

// target[0, count) (+)= sums over chunks, chunk by chunk
CNNX_INLINE void reduce_row(const float* sums, int64_t chunks, int64_t chunk_floats, int64_t count,
                            float* target, bool accumulate) {
  for (int64_t c = 0; c < count; c += kLanes) {
    Vector total = load(sums + c);
    for (int64_t chunk = 1; chunk < chunks; ++chunk) total += load(sums + chunk * chunk_floats + c);
    if (count - c >= kLanes) {
      store(target + c, accumulate ? load(target + c) + total : total);
    } else {
      const int64_t rest = count - c;
      store_partial(target + c, accumulate ? load_partial(target + c, rest) + total : total, rest);
    }
  }
}

void reduce(const float* panel, int64_t chunks, int64_t chunk_floats, int64_t depth, int64_t begin,
            int64_t end, int64_t outputs, bool accumulate, float* target, int64_t target_step) {
  for (int64_t b = 0; b < block_count(outputs); ++b) {
    const ColumnBlock block = column_block(outputs, b);
    for (int64_t k = begin; k < end; ++k) {
      reduce_row(panel + depth * block.begin + k * block.width, chunks, chunk_floats, block.columns,
                 target + k * target_step + block.begin, accumulate);
    }
  }
}

}  // namespace

const Conv2dKernels conv2d_kernels = {pack_tap,
                                      convolve,
                                      blocks,
                                      add_weight_gradient,
                                      reduce,
                                      add_bias_gradient,
                                      reduce_bias_gradient};

}  // namespace CNNX_ISA
}  // namespace cnnx
