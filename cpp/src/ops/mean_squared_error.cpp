// Mean squared error: the public functions and the train step's one pass, parallel over rows.
#include "cnnx/mean_squared_error.h"

#include "cnnx/runtime.h"
#include "kernels/mean_squared_error.h"
#include "ops/losses.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {

LossResult mean_squared_error_rows(const float* prediction, const float* target, int64_t rows,
                                   int64_t outputs, const LossGradient& gradient, float* row_losses,
                                   int threads) {
  const auto kernel = CNNX_KERNELS(mean_squared_error_kernels).rows;
  const float divisor = static_cast<float>(gradient.divisor * static_cast<double>(outputs));
  return sum_rows(rows, outputs, row_losses, threads, [&](int64_t first, int64_t count) -> int64_t {
    float* grad = gradient.values ? gradient.values + first * outputs : nullptr;
    kernel(prediction + first * outputs, target + first * outputs, count, outputs, divisor,
           gradient.accumulate, grad, row_losses + first);
    return 0;
  });
}

namespace {

LossResult checked_rows(const float* prediction, const float* target, int64_t rows, int64_t outputs,
                        const LossGradient& gradient) {
  check_loss_shape("mean_squared_error", "prediction", rows, outputs);
  check_divisor("mean_squared_error", gradient.divisor);
  runtime::AlignedBuffer row_losses(rows);
  return mean_squared_error_rows(prediction, target, rows, outputs, gradient, row_losses.data(),
                                 get_num_threads());
}

}  // namespace
}  // namespace ops

double mean_squared_error(const float* prediction, const float* target, int64_t rows,
                          int64_t outputs) {
  return ops::checked_rows(prediction, target, rows, outputs, {}).sum / static_cast<double>(rows);
}

void mean_squared_error_backward(const float* prediction, const float* target, int64_t rows,
                                 int64_t outputs, double divisor, float* grad_prediction,
                                 bool accumulate) {
  ops::checked_rows(prediction, target, rows, outputs, {grad_prediction, divisor, accumulate});
}

}  // namespace cnnx
