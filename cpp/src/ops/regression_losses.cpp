// The regression losses: the public functions and the train step's one pass, parallel over rows.
#include "cnnx/regression_losses.h"

#include "cnnx/runtime.h"
#include "kernels/regression_losses.h"
#include "ops/losses.h"
#include "runtime/dispatch.h"
#include "runtime/floating_point.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {
namespace {

struct Row {
  const char* name;
  RegressionLossKernels::Rows kernel;
};

Row row_of(RegressionLoss loss) {
  const RegressionLossKernels& kernels = CNNX_KERNELS(regression_loss_kernels);
  switch (loss) {
    case RegressionLoss::mean_squared_error:
      return {"mean_squared_error", kernels.mean_squared_error};
    case RegressionLoss::mean_absolute_error:
      return {"mean_absolute_error", kernels.mean_absolute_error};
    case RegressionLoss::huber:
      break;
  }
  return {"huber", kernels.huber};
}

LossResult checked_rows(RegressionLoss loss, const float* prediction, const float* target,
                        int64_t rows, int64_t outputs, float delta, const LossGradient& gradient) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  const char* const name = row_of(loss).name;
  check_loss_shape(name, "prediction", rows, outputs);
  check_divisor(name, gradient.divisor);
  check_delta(delta);
  runtime::AlignedBuffer row_losses(rows);
  return regression_rows(
      {prediction, rows, outputs, gradient, row_losses.data(), get_num_threads()}, loss, target,
      delta);
}

double mean(RegressionLoss loss, const float* prediction, const float* target, int64_t rows,
            int64_t outputs, float delta) {
  return checked_rows(loss, prediction, target, rows, outputs, delta, {}).sum /
         static_cast<double>(rows);
}

}  // namespace

LossResult regression_rows(const LossBatch& batch, RegressionLoss loss, const float* targets,
                           float delta) {
  const RegressionLossKernels::Rows kernel = row_of(loss).kernel;
  const double divisor = batch.gradient.divisor * static_cast<double>(batch.columns);
  return sum_rows(batch, divisor, [&](const LossRows& rows, int64_t first) -> int64_t {
    kernel(rows, targets + first * rows.columns, delta);
    return 0;
  });
}

}  // namespace ops

using ops::RegressionLoss;

double mean_squared_error(const float* prediction, const float* target, int64_t rows,
                          int64_t outputs) {
  return ops::mean(RegressionLoss::mean_squared_error, prediction, target, rows, outputs, 1.0f);
}

double mean_absolute_error(const float* prediction, const float* target, int64_t rows,
                           int64_t outputs) {
  return ops::mean(RegressionLoss::mean_absolute_error, prediction, target, rows, outputs, 1.0f);
}

double huber(const float* prediction, const float* target, int64_t rows, int64_t outputs,
             float delta) {
  return ops::mean(RegressionLoss::huber, prediction, target, rows, outputs, delta);
}

void mean_squared_error_backward(const float* prediction, const float* target, int64_t rows,
                                 int64_t outputs, double divisor, float* grad_prediction,
                                 bool accumulate) {
  ops::checked_rows(RegressionLoss::mean_squared_error, prediction, target, rows, outputs, 1.0f,
                    {grad_prediction, divisor, accumulate});
}

void mean_absolute_error_backward(const float* prediction, const float* target, int64_t rows,
                                  int64_t outputs, double divisor, float* grad_prediction,
                                  bool accumulate) {
  ops::checked_rows(RegressionLoss::mean_absolute_error, prediction, target, rows, outputs, 1.0f,
                    {grad_prediction, divisor, accumulate});
}

void huber_backward(const float* prediction, const float* target, int64_t rows, int64_t outputs,
                    float delta, double divisor, float* grad_prediction, bool accumulate) {
  ops::checked_rows(RegressionLoss::huber, prediction, target, rows, outputs, delta,
                    {grad_prediction, divisor, accumulate});
}

}  // namespace cnnx
