// The focal loss of a batch, parallel over rows.
#include "kernels/focal.h"

#include "ops/losses.h"
#include "runtime/dispatch.h"

namespace cnnx::ops {

LossResult focal_rows(const LossBatch& batch, const ClassTargets& targets,
                      const FocalSettings& settings) {
  const auto kernel = CNNX_KERNELS(focal_kernels).rows;
  LossResult result =
      sum_rows(batch, batch.gradient.divisor, [&](const LossRows& rows, int64_t first) {
        return kernel(rows, targets.labels + first, targets.ignored, settings);
      });
  result.weight = cross_entropy_weight(targets, batch.rows, batch.columns, settings.class_weights,
                                       batch.row_weights);
  result.row_weight = total_row_weight(targets, batch.rows, batch.row_weights);
  return result;
}

LossResult binary_focal_rows(const LossBatch& batch, const float* targets,
                             const FocalSettings& settings) {
  const auto kernel = CNNX_KERNELS(focal_kernels).binary_rows;
  LossResult result = sum_rows(
      batch, batch.gradient.divisor,
      [&](const LossRows& rows, int64_t first) { return kernel(rows, targets + first, settings); });
  result.weight =
      binary_focal_weight(targets, batch.rows, settings.class_weights, batch.row_weights);
  return result;
}

double binary_focal_weight(const float* targets, int64_t rows, const float* class_weights,
                           const float* row_weights) {
  if (!class_weights) return total_row_weight({}, rows, row_weights);
  const double zero = static_cast<double>(class_weights[0]);
  const double one = static_cast<double>(class_weights[1]);
  double weight = 0;
  for (int64_t row = 0; row < rows; ++row) {
    const double row_weight = row_weights ? static_cast<double>(row_weights[row]) : 1.0;
    const double target = static_cast<double>(targets[row]);
    weight += row_weight * (target * one + (1.0 - target) * zero);
  }
  return weight;
}

}  // namespace cnnx::ops
