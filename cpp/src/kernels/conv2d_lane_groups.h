// Inner loops of a convolution whose vectors hold several whole groups, or whose groups are whole
// vectors: an input channel of every group is spread over the lanes of its group.
#pragma once

#include <stdint.h>

#include "kernels/conv2d.h"
#include "kernels/declare.h"

namespace cnnx {

// Channels of a group in the source and in the target: 2, 4 or 8, the same number in both.
struct GroupChannels {
  int64_t inputs, outputs;
};

// One pass (see ConvolutionPass) over one image.
struct LaneGroupsPass {
  WindowAxis vertical, horizontal;
  GroupChannels group;
  int64_t groups, columns;
  int64_t height, width;  // of the source
  const float* source;
  const float* panels;
  const float* bias;  // null: chains start at zero, or at the target's values if `accumulate`
  bool accumulate;
  bool relu;      // results below zero are stored as zero
  float ceiling;  // and above it as the ceiling
  float* target;  // of output (0, 0)
  int64_t row_step, column_step;
};

// The layout of a pass's weights: those of one tap, for input i and output j of group g, are at
// weight[g * group_step + i * input_step + j * output_step].
struct LaneGroupsTap {
  GroupChannels group;
  int64_t groups;
  const float* weight;
  int64_t group_step, input_step, output_step;
  int64_t row, column, rows, columns;  // the tap's position among the pass's taps
};

// Rows [first, last) of the output of one image.
struct LaneGroupsGradient {
  WindowAxis vertical, horizontal;
  GroupChannels group;
  int64_t groups, columns;
  int64_t height, width;  // of the source
  const float* source;
  const float* gradient;  // of output row 0
  int64_t first, last;
  float* sums;  // (taps_high, taps_wide, inputs, channels)
};

// Floats of a pass's panels: channels in whole vectors of the widest instruction set.
constexpr int64_t lane_groups_panel_floats(const GroupChannels& group, int64_t groups,
                                           int64_t taps) {
  return taps * group.inputs * ((groups * group.outputs + 15) / 16 * 16);
}

struct LaneGroupsKernels {
  void (*pack_tap)(const LaneGroupsTap& tap, float* panels);
  void (*convolve)(const LaneGroupsPass& pass, int64_t first, int64_t last);  // rows [first, last)
};

struct LaneGroupsGradientKernels {
  void (*add)(const LaneGroupsGradient& gradient);
};

CNNX_DECLARE_KERNELS(LaneGroupsKernels, lane_groups_kernels)
CNNX_DECLARE_KERNELS(LaneGroupsGradientKernels, lane_groups_gradient_kernels)

}  // namespace cnnx
