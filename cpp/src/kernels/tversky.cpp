// The Tversky index of one image: a pass for its sums, and one for the gradient.
#include "kernels/tversky.h"

#include "kernels/few_classes.h"
#include "kernels/label_is_first_maximum.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The target of a position, as the passes read it: a label,
struct LabelTarget {
  const int64_t* labels;
  int64_t ignored;

  CNNX_INLINE bool counts(int64_t position) const { return labels[position] != ignored; }
  CNNX_INLINE float of(int64_t position, int64_t column) const {
    return labels[position] == column ? 1.0f : 0.0f;
  }
  CNNX_INLINE bool is_predicted(const float* x, int64_t position, int64_t columns) const {
    return label_is_first_maximum(x, columns, labels[position]);
  }
};

// or a share of each class, of which there may be one.
struct ShareTarget {
  const float* values;
  int64_t columns;

  CNNX_INLINE bool counts(int64_t) const { return true; }
  CNNX_INLINE float of(int64_t position, int64_t column) const {
    return values[position * columns + column];
  }
  CNNX_INLINE bool is_predicted(const float* x, int64_t position, int64_t) const {
    const float* own = values + position * columns;
    if (columns == 1) return (x[0] > 0.0f) == (own[0] > 0.5f);
    int64_t best = 0;
    for (int64_t j = 1; j < columns; ++j) best = own[j] > own[best] ? j : best;
    return label_is_first_maximum(x, columns, best);
  }
};

// Of one position, or of sixteen of few columns. Out of line, as the loops of both kinds of targets
// share it: exponentials take kilobytes.
[[gnu::noinline]] void write_probabilities(const float* x, int64_t positions, int64_t columns,
                                           float* output) {
  if (columns == 1) {
    for (int64_t i = 0; i < positions; ++i) output[i] = sigmoid_f32(x[i]);
  } else if (positions == kRowsAtOnce) {
    write_softmax_of_few_classes(x, columns, output);
  } else {
    write_softmax_of_row(x, columns, output);
  }
}

template <class Target>
TverskyResult image_of(const TverskyImage& all, const Target& target) {
  const int64_t columns = all.columns;
  double* const both = all.sums;             // sum of probability * target
  double* const predicted = both + columns;  // sum of probabilities
  double* const wanted = predicted + columns;
  for (int64_t j = 0; j < 3 * columns; ++j) all.sums[j] = 0;
  TverskyResult result = {0, 0, 0};
  float of_few_columns[kRowsAtOnce * kFewClasses];
  const float* p = nullptr;
  int64_t written = 0;  // positions whose probabilities were written
  for (int64_t i = 0; i < all.positions; ++i, p += columns) {
    const float* x = all.outputs + i * columns;
    if (i == written) {
      const bool few = columns <= kFewClasses && i + kRowsAtOnce <= all.positions;
      float* const output = all.gradient ? all.gradient + i * columns
                            : few        ? of_few_columns
                                         : all.probabilities;
      written += few ? kRowsAtOnce : 1;
      write_probabilities(x, written - i, columns, output);
      p = output;
    }
    if (!target.counts(i)) continue;
    for (int64_t j = 0; j < columns; ++j) {
      const double value = static_cast<double>(p[j]);
      const double share = static_cast<double>(target.of(i, j));
      both[j] += value * share;
      predicted[j] += value;
      wanted[j] += share;
    }
    result.correct += target.is_predicted(x, i, columns);
    ++result.counted;
  }
  double total_weight = 0;
  for (int64_t j = 0; j < columns; ++j)
    total_weight += all.class_weights ? static_cast<double>(all.class_weights[j]) : 1.0;
  // Over the sums stand the two factors of the gradient with respect to a probability, which is
  // slope * target + offset.
  for (int64_t j = 0; j < columns; ++j) {
    const double weight =
        (all.class_weights ? static_cast<double>(all.class_weights[j]) : 1.0) / total_weight;
    const double numerator = both[j] + all.smooth;
    const double of_both = 1.0 - all.alpha - all.beta;
    const double denominator =
        of_both * both[j] + all.alpha * predicted[j] + all.beta * wanted[j] + all.smooth;
    // Without smoothing, a class that is neither predicted nor wanted has no error.
    const bool is_empty = !(denominator > 0.0) && numerator == 0.0;
    const double index = is_empty ? 1.0 : numerator / denominator;
    result.loss += weight * (1.0 - index);
    const double scale = is_empty ? 0.0 : weight / (denominator * static_cast<double>(all.divisor));
    both[j] = scale * (index * of_both - 1.0);
    predicted[j] = scale * index * all.alpha;
  }
  for (int64_t i = 0; all.gradient && i < all.positions; ++i) {
    float* const grad = all.gradient + i * columns;
    if (!target.counts(i)) {
      for (int64_t j = 0; j < columns; ++j) grad[j] = 0.0f;
      continue;
    }
    // The backward of softmax, p * (g - sum(p * g)), or of the sigmoid, p * (1 - p) * g.
    float mean = 0.0f;
    for (int64_t j = 0; j < columns; ++j) {
      const float slope = static_cast<float>(both[j]), offset = static_cast<float>(predicted[j]);
      mean += grad[j] * (slope * target.of(i, j) + offset);
    }
    for (int64_t j = 0; j < columns; ++j) {
      const float slope = static_cast<float>(both[j]), offset = static_cast<float>(predicted[j]);
      grad[j] = grad[j] * ((slope * target.of(i, j) + offset) - mean);
    }
  }
  return result;
}

TverskyResult image(const TverskyImage& all) {
  if (all.labels) return image_of(all, LabelTarget{all.labels, all.ignored});
  return image_of(all, ShareTarget{all.values, all.columns});
}

}  // namespace

const TverskyKernels tversky_kernels = {image};

}  // namespace CNNX_ISA
}  // namespace cnnx
