// The regression losses of prediction - target: a loss per row and the gradient in one pass.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"

namespace cnnx {

struct RegressionLossKernels {
  // Writes a loss per row, the mean over its outputs, and the derivative of the loss / divisor
  // unless grad_prediction is null. `delta` is Huber's.
  using Rows = void (*)(const float* prediction, const float* target, int64_t rows, int64_t outputs,
                        float delta, float divisor, bool accumulate, float* grad_prediction,
                        float* row_losses);
  Rows mean_squared_error, mean_absolute_error, huber;
};

CNNX_DECLARE_KERNELS(RegressionLossKernels, regression_loss_kernels)

}  // namespace cnnx
