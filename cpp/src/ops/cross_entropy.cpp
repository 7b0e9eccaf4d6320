// Cross-entropy: the public functions and the train step's one pass, parallel over rows.
#include "cnnx/cross_entropy.h"

#include "cnnx/runtime.h"
#include "kernels/cross_entropy.h"
#include "ops/losses.h"
#include "runtime/dispatch.h"
#include "runtime/floating_point.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {

LossResult cross_entropy_rows(const LossBatch& batch, const ClassTargets& targets,
                              const CrossEntropyOptions& options) {
  const CrossEntropyKernels& kernels = CNNX_KERNELS(cross_entropy_kernels);
  const bool plain = targets.labels && !options.class_weights;
  LossResult result =
      sum_rows(batch, batch.gradient.divisor, [&](const LossRows& rows, int64_t first) {
        const int64_t* labels = targets.labels ? targets.labels + first : nullptr;
        if (plain) return kernels.rows(rows, labels, targets.ignored, options.label_smoothing);
        const float* soft_labels =
            targets.soft_labels ? targets.soft_labels + first * rows.columns : nullptr;
        return kernels.weighted_rows(rows,
                                     {labels, soft_labels, options.class_weights, targets.ignored},
                                     options.label_smoothing);
      });
  result.weight = cross_entropy_weight(targets, batch.rows, batch.columns, options.class_weights,
                                       batch.row_weights);
  result.row_weight = total_row_weight(targets, batch.rows, batch.row_weights);
  return result;
}

double cross_entropy_weight(const ClassTargets& targets, int64_t rows, int64_t classes,
                            const float* class_weights, const float* row_weights) {
  if (!class_weights) return total_row_weight(targets, rows, row_weights);
  double weight = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const double row_weight = row_weights ? static_cast<double>(row_weights[row]) : 1.0;
    if (targets.labels) {
      if (targets.labels[row] == targets.ignored) continue;
      weight += row_weight * static_cast<double>(class_weights[targets.labels[row]]);
      continue;
    }
    const float* soft_labels = targets.soft_labels + row * classes;
    for (int64_t j = 0; j < classes; ++j) {
      const double product =
          static_cast<double>(soft_labels[j]) * static_cast<double>(class_weights[j]);
      weight += row_weight * product;
    }
  }
  return weight;
}

namespace {

LossResult checked_rows(const float* logits, const ClassTargets& targets, int64_t rows,
                        int64_t classes, const CrossEntropyOptions& options,
                        const LossGradient& gradient) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  check_loss_shape("cross_entropy", "logits", rows, classes);
  check_label_smoothing(options.label_smoothing);
  check_class_weights("cross_entropy", options.class_weights, classes);
  check_class_targets("cross_entropy", targets, rows, classes);
  check_divisor("cross_entropy", gradient.divisor);
  runtime::AlignedBuffer row_losses(rows);
  return cross_entropy_rows({logits, rows, classes, gradient, row_losses.data(), get_num_threads()},
                            targets, options);
}

double mean(const float* logits, const ClassTargets& targets, int64_t rows, int64_t classes,
            const CrossEntropyOptions& options) {
  const LossResult result = checked_rows(logits, targets, rows, classes, options, {});
  return result.weight > 0 ? result.sum / result.weight : 0;
}

double checked_weight(const ClassTargets& targets, int64_t rows, int64_t classes,
                      const float* class_weights) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  check_loss_shape("cross_entropy", "logits", rows, classes);
  check_class_weights("cross_entropy", class_weights, classes);
  check_class_targets("cross_entropy", targets, rows, classes);
  return cross_entropy_weight(targets, rows, classes, class_weights);
}

}  // namespace
}  // namespace ops

double cross_entropy(const float* logits, const int64_t* labels, int64_t rows, int64_t classes,
                     const CrossEntropyOptions& options) {
  return ops::mean(logits, {labels}, rows, classes, options);
}

double cross_entropy(const float* logits, const float* soft_labels, int64_t rows, int64_t classes,
                     const CrossEntropyOptions& options) {
  return ops::mean(logits, {nullptr, soft_labels}, rows, classes, options);
}

double cross_entropy_total(const int64_t* labels, int64_t rows, int64_t classes,
                           const float* class_weights) {
  return ops::checked_weight({labels}, rows, classes, class_weights);
}

double cross_entropy_total(const float* soft_labels, int64_t rows, int64_t classes,
                           const float* class_weights) {
  return ops::checked_weight({nullptr, soft_labels}, rows, classes, class_weights);
}

void cross_entropy_backward(const float* logits, const int64_t* labels, int64_t rows,
                            int64_t classes, double divisor, float* grad_logits, bool accumulate,
                            const CrossEntropyOptions& options) {
  ops::checked_rows(logits, {labels}, rows, classes, options, {grad_logits, divisor, accumulate});
}

void cross_entropy_backward(const float* logits, const float* soft_labels, int64_t rows,
                            int64_t classes, double divisor, float* grad_logits, bool accumulate,
                            const CrossEntropyOptions& options) {
  ops::checked_rows(logits, {nullptr, soft_labels}, rows, classes, options,
                    {grad_logits, divisor, accumulate});
}

}  // namespace cnnx
