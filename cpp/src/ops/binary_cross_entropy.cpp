// Binary cross-entropy: the public functions and the train step's one pass, parallel over rows.
#include "cnnx/binary_cross_entropy.h"

#include "cnnx/runtime.h"
#include "kernels/binary_cross_entropy.h"
#include "ops/losses.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {

LossResult binary_cross_entropy_rows(const float* logits, const float* targets, int64_t rows,
                                     int64_t outputs, const LossGradient& gradient,
                                     float* row_losses, int threads) {
  const auto kernel = CNNX_KERNELS(binary_cross_entropy_kernels).rows;
  const float divisor = static_cast<float>(gradient.divisor * static_cast<double>(outputs));
  return sum_rows(rows, outputs, row_losses, threads, [&](int64_t first, int64_t count) {
    float* grad = gradient.values ? gradient.values + first * outputs : nullptr;
    return kernel(logits + first * outputs, targets + first * outputs, count, outputs, divisor,
                  gradient.accumulate, grad, row_losses + first);
  });
}

namespace {

LossResult checked_rows(const float* logits, const float* targets, int64_t rows, int64_t outputs,
                        const LossGradient& gradient) {
  check_loss_shape("binary_cross_entropy", "logits", rows, outputs);
  check_binary_targets(targets, rows, outputs);
  check_divisor("binary_cross_entropy", gradient.divisor);
  runtime::AlignedBuffer row_losses(rows);
  return binary_cross_entropy_rows(logits, targets, rows, outputs, gradient, row_losses.data(),
                                   get_num_threads());
}

}  // namespace
}  // namespace ops

double binary_cross_entropy(const float* logits, const float* targets, int64_t rows,
                            int64_t outputs) {
  return ops::checked_rows(logits, targets, rows, outputs, {}).sum / static_cast<double>(rows);
}

void binary_cross_entropy_backward(const float* logits, const float* targets, int64_t rows,
                                   int64_t outputs, double divisor, float* grad_logits,
                                   bool accumulate) {
  ops::checked_rows(logits, targets, rows, outputs, {grad_logits, divisor, accumulate});
}

}  // namespace cnnx
