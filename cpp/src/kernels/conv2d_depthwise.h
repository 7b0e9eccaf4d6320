// Inner loops of the depthwise convolution, one group per channel, and of narrow groups: vectors
// run along the channels.
#pragma once

#include <stdint.h>

#include "kernels/conv2d.h"
#include "kernels/declare.h"

namespace cnnx {

// The order of 3x3 windows with stride 1: along rows of outputs, or down the map in columns, with
// or without prefetch instructions for the next vectors of channels.
enum class DepthwiseOrder { by_rows, down, down_with_prefetches };

// One pass (see ConvolutionPass) over one image. Its elements are floats, or bfloat16 as uint16_t.
template <class Element>
struct DepthwisePassOf {
  WindowAxis vertical, horizontal;
  int64_t columns;
  int64_t height, width, channels;  // of the source
  bool fetches;  // prefetch instructions for the source's rows below those that a tile reads
  DepthwiseOrder order;
  const Element* source;
  const float* weight;  // of tap (0, 0); the pass's taps are so many floats apart
  int64_t tap_row_step, tap_column_step;
  const float* bias;  // null: chains start at zero, or at the target's values if `accumulate`
  bool accumulate;
  // Or null: an array in the target's layout, which it may be, added to the sums.
  const Element* addend;
  bool relu;      // results below zero are stored as zero
  float ceiling;  // and above it as the ceiling
  // Or null: an array in the target's layout; the target becomes zero unless this is > 0.
  const Element* relu_output;
  Element* target;  // of output (0, 0)
  int64_t row_step, column_step;
};

using DepthwisePass = DepthwisePassOf<float>;

// Rows [first, last) of the output of one image, of floats or of bfloat16 as uint16_t.
template <class Number>
struct DepthwiseGradientOf {
  WindowAxis vertical, horizontal;
  int64_t height, width, channels, columns;
  const Number* source;
  const Number* gradient;  // of output row 0
  int64_t first, last;
  float* sums;  // (taps_high, taps_wide, channels)
};

using DepthwiseGradient = DepthwiseGradientOf<float>;

// The least channels of a pixel at which the CPU prefetches along a row, and at which a first-level
// cache holds few rows.
constexpr int64_t kLongPixel = 256;

// Floats past its end that `spread` may write.
constexpr int64_t kSpreadSlackFloats = 4;

struct DepthwiseKernels {
  void (*convolve)(const DepthwisePass& pass, int64_t first, int64_t last);  // rows [first, last)
  // target[pixel][i][g * outputs + j] = source[pixel][g * inputs + i] for all j < outputs.
  void (*spread)(const float* source, int64_t pixels, int64_t groups, int64_t inputs,
                 int64_t outputs, float* target);
};

// Of chains in float32, whose start and end are bfloat16.
struct Bfloat16DepthwiseKernels {
  void (*convolve)(const DepthwisePassOf<uint16_t>& pass, int64_t first, int64_t last);
};

// Of the input gradient with stride 2, whose passes have the stride 1.
struct DepthwisePhasesKernels {
  // Rows [first, last) of the phases of target columns 2q and 2q + 1, which read the same rows.
  // Returns the number of columns of each that were computed: 0 for windows of other sizes, and not
  // the last one of an odd width.
  int64_t (*convolve)(const DepthwisePass& even, const DepthwisePass& odd, int64_t first,
                      int64_t last);
};

struct DepthwiseGradientKernels {
  void (*add)(const DepthwiseGradient& gradient);
  void (*add_bfloat16)(const DepthwiseGradientOf<uint16_t>& gradient);
  // target[i] (+)= sums of all chunks, in order, `chunk_floats` apart.
  void (*reduce)(const float* sums, int64_t chunks, int64_t chunk_floats, int64_t count,
                 bool accumulate, float* target);
};

CNNX_DECLARE_KERNELS(DepthwiseKernels, depthwise_kernels)
CNNX_DECLARE_BFLOAT16_KERNELS(Bfloat16DepthwiseKernels, bfloat16_depthwise_kernels)
CNNX_DECLARE_KERNELS(DepthwisePhasesKernels, depthwise_phases_kernels)
CNNX_DECLARE_KERNELS(DepthwiseGradientKernels, depthwise_gradient_kernels)

}  // namespace cnnx
