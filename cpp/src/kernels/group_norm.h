// Inner loops of normalisation along rows of channels.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// One group's channels in some rows; each row has its own mean and inverse standard deviation.
struct NormRows {
  const float* x;
  int64_t rows, channels;  // the group's
  int64_t step;            // floats from row to row
  const float* weight;     // one per channel
  float* mean;             // one per row, `statistics_step` floats apart
  float* inverse;
  int64_t statistics_step;
};

// Other arrays have the layout of x.
struct GroupNormKernels {
  // Writes mean and inverse, in two sweeps to avoid cancellation.
  void (*statistics)(const NormRows& rows, float epsilon);
  void (*forward)(const NormRows& rows, const float* bias, float* output);
};

struct GroupNormGradientKernels {
  void (*backward)(const NormRows& rows, const float* grad_output, bool accumulate,
                   float* grad_input);
  // Per channel, the sums of grad_output and of grad_output * (x - mean) * inverse.
  void (*sums)(const NormRows& rows, const float* grad_output, float* sum, float* product_sum);
};

CNNX_DECLARE_KERNELS(GroupNormKernels, group_norm_kernels)
CNNX_DECLARE_KERNELS(GroupNormGradientKernels, group_norm_gradient_kernels)

}  // namespace cnnx
