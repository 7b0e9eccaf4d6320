// Cross-entropy, row by row.
#include "kernels/cross_entropy.h"

#include "kernels/few_classes.h"
#include "kernels/ignored_row.h"
#include "kernels/label_is_first_maximum.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

struct RowSums {
  float maximum, sum;
};

// Of one row. Its exponentials are written too, unless `exponentials` is null.
CNNX_INLINE RowSums sums_of_row(const float* x, int64_t classes, float* exponentials) {
  const float maximum = row_maximum(x, classes);
  return {maximum, row_exponentials(x, classes, maximum, exponentials).total()};
}

// Where the exponentials of a row go: to its gradient, unless that accumulates.
CNNX_INLINE float* place_of_exponentials(const LossRows& all, int64_t row) {
  return all.gradient && !all.accumulate ? all.gradient + row * all.columns : nullptr;
}

// The sums of one row after the other, of few classes sixteen at once.
class SumsOfRows {
 public:
  // Out of line, as the loops of all kinds of targets share it: exponentials take kilobytes.
  [[gnu::noinline]] RowSums of(const LossRows& all, int64_t row) {
    if (row < end_) return found_[kRowsAtOnce - (end_ - row)];
    const int64_t classes = all.columns;
    const float* x = all.outputs + row * classes;
    float* exponentials = place_of_exponentials(all, row);
    if (classes > kFewClasses || row + kRowsAtOnce > all.rows) {
      return sums_of_row(x, classes, exponentials);
    }
    float maximum[kRowsAtOnce], sum[kRowsAtOnce];
    FewClasses values(x, classes);
    values.take_exponentials(maximum, sum);
    if (exponentials) values.write(exponentials);
    for (int64_t i = 0; i < kRowsAtOnce; ++i) found_[i] = {maximum[i], sum[i]};
    end_ = row + kRowsAtOnce;
    return found_[0];
  }

 private:
  RowSums found_[kRowsAtOnce];
  int64_t end_ = 0;  // the row after those found
};

float sum_of_differences(const float* x, int64_t count, float maximum) {
  SixteenSums sums;
  for (int64_t i = 0; i < count; i += kSums) {
    float value[kSums];
    read_sixteen(x + i, count - i, maximum, value);
    for (int64_t j = 0; j < kSums; ++j) value[j] -= maximum;
    sums.add(value);
  }
  return sums.total();
}

// `grad` holds the exponentials of the row or, when accumulating, the gradient so far.
void row_gradient(const LossRows& all, int64_t row, int64_t label, float maximum, float sum,
                  float label_smoothing) {
  const int64_t classes = all.columns;
  const float divisor = all.divisor;
  const bool accumulate = all.accumulate;
  const float* x = all.outputs + row * classes;
  float* __restrict grad = all.gradient + row * classes;
  const float elsewhere = label_smoothing / static_cast<float>(classes);
  const float here = (1.0f - label_smoothing) + elsewhere;
  const float before = accumulate ? grad[label] : 0.0f;
  if (accumulate) {
    for (int64_t j = 0; j < classes; ++j)
      grad[j] += (exp_below(x[j], maximum) / sum - elsewhere) / divisor;
  } else {
    for (int64_t j = 0; j < classes; ++j) grad[j] = (grad[j] / sum - elsewhere) / divisor;
  }
  grad[label] = before + (exp_below(x[label], maximum) / sum - here) / divisor;
}

