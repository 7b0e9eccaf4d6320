// Cross-entropy, a row at a time.
#include "kernels/cross_entropy.h"

#include "kernels/softmax_row.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

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

// False when a NaN is in the row.
bool is_first_maximum(const float* x, int64_t count, int64_t label) {
  const float value = x[label];
  int32_t beaten = 0;
  for (int64_t j = 0; j < label; ++j) beaten |= !(x[j] < value);
  for (int64_t j = label; j < count; ++j) beaten |= !(x[j] <= value);
  return !beaten;
}

// `grad` holds the row's exponentials, or when accumulating the gradient so far.
void row_gradient(const float* x, int64_t classes, int64_t label, float maximum, float sum,
                  float label_smoothing, float divisor, bool accumulate, float* __restrict grad) {
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

int64_t rows(const float* logits, const int64_t* labels, int64_t row_count, int64_t classes,
             float label_smoothing, float divisor, bool accumulate, float* grad_logits,
             float* row_losses) {
  int64_t correct = 0;
  for (int64_t row = 0; row < row_count; ++row) {
    const float* x = logits + row * classes;
    float* grad = grad_logits ? grad_logits + row * classes : nullptr;
    const int64_t label = labels[row];
    const float maximum = row_maximum(x, classes);
    const float sum = row_exponentials(x, classes, maximum, accumulate ? nullptr : grad);
    // -log softmax(x)[j] = log(sum) - (x[j] - maximum), weighted by a target that adds up to 1.
    float loss = log_f32(sum) - (1.0f - label_smoothing) * (x[label] - maximum);
    if (label_smoothing > 0.0f) {
      const float weight = label_smoothing / static_cast<float>(classes);
      loss -= weight * sum_of_differences(x, classes, maximum);
    }
    row_losses[row] = loss;
    correct += is_first_maximum(x, classes, label);
    if (grad) {
      row_gradient(x, classes, label, maximum, sum, label_smoothing, divisor, accumulate, grad);
    }
  }
  return correct;
}

}  // namespace

const CrossEntropyKernels cross_entropy_kernels = {rows};

}  // namespace CNNX_ISA
}  // namespace cnnx
