// Squared, absolute and Huber's error, row by row.
#include "kernels/regression_losses.h"

#include "kernels/elementary.h"
#include "kernels/sixteen_sums.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Each loss of a difference d is a product, left(d) * right(d), which the sums add with fused
// multiply-adds. NaN passes all comparisons.
struct SquaredError {
  float delta;  // unused
  CNNX_INLINE float left(float d) const { return d; }
  CNNX_INLINE float right(float d) const { return d; }
  CNNX_INLINE float derivative(float d) const { return 2.0f * d; }
};

struct AbsoluteError {
  float delta;  // unused
  CNNX_INLINE float left(float d) const {
    return select(d > 0.0f, 1.0f, select(d < 0.0f, -1.0f, d));
  }
  CNNX_INLINE float right(float d) const { return d; }
  CNNX_INLINE float derivative(float d) const { return left(d); }
};

// d^2 / 2 within delta, delta * (|d| - delta / 2) beyond it.
struct Huber {
  float delta;
  CNNX_INLINE float left(float d) const {
    return select(d > delta, delta, select(d < -delta, -delta, d));
  }
  CNNX_INLINE float right(float d) const { return d - 0.5f * left(d); }
  CNNX_INLINE float derivative(float d) const { return left(d); }
};

template <class Error>
float row_loss(const Error& error, const float* prediction, const float* target, int64_t count) {
  SixteenSums sums;
  for (int64_t i = 0; i < count; i += kSums) {
    float left[kSums], right[kSums];
    read_sixteen(prediction + i, count - i, 0.0f, left);
    read_sixteen(target + i, count - i, 0.0f, right);
    for (int64_t j = 0; j < kSums; ++j) {
      const float difference = left[j] - right[j];
      left[j] = error.left(difference);
      right[j] = error.right(difference);
    }
    sums.add_products(left, right);
  }
  return sums.total() / static_cast<float>(count);
}

template <class Error>
void rows(const LossRows& all, const float* targets, float delta) {
  const Error error{delta};
  for (int64_t row = 0; row < all.rows; ++row) {
    const int64_t offset = row * all.columns;
    all.row_losses[row] = row_loss(error, all.outputs + offset, targets + offset, all.columns);
  }
  if (!all.gradient) return;
  const float* __restrict p = all.outputs, * __restrict t = targets;
  float* __restrict grad = all.gradient;
  const float divisor = all.divisor;
  const int64_t count = all.rows * all.columns;
  if (all.accumulate) {
    for (int64_t i = 0; i < count; ++i) grad[i] += error.derivative(p[i] - t[i]) / divisor;
  } else {
    for (int64_t i = 0; i < count; ++i) grad[i] = error.derivative(p[i] - t[i]) / divisor;
  }
}

}  // namespace

const RegressionLossKernels regression_loss_kernels = {rows<SquaredError>, rows<AbsoluteError>,
                                                       rows<Huber>};

}  // namespace CNNX_ISA
}  // namespace cnnx
