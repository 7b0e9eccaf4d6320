// The checks shared by the losses, and their sums over rows with weights.
#include "ops/losses.h"

#include <cfloat>
#include <cmath>
#include <stdexcept>

#include "cnnx/shape.h"
#include "runtime/check_settings.h"

namespace cnnx::ops {
using runtime::in_words;

void check_loss_shape(const char* function, const char* array, int64_t rows, int64_t outputs) {
  if (rows >= 1 && outputs >= 1) return;
  throw std::invalid_argument(std::string(function) + ": " + array + " has shape " +
                              to_string({rows, outputs}) +
                              ", expected at least one row and one column");
}

void check_divisor(const char* function, double divisor) {
  if (divisor > 0 && std::isfinite(divisor)) return;
  throw std::invalid_argument(std::string(function) + ": divisor is " + in_words(divisor) +
                              ", expected a finite number > 0");
}

namespace {

void check_labels(const std::string& loss, const ClassTargets& targets, int64_t rows,
                  int64_t classes) {
  for (int64_t row = 0; row < rows; ++row) {
    const int64_t label = targets.labels[row];
    const bool is_ignored = targets.ignored != kNoLabel && label == targets.ignored;
    if ((label >= 0 && label < classes) || is_ignored) continue;
    const std::string ignored =
        targets.ignored == kNoLabel ? "" : " or ignore_index " + std::to_string(targets.ignored);
    throw std::invalid_argument(loss + ": label " + std::to_string(label) + " at row " +
                                std::to_string(row) + " is out of range, expected 0 to " +
                                std::to_string(classes - 1) + ignored);
  }
}

void check_soft_labels(const std::string& loss, const float* soft_labels, int64_t rows,
                       int64_t classes) {
  constexpr double kTolerance = 1e-3;  // of soft labels rounded to half precision
  for (int64_t row = 0; row < rows; ++row) {
    double sum = 0;
    for (int64_t j = 0; j < classes; ++j) {
      const float value = soft_labels[row * classes + j];
      sum += static_cast<double>(value);
      if (value >= 0.0f) continue;
      throw std::invalid_argument(loss + ": target " + in_words(value) + " at row " +
                                  std::to_string(row) + ", class " + std::to_string(j) +
                                  ", expected soft labels >= 0");
    }
    if (std::abs(sum - 1) <= kTolerance) continue;
    throw std::invalid_argument(loss + ": the targets of row " + std::to_string(row) +
                                " add up to " + in_words(sum) +
                                ", expected soft labels, which add up to 1");
  }
}

}  // namespace

void check_class_targets(const char* loss, const ClassTargets& targets, int64_t rows,
                         int64_t classes) {
  if (targets.labels) {
    check_labels(loss, targets, rows, classes);
  } else {
    check_soft_labels(loss, targets.soft_labels, rows, classes);
  }
}

void check_class_weights(const char* loss, const float* class_weights, int64_t classes) {
  for (int64_t j = 0; class_weights && j < classes; ++j) {
    if (class_weights[j] >= 0.0f && std::isfinite(class_weights[j])) continue;
    throw std::invalid_argument(std::string(loss) + ": class_weights has " +
                                in_words(class_weights[j]) + " for class " + std::to_string(j) +
                                ", expected finite numbers >= 0");
  }
}

void check_label_smoothing(float label_smoothing) {
  if (label_smoothing >= 0.0f && label_smoothing <= 1.0f) return;
  throw std::invalid_argument("cross_entropy: label_smoothing is " + in_words(label_smoothing) +
                              ", expected a number from 0 to 1");
}

void check_delta(float delta) {
  if (delta > 0.0f && std::isfinite(delta)) return;
  throw std::invalid_argument("huber: delta is " + in_words(delta) +
                              ", expected a finite number > 0");
}

void check_binary_targets(const char* loss, const float* targets, int64_t rows, int64_t outputs) {
  for (int64_t i = 0; i < rows * outputs; ++i) {
    if (targets[i] >= 0.0f && targets[i] <= 1.0f) continue;
    throw std::invalid_argument(std::string(loss) + ": target " + in_words(targets[i]) +
                                " at row " + std::to_string(i / outputs) +
                                " is out of range, expected 0 to 1");
  }
}

void check_row_weights(const float* row_weights, int64_t rows) {
  for (int64_t row = 0; row_weights && row < rows; ++row) {
    if (row_weights[row] >= 0.0f && std::isfinite(row_weights[row])) continue;
    throw std::invalid_argument("trainer: weights has " + in_words(row_weights[row]) + " for row " +
                                std::to_string(row) + ", expected finite numbers >= 0");
  }
}

double total_row_weight(const ClassTargets& targets, int64_t rows, const float* row_weights) {
  const bool all = !targets.labels || targets.ignored == kNoLabel;
  if (!row_weights && all) return static_cast<double>(rows);
  double total = 0;
  for (int64_t row = 0; row < rows; ++row) {
    if (all || targets.labels[row] != targets.ignored)
      total += row_weights ? static_cast<double>(row_weights[row]) : 1.0;
  }
  return total;
}

double row_weight_scale(const float* row_weights, int64_t rows) {
  if (!row_weights) return 1;
  const float most = *std::max_element(row_weights, row_weights + rows);
  // ilogb and ldexp are exact.
  return most >= FLT_MIN ? std::ldexp(1.0, std::ilogb(most)) : most > 0 ? double{FLT_MIN} : 1;
}

LossResult weighted_sum(const LossBatch& batch) {
  LossResult result;
  for (int64_t row = 0; row < batch.rows; ++row) {
    const double weight = static_cast<double>(batch.row_weights[row]);
    result.sum += weight * static_cast<double>(batch.row_losses[row]);
    result.correct += weight * static_cast<double>(batch.row_correct[row]);
    result.row_weight += weight;
  }
  result.weight = result.row_weight;
  return result;
}

}  // namespace cnnx::ops
