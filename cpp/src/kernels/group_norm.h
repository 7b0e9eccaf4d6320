// Inner loops of normalisation along rows of channels.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

// One group's channels in some rows, each row with a mean and an inverse standard deviation of its
// own.
struct NormRows {
  const float* x;
  int64_t rows, channels;  // the group's
  int64_t step;            // floats from row to row
  const float* weight;     // one per channel
  float* mean;             // and so on, `statistics_step` floats from row to row
  float* inverse;
  int64_t statistics_step;
};

// Other arrays lie like x.
struct GroupNormKernels {
  // Writes mean and inverse: two sweeps, so that nothing cancels.
  void (*statistics)(const NormRows& rows, float epsilon);
  void (*forward)(const NormRows& rows, const float* bias, float* output);
  void (*backward)(const NormRows& rows, const float* grad_output, bool accumulate,
                   float* grad_input);
  // Per channel, the sums of grad_output and of grad_output * (x - mean) * inverse.
  void (*sums)(const NormRows& rows, const float* grad_output, float* sum, float* product_sum);
};

CNNX_DECLARE_KERNELS(GroupNormKernels, group_norm_kernels)

}  // namespace cnnx
