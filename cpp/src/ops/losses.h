// What the train step asks of a loss: its value, its gradient and the number correct in one pass
// over the rows.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "cnnx/cross_entropy.h"
#include "kernels/focal.h"
#include "kernels/loss_rows.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

// Sums over rows, so that batches add up. A row's loss is the mean over its outputs if the loss is
// defined so. The weight of a row multiplies its loss and its correct predictions.
struct LossResult {
  double sum = 0;
  // The divisor of the mean loss: the sum over rows of row weight * class weight.
  double weight = 0;
  double correct = 0;
  double row_weight = 0;  // the sum of the row weights, without them the number of rows
  LossResult& operator+=(const LossResult& other) {
    sum += other.sum;
    weight += other.weight;
    correct += other.correct;
    row_weight += other.row_weight;
    return *this;
  }
};

// The destination of the gradient of (sum of the rows' losses) / divisor; null `values`: not
// needed.
struct LossGradient {
  float* values = nullptr;
  double divisor = 1;
  bool accumulate = false;
};

// One pass of a loss over a batch. Labels and targets must have passed their check.
struct LossBatch {
  const float* outputs;  // (rows, columns): logits or predictions
  int64_t rows, columns;
  LossGradient gradient;
  float* row_losses;  // scratch of `rows` floats
  int threads = 1;
  const float* row_weights = nullptr;  // null: all 1; a gradient is then not accumulated
  float* row_correct = nullptr;        // scratch of `rows` floats if rows have weights
};

// One of the two: a label per row, or soft labels (rows, classes), which add up to 1 in each row.
struct ClassTargets {
  const int64_t* labels = nullptr;
  const float* soft_labels = nullptr;
  int64_t ignored = kNoLabel;  // rows with this label count for nothing
};

// correct: rows whose label, or first largest soft label, is the first maximum.
LossResult cross_entropy_rows(const LossBatch& batch, const ClassTargets& targets,
                              const CrossEntropyOptions& options);

// The sum of the weights of the rows that are not ignored; their number if `row_weights` is null.
double total_row_weight(const ClassTargets& targets, int64_t rows, const float* row_weights);

// The divisor of the mean: the sum over rows of row weight * weight of the row's class. Weights
// that are null are 1.
double cross_entropy_weight(const ClassTargets& targets, int64_t rows, int64_t classes,
                            const float* class_weights, const float* row_weights = nullptr);

// The losses of rows with labels, weighted as cross-entropy's.
LossResult focal_rows(const LossBatch& batch, const ClassTargets& targets,
                      const FocalSettings& settings);
// The same for rows of a single output and targets in [0, 1], with weights of class 0 and 1.
LossResult binary_focal_rows(const LossBatch& batch, const float* targets,
                             const FocalSettings& settings);

// The divisor of its mean.
double binary_focal_weight(const float* targets, int64_t rows, const float* class_weights,
                           const float* row_weights);

// Images of `positions` rows each.
struct TverskySettings {
  int64_t positions;
  double alpha, beta, smooth;
  const float* class_weights;  // null: all 1
};

// One loss per image, whose weights are `image_weights` (null: all 1). Its `weight` is theirs,
// `correct` and `row_weight` are of positions. With a single column the targets are values in
// [0, 1].
LossResult tversky_images(const LossBatch& batch, const ClassTargets& targets,
                          const TverskySettings& settings, const float* image_weights);

// correct: outputs on their target's side of 1/2, counted one by one.
LossResult binary_cross_entropy_rows(const LossBatch& batch, const float* targets);

enum class RegressionLoss { mean_squared_error, mean_absolute_error, huber };

// correct: always 0. `delta` is Huber's.
LossResult regression_rows(const LossBatch& batch, RegressionLoss loss, const float* targets,
                           float delta);

// Each throws std::invalid_argument with a sentence that begins with the loss's name.
void check_class_targets(const char* loss, const ClassTargets& targets, int64_t rows,
                         int64_t classes);
void check_class_weights(const char* loss, const float* class_weights, int64_t classes);
void check_label_smoothing(float label_smoothing);
void check_delta(float delta);
void check_binary_targets(const char* loss, const float* targets, int64_t rows, int64_t outputs);
// Its sentence begins with "trainer", which alone takes weights of rows.
void check_row_weights(const float* row_weights, int64_t rows);

// Error sentences begin with `function`.
void check_loss_shape(const char* function, const char* array, int64_t rows, int64_t outputs);
void check_divisor(const char* function, double divisor);

// The largest power of two that is at most the largest weight; 1 without a weight above 0.
// Gradients are multiplied by weight / scale and divided by divisor / scale, which changes no bit
// but keeps the quotients in range if all weights are tiny or huge.
double row_weight_scale(const float* row_weights, int64_t rows);
// The result of a batch with row weights, from the losses and correct predictions of its rows.
LossResult weighted_sum(const LossBatch& batch);

// kernel(rows, first) returns the correct predictions of `rows`, the batch's from `first` on, and
// writes their losses. Threads divide the rows. The sum is taken in row order, so it does not
// depend on the division.
template <class Kernel>
LossResult sum_rows(const LossBatch& batch, double divisor, const Kernel& kernel) {
  // About 20 microseconds of exponentials.
  constexpr int64_t kGrainFloats = 8 * 1024;
  const int64_t columns = batch.columns;
  const double scale = row_weight_scale(batch.row_weights, batch.rows);
  const auto rows_between = [&](int64_t begin, int64_t end) -> LossRows {
    float* const gradient = batch.gradient.values;
    return {batch.outputs + begin * columns,
            end - begin,
            columns,
            static_cast<float>(divisor / scale),
            batch.gradient.accumulate,
            gradient ? gradient + begin * columns : nullptr,
            batch.row_losses + begin};
  };
  std::atomic<int64_t> correct{0};
  const int64_t grain = kGrainFloats / std::max<int64_t>(1, columns) + 1;
  runtime::parallel_for(batch.threads, batch.rows, grain, [&](int64_t begin, int64_t end, int) {
    if (!batch.row_weights) {
      correct.fetch_add(kernel(rows_between(begin, end), begin), std::memory_order_relaxed);
      return;
    }
    for (int64_t row = begin; row < end; ++row) {
      const LossRows one = rows_between(row, row + 1);
      batch.row_correct[row] = static_cast<float>(kernel(one, row));
      const float weight = batch.row_weights[row] / static_cast<float>(scale);
      for (int64_t j = 0; one.gradient && j < columns; ++j) one.gradient[j] *= weight;
    }
  });
  if (batch.row_weights) return weighted_sum(batch);
  LossResult result;
  for (int64_t row = 0; row < batch.rows; ++row) result.sum += batch.row_losses[row];
  result.weight = result.row_weight = static_cast<double>(batch.rows);
  result.correct = static_cast<double>(correct.load());
  return result;
}

}  // namespace cnnx::ops