// Sixteen rows of few classes without smoothing, none of them ignored. Returns how many are
// correct. Out of line, so that its arrays are not on the stack of other rows.
[[gnu::noinline]] int64_t rows_of_few_classes(const LossRows& all, int64_t first,
                                              const int64_t* labels) {
  const int64_t classes = all.columns;
  const float* x = all.outputs + first * classes;
  float maximum[kRowsAtOnce], sum[kRowsAtOnce];
  FewClasses values(x, classes);
  values.take_exponentials(maximum, sum);
  int64_t correct = 0;
  float chosen[kRowsAtOnce];
  for (int64_t row = 0; row < kRowsAtOnce; ++row) {
    chosen[row] = x[row * classes + labels[row]];
    correct += label_is_first_maximum(x + row * classes, classes, labels[row]);
  }
  float* const losses = all.row_losses + first;
  for (int64_t row = 0; row < kRowsAtOnce; ++row)
    losses[row] = log_f32(sum[row]) - (chosen[row] - maximum[row]);
  if (!all.gradient) return correct;
  values.divide_by(sum);
  float divisor[kRowsAtOnce];
  for (int64_t row = 0; row < kRowsAtOnce; ++row) {
    divisor[row] = all.divisor;
    chosen[row] = values[labels[row]][row] - 1.0f;
  }
  values.divide_by(divisor);
  float* const gradient = all.gradient + first * classes;
  values.write(gradient);
  for (int64_t row = 0; row < kRowsAtOnce; ++row)
    gradient[row * classes + labels[row]] = 0.0f + chosen[row] / divisor[row];
  return correct;
}

// Whether any of the next sixteen rows is ignored.
bool contains(const int64_t* labels, int64_t ignored) {
  bool found = false;
  for (int64_t row = 0; row < kRowsAtOnce; ++row) found |= labels[row] == ignored;
  return found;
}

int64_t rows(const LossRows& all, const int64_t* labels, int64_t ignored, float label_smoothing) {
  const int64_t classes = all.columns;
  SumsOfRows sums;
  const bool at_once = classes <= kFewClasses && !(label_smoothing > 0.0f) && !all.accumulate;
  int64_t correct = 0;
  for (int64_t row = 0; row < all.rows; ++row) {
    if (at_once && row + kRowsAtOnce <= all.rows && !contains(labels + row, ignored)) {
      correct += rows_of_few_classes(all, row, labels + row);
      row += kRowsAtOnce - 1;
      continue;
    }
    const float* x = all.outputs + row * classes;
    float* grad = all.gradient ? all.gradient + row * classes : nullptr;
    const int64_t label = labels[row];
    if (label == ignored) {
      ignore_row(all, row);
      continue;
    }
    // Inlined for many classes, so that constants stay in registers from row to row.
    const auto [maximum, sum] = classes > kFewClasses
                                    ? sums_of_row(x, classes, place_of_exponentials(all, row))
                                    : sums.of(all, row);
    // -log softmax(x)[j] = log(sum) - (x[j] - maximum), weighted by a target that adds up to 1.
    float loss = log_f32(sum) - (1.0f - label_smoothing) * (x[label] - maximum);
    if (label_smoothing > 0.0f) {
      const float weight = label_smoothing / static_cast<float>(classes);
      loss -= weight * sum_of_differences(x, classes, maximum);
    }
    all.row_losses[row] = loss;
    correct += label_is_first_maximum(x, classes, label);
    if (grad) row_gradient(all, row, label, maximum, sum, label_smoothing);
  }
  return correct;
}

// A row's target before smoothing: a label,
struct LabelTarget {
  int64_t label;
  CNNX_INLINE float operator[](int64_t j) const { return j == label ? 1.0f : 0.0f; }
  CNNX_INLINE void read(int64_t first, int64_t, float* lanes) const {
    for (int64_t j = 0; j < kSums; ++j) lanes[j] = (*this)[first + j];
  }
  int64_t label_of(int64_t) const { return label; }
};

// or a soft label, whose label is the first of the largest.
struct SoftTarget {
  const float* soft_labels;
  CNNX_INLINE float operator[](int64_t j) const { return soft_labels[j]; }
  CNNX_INLINE void read(int64_t first, int64_t count, float* lanes) const {
    read_sixteen(soft_labels + first, count, 0.0f, lanes);
  }
  int64_t label_of(int64_t classes) const {
    int64_t best = 0;
    for (int64_t j = 1; j < classes; ++j) best = soft_labels[j] > soft_labels[best] ? j : best;
    return best;
  }
};

