// What the train step asks of a loss: its value, its gradient and the number correct in one pass
// over the rows.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "cnnx/cross_entropy.h"
#include "kernels/loss_rows.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

// Sums over rows, so that batches add up. A row's loss is the mean over its outputs if the loss is
// defined so.
struct LossResult {
  double sum = 0;
  double weight = 0;  // the divisor of the mean: the number of rows unless they have weights
  int64_t correct = 0;
  LossResult& operator+=(const LossResult& other) {
    sum += other.sum;
    weight += other.weight;
    correct += other.correct;
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
};

// One of the two: a label per row, or soft labels (rows, classes), which add up to 1 in each row.
struct ClassTargets {
  const int64_t* labels = nullptr;
  const float* soft_labels = nullptr;
};

// correct: rows whose label, or first largest soft label, is the first maximum.
LossResult cross_entropy_rows(const LossBatch& batch, const ClassTargets& targets,
                              const CrossEntropyOptions& options);

// The divisor of the mean: the weights of the rows' classes; without weights the number of rows.
double cross_entropy_weight(const ClassTargets& targets, int64_t rows, int64_t classes,
                            const float* class_weights);

// correct: outputs on their target's side of 1/2, counted one by one.
LossResult binary_cross_entropy_rows(const LossBatch& batch, const float* targets);

enum class RegressionLoss { mean_squared_error, mean_absolute_error, huber };

// correct: always 0. `delta` is Huber's.
LossResult regression_rows(const LossBatch& batch, RegressionLoss loss, const float* targets,
                           float delta);

// Each throws std::invalid_argument with a sentence that begins with the loss's name.
void check_class_targets(const ClassTargets& targets, int64_t rows, int64_t classes);
void check_class_weights(const float* class_weights, int64_t classes);
void check_label_smoothing(float label_smoothing);
void check_delta(float delta);
void check_binary_targets(const float* targets, int64_t rows, int64_t outputs);

// Error sentences begin with `function`.
void check_loss_shape(const char* function, const char* array, int64_t rows, int64_t outputs);
void check_divisor(const char* function, double divisor);

// kernel(rows, first) returns the correct predictions of `rows`, the batch's from `first` on, and
// writes their losses. Threads divide the rows. The sum is taken in row order, so it does not
// depend on the division.
template <class Kernel>
LossResult sum_rows(const LossBatch& batch, double divisor, const Kernel& kernel) {
  // About 20 microseconds of exponentials.
  constexpr int64_t kGrainFloats = 8 * 1024;
  const int64_t columns = batch.columns;
  std::atomic<int64_t> correct{0};
  const int64_t grain = kGrainFloats / std::max<int64_t>(1, columns) + 1;
  runtime::parallel_for(batch.threads, batch.rows, grain, [&](int64_t begin, int64_t end, int) {
    float* const gradient = batch.gradient.values;
    const LossRows rows = {batch.outputs + begin * columns,
                           end - begin,
                           columns,
                           static_cast<float>(divisor),
                           batch.gradient.accumulate,
                           gradient ? gradient + begin * columns : nullptr,
                           batch.row_losses + begin};
    correct.fetch_add(kernel(rows, begin), std::memory_order_relaxed);
  });
  LossResult result;
  for (int64_t row = 0; row < batch.rows; ++row) result.sum += batch.row_losses[row];
  result.weight = static_cast<double>(batch.rows);
  result.correct = correct.load();
  return result;
}

}  // namespace cnnx::ops
