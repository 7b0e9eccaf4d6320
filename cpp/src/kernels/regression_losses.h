// The regression losses of prediction - target: a loss per row and the gradient in one pass.
#pragma once

#include <stdint.h>

#include "kernels/declare.h"
#include "kernels/loss_rows.h"

namespace cnnx {

struct RegressionLossKernels {
  // Writes a loss per row, the mean over its outputs, and the gradient, the derivative of each
  // output's loss / divisor. `delta` is Huber's.
  using Rows = void (*)(const LossRows& rows, const float* targets, float delta);
  Rows mean_squared_error, mean_absolute_error, huber;
};

CNNX_DECLARE_KERNELS(RegressionLossKernels, regression_loss_kernels)

}  // namespace cnnx