// Null gives every class the weight 1.
struct ClassWeights {
  const float* values;
  CNNX_INLINE float operator[](int64_t j) const { return values ? values[j] : 1.0f; }
  CNNX_INLINE void read(int64_t first, int64_t count, float* lanes) const {
    if (values) {
      read_sixteen(values + first, count, 0.0f, lanes);
    } else {
      for (int64_t j = 0; j < kSums; ++j) lanes[j] = j < count ? 1.0f : 0.0f;
    }
  }
};

// The factor of a class's -log softmax: weight * ((1 - label_smoothing) * target + spread).
struct Smoothing {
  float scale, spread;
  CNNX_INLINE float operator()(float target, float weight) const {
    return weight * fused_multiply_add(scale, target, spread);
  }
};

// -log softmax(x)[j] = log(sum) - (x[j] - maximum). Returns the sum of the factors, and writes the
// sum of their products with the differences to `weighted`. A class of factor zero adds nothing,
// even at an infinite difference.
template <class Target>
float row_counts(const float* x, const Target& target, const ClassWeights& class_weights,
                 int64_t classes, float maximum, const Smoothing& smoothing, float* weighted) {
  SixteenSums counts, products;
  for (int64_t i = 0; i < classes; i += kSums) {
    float difference[kSums], count[kSums], weight[kSums];
    read_sixteen(x + i, classes - i, maximum, difference);
    target.read(i, classes - i, count);
    class_weights.read(i, classes - i, weight);
    for (int64_t j = 0; j < kSums; ++j) {
      count[j] = smoothing(count[j], weight[j]);
      difference[j] = select(count[j] == 0.0f, 0.0f, difference[j] - maximum);
    }
    counts.add(count);
    products.add_products(count, difference);
  }
  *weighted = products.total();
  return counts.total();
}

template <class Target>
bool weighted_row(const LossRows& all, int64_t row, const Target& target,
                  const ClassWeights& class_weights, const Smoothing& smoothing,
                  SumsOfRows& all_sums) {
  const int64_t classes = all.columns;
  const float divisor = all.divisor;
  const bool accumulate = all.accumulate;
  const float* x = all.outputs + row * classes;
  float* __restrict grad = all.gradient ? all.gradient + row * classes : nullptr;
  const auto [maximum, sum] = all_sums.of(all, row);
  float weighted;
  const float counts = row_counts(x, target, class_weights, classes, maximum, smoothing, &weighted);
  all.row_losses[row] = counts * log_f32(sum) - weighted;
  if (grad && accumulate) {
    for (int64_t j = 0; j < classes; ++j) {
      grad[j] +=
          (counts * (exp_below(x[j], maximum) / sum) - smoothing(target[j], class_weights[j])) /
          divisor;
    }
  } else if (grad) {
    for (int64_t j = 0; j < classes; ++j) {
      grad[j] = (counts * (grad[j] / sum) - smoothing(target[j], class_weights[j])) / divisor;
    }
  }
  return label_is_first_maximum(x, classes, target.label_of(classes));
}

int64_t weighted_rows(const LossRows& all, const WeightedTargets& targets, float label_smoothing) {
  const int64_t classes = all.columns;
  const Smoothing smoothing = {1.0f - label_smoothing,
                               label_smoothing / static_cast<float>(classes)};
  const ClassWeights weights = {targets.class_weights};
  int64_t correct = 0;
  SumsOfRows sums;
  for (int64_t row = 0; row < all.rows; ++row) {
    if (targets.labels && targets.labels[row] == targets.ignored) {
      ignore_row(all, row);
    } else if (targets.labels) {
      correct += weighted_row(all, row, LabelTarget{targets.labels[row]}, weights, smoothing, sums);
    } else {
      const SoftTarget target{targets.soft_labels + row * classes};
      correct += weighted_row(all, row, target, weights, smoothing, sums);
    }
  }
  return correct;
}

}  // namespace

const CrossEntropyKernels cross_entropy_kernels = {rows, weighted_rows};

}  // namespace CNNX_ISA
}  // namespace cnnx
