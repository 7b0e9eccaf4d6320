// Binary cross-entropy: the public functions and the train step's one pass, parallel over rows.
#include "cnnx/binary_cross_entropy.h"

#include "cnnx/runtime.h"
#include "kernels/binary_cross_entropy.h"
#include "ops/losses.h"
#include "runtime/dispatch.h"
#include "runtime/floating_point.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {

LossResult binary_cross_entropy_rows(const LossBatch& batch, const float* targets) {
  const auto kernel = CNNX_KERNELS(binary_cross_entropy_kernels).rows;
  const double divisor = batch.gradient.divisor * static_cast<double>(batch.columns);
  return sum_rows(batch, divisor, [&](const LossRows& rows, int64_t first) {
    return kernel(rows, targets + first * rows.columns);
  });
}

namespace {

LossResult checked_rows(const float* logits, const float* targets, int64_t rows, int64_t outputs,
                        const LossGradient& gradient) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  check_loss_shape("binary_cross_entropy", "logits", rows, outputs);
  check_binary_targets("binary_cross_entropy", targets, rows, outputs);
  check_divisor("binary_cross_entropy", gradient.divisor);
  runtime::AlignedBuffer row_losses(rows);
  return binary_cross_entropy_rows(
      {logits, rows, outputs, gradient, row_losses.data(), get_num_threads()}, targets);
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
