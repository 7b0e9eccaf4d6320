// Inner loops of the direct convolution: windows over bands of picture rows, and the sums of its
// weight gradient. Knows neither layers nor threads; the op cuts the work into bands.
#pragma once

#include <stdint.h>

#include "kernels/bias_gradient.h"
#include "kernels/declare.h"

namespace cnnx {

// Rows of a picture as they lie in memory, the caller's own or a copy with zero columns added. Rows
// of the picture outside [first_row, first_row + rows) are never read: taps that fall there are
// skipped.
struct BandRows {
  const float* data;  // row first_row of the picture, column first_column
  int64_t first_row, rows;
  int64_t first_column;
  int64_t row_floats;
  int64_t channels;  // floats from pixel to pixel
};

// Where windows lie on a picture along one axis: tap t of window i is at origin + i * stride + t *
// dilation.
struct WindowAxis {
  int64_t origin, stride, taps, dilation;
};

// One pass of windows over a band: output (row, column, channel) for `rows` rows.
struct ConvolutionBand {
  BandRows input;
  WindowAxis vertical, horizontal;  // vertical.origin belongs to the band's first output row
  int64_t groups, group_inputs, group_outputs;
  const float* panels;  // per group panel_floats(taps * group_inputs, group_outputs)
  const float* bias;    // null: chains start at zero
  float* output;
  int64_t rows, columns;
  int64_t output_row_step, output_pixel_step;
  bool accumulate;  // chains start at what output holds; then bias is null
};

// The weight gradient's share of a band: for every tap and input channel, sums of input times
// gradient.
struct WeightGradientBand {
  BandRows input;
  int64_t pictures,
      picture_floats;  // pictures that the band covers whole, `picture_floats` apart in the input
  WindowAxis vertical, horizontal;
  int64_t groups, group_inputs, group_outputs;
  const float* gradient;  // (pictures, rows, columns, groups * group_outputs), whole rows
  int64_t gradient_picture_floats;
  int64_t rows, columns;
  int64_t first_block, last_block;  // column blocks of this share, counted through the groups
  float* gradient_panel;            // scratch: pictures * rows * columns * kPanelBlockFloats
  float* sums;                      // laid out as the panels of a forward pass
  bool first;                       // sums begin at zero
};

struct Conv2dKernels {
  // One tap of one group: source[k * k_step + column * column_step] for `group_inputs` k and
  // `group_outputs` columns goes to place `tap` of `taps` in the group's panel.
  void (*pack_tap)(const float* source, int64_t tap, int64_t taps, int64_t inputs, int64_t k_step,
                   int64_t outputs, int64_t column_step, float* panel);
  void (*convolve)(const ConvolutionBand& band);
  // Blocks of columns in one group, the unit in which a weight gradient is shared out.
  int64_t (*blocks)(int64_t group_outputs);
  void (*add_weight_gradient)(const WeightGradientBand& band);
  // target[k][column] (+)= sums of all chunks, in their order, for rows [begin, end) of one group's
  // panels; `panel` of chunk c lies c * chunk_floats further on, `target_step` floats are between
  // rows of the target.
  void (*reduce)(const float* panel, int64_t chunks, int64_t chunk_floats, int64_t depth,
                 int64_t begin, int64_t end, int64_t outputs, bool accumulate, float* target,
                 int64_t target_step);
  // See kernels/bias_gradient.h.
  void (*add_bias_gradient)(const float* gradient, int64_t rows, int64_t columns, int64_t channels,
                            float* sums);
  void (*reduce_bias_gradient)(const float* sums, int64_t chunks, int64_t chunk_floats,
                               int64_t channels, bool accumulate, float* target);
};

// Columns of a panel's block in the widest instruction set.
constexpr int64_t kPanelBlockFloats = 32;

// Floats of a panel: columns in whole vectors of the widest instruction set.
constexpr int64_t panel_floats(int64_t depth, int64_t columns) {
  return depth * ((columns + 15) / 16 * 16);
}

CNNX_DECLARE_KERNELS(Conv2dKernels, conv2d_kernels)

}  // namespace cnnx
