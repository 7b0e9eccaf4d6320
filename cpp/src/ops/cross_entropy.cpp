// Cross-entropy: the public functions and the train step's one pass, parallel over rows.
#include "cnnx/cross_entropy.h"

#include "cnnx/runtime.h"
#include "kernels/cross_entropy.h"
#include "ops/losses.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {

LossResult cross_entropy_rows(const float* logits, const int64_t* labels, int64_t rows,
                              int64_t classes, float label_smoothing, const LossGradient& gradient,
                              float* row_losses, int threads) {
  const auto kernel = CNNX_KERNELS(cross_entropy_kernels).rows;
  const float divisor = static_cast<float>(gradient.divisor);
  return sum_rows(rows, classes, row_losses, threads, [&](int64_t first, int64_t count) {
    float* grad = gradient.values ? gradient.values + first * classes : nullptr;
    return kernel(logits + first * classes, labels + first, count, classes, label_smoothing,
                  divisor, gradient.accumulate, grad, row_losses + first);
  });
}

namespace {

LossResult checked_rows(const float* logits, const int64_t* labels, int64_t rows, int64_t classes,
                        float label_smoothing, const LossGradient& gradient) {
  check_loss_shape("cross_entropy", "logits", rows, classes);
  check_label_smoothing(label_smoothing);
  check_labels(labels, rows, classes);
  check_divisor("cross_entropy", gradient.divisor);
  runtime::AlignedBuffer row_losses(rows);
  return cross_entropy_rows(logits, labels, rows, classes, label_smoothing, gradient,
                            row_losses.data(), get_num_threads());
}

}  // namespace
}  // namespace ops

double cross_entropy(const float* logits, const int64_t* labels, int64_t rows, int64_t classes,
                     float label_smoothing) {
  return ops::checked_rows(logits, labels, rows, classes, label_smoothing, {}).sum /
         static_cast<double>(rows);
}

void cross_entropy_backward(const float* logits, const int64_t* labels, int64_t rows,
                            int64_t classes, float label_smoothing, double divisor,
                            float* grad_logits, bool accumulate) {
  ops::checked_rows(logits, labels, rows, classes, label_smoothing,
                    {grad_logits, divisor, accumulate});
}

}  // namespace cnnx
