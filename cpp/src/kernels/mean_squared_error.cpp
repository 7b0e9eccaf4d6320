// Mean squared error, a row at a time.
#include "kernels/mean_squared_error.h"

#include "kernels/sixteen_sums.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

float row_loss(const float* prediction, const float* target, int64_t count) {
  SixteenSums sums;
  for (int64_t i = 0; i < count; i += kSums) {
    float difference[kSums], wanted[kSums];
    read_sixteen(prediction + i, count - i, 0.0f, difference);
    read_sixteen(target + i, count - i, 0.0f, wanted);
    for (int64_t j = 0; j < kSums; ++j) difference[j] -= wanted[j];
    sums.add_products(difference, difference);
  }
  return sums.total() / static_cast<float>(count);
}

void rows(const float* prediction, const float* target, int64_t row_count, int64_t outputs,
          float divisor, bool accumulate, float* grad_prediction, float* row_losses) {
  for (int64_t row = 0; row < row_count; ++row) {
    row_losses[row] = row_loss(prediction + row * outputs, target + row * outputs, outputs);
  }
  if (!grad_prediction) return;
  const float* __restrict p = prediction, * __restrict t = target;
  float* __restrict grad = grad_prediction;
  const int64_t count = row_count * outputs;
  if (accumulate) {
    for (int64_t i = 0; i < count; ++i) grad[i] += 2.0f * (p[i] - t[i]) / divisor;
  } else {
    for (int64_t i = 0; i < count; ++i) grad[i] = 2.0f * (p[i] - t[i]) / divisor;
  }
}

}  // namespace

const MeanSquaredErrorKernels mean_squared_error_kernels = {rows};

}  // namespace CNNX_ISA
}  // namespace cnnx
