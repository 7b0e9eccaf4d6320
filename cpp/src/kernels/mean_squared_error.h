// Mean squared error of rows: loss and gradient in one pass.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct MeanSquaredErrorKernels {
  // Writes a loss per row, its outputs' mean, and 2 (prediction - target) / divisor unless
  // grad_prediction is null.
  void (*rows)(const float* prediction, const float* target, int64_t rows, int64_t outputs,
               float divisor, bool accumulate, float* grad_prediction, float* row_losses);
};

CNNX_DECLARE_KERNELS(MeanSquaredErrorKernels, mean_squared_error_kernels)

}  // namespace cnnx
