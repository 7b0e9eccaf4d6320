// What the train step asks of a loss: its value, its gradient and the right answers in one pass
// over the rows.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <string>

#include "runtime/parallel.h"

namespace cnnx::ops {

// Sums over rows, so that batches add up. A row's loss is the mean over its outputs where the loss
// says so.
struct LossResult {
  double sum = 0;
  double weight = 0;  // what the mean divides by: the number of rows unless they have weights
  int64_t correct = 0;
  LossResult& operator+=(const LossResult& other) {
    sum += other.sum;
    weight += other.weight;
    correct += other.correct;
    return *this;
  }
};

// Where the gradient of (sum of the rows' losses) / divisor goes; null `values` are not wanted.
struct LossGradient {
  float* values = nullptr;
  double divisor = 1;
  bool accumulate = false;
};

// Labels and targets must have passed their check. `row_losses` is scratch of `rows` floats.

// One of the two: a label per row, or (rows, classes) shares of the classes, which add up to 1.
struct ClassTargets {
  const int64_t* labels = nullptr;
  const float* shares = nullptr;
};

struct CrossEntropySettings {
  float label_smoothing = 0;
  const float* class_weights = nullptr;  // one per class; null: all 1
};

// correct: rows whose label, or first largest share, is the first maximum.
LossResult cross_entropy_rows(const float* logits, const ClassTargets& targets, int64_t rows,
                              int64_t classes, const CrossEntropySettings& settings,
                              const LossGradient& gradient, float* row_losses, int threads);

// What the mean divides by: the rows' classes' weights, which without weights is their number.
double cross_entropy_weight(const ClassTargets& targets, int64_t rows, int64_t classes,
                            const float* class_weights);

// correct: outputs on their target's side of 1/2, counted one by one.
LossResult binary_cross_entropy_rows(const float* logits, const float* targets, int64_t rows,
                                     int64_t outputs, const LossGradient& gradient,
                                     float* row_losses, int threads);

enum class RegressionLoss { mean_squared_error, mean_absolute_error, huber };

// correct: always 0. `delta` is Huber's.
LossResult regression_rows(RegressionLoss loss, const float* prediction, const float* target,
                           int64_t rows, int64_t outputs, float delta, const LossGradient& gradient,
                           float* row_losses, int threads);

// Each throws std::invalid_argument with a sentence that begins with the loss's name.
void check_class_targets(const ClassTargets& targets, int64_t rows, int64_t classes);
void check_class_weights(const float* class_weights, int64_t classes);
void check_label_smoothing(float label_smoothing);
void check_delta(float delta);
void check_binary_targets(const float* targets, int64_t rows, int64_t outputs);

// `function` begins the sentences.
void check_loss_shape(const char* function, const char* array, int64_t rows, int64_t outputs);
void check_divisor(const char* function, double divisor);

// kernel(first row, row count) returns the right answers of rows that threads share out, and writes
// row_losses. The sum is taken in row order, so it does not depend on how they were shared.
template <class Kernel>
LossResult sum_rows(int64_t rows, int64_t outputs, const float* row_losses, int threads,
                    const Kernel& kernel) {
  // About 20 microseconds of exponentials.
  constexpr int64_t kGrainFloats = 8 * 1024;
  std::atomic<int64_t> correct{0};
  const int64_t grain = kGrainFloats / std::max<int64_t>(1, outputs) + 1;
  runtime::parallel_for(threads, rows, grain, [&](int64_t begin, int64_t end, int) {
    correct.fetch_add(kernel(begin, end - begin), std::memory_order_relaxed);
  });
  LossResult result;
  for (int64_t row = 0; row < rows; ++row) result.sum += row_losses[row];
  result.weight = static_cast<double>(rows);
  result.correct = correct.load();
  return result;
}

}  // namespace cnnx::ops
