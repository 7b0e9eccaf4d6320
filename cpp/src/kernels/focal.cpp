// Focal loss, row by row.
#include "kernels/focal.h"

#include "kernels/ignored_row.h"
#include "kernels/label_is_first_maximum.h"
#include "kernels/softmax_row.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The loss of one class of probability p, and its derivative with respect to log p.
struct Focused {
  float loss, slope;
};

// -(1 - p)^gamma * log p, from 1 - p and the logarithms of both, each accurate near 0. Out of line,
// as are other functions of several uses, because exponentials and logarithms take kilobytes.
[[gnu::noinline]] Focused focused(float gamma, float rest, float log_rest, float log_p) {
  if (gamma == 0.0f) return {-log_p, -1.0f};
  const float factor = select(rest > 0.0f, exp_f32(gamma * log_rest), 0.0f);
  // log(p) / (1 - p) tends to -1.
  const float ratio = select(rest > 0.0f, log_p / rest, -1.0f);
  // d/dlog(p) = gamma * p * (1 - p)^(gamma - 1) * log(p) - (1 - p)^gamma
  return {-(factor * log_p), factor * (gamma * (1.0f - rest) * ratio - 1.0f)};
}

// log(1 + x) for x >= 0.
[[gnu::noinline]] float log_of_one_plus(float x) {
  return select(x <= 1.0f, log1p_f32(select(x <= 1.0f, x, 1.0f)), log_f32(1.0f + x));
}

int64_t rows(const LossRows& all, const int64_t* labels, int64_t ignored,
             const FocalSettings& settings) {
  const int64_t classes = all.columns;
  const float divisor = all.divisor;
  int64_t correct = 0;
  for (int64_t row = 0; row < all.rows; ++row) {
    const int64_t label = labels[row];
    if (label == ignored) {
      ignore_row(all, row);
      continue;
    }
    const float* x = all.outputs + row * classes;
    float* __restrict grad = all.gradient ? all.gradient + row * classes : nullptr;
    const float maximum = row_maximum(x, classes);
    const CarefulSums sums = row_exponentials(x, classes, maximum, grad);
    const float sum = sums.total(), own = exp_below(x[label], maximum);
    const float weight = settings.class_weights ? settings.class_weights[label] : 1.0f;
    // The exponential of a maximum is 1, so that the sum of the others is known to the last bit.
    const bool is_maximum = own == 1.0f;
    const float others = is_maximum ? sums.excess() : sum - own;
    const float log_p = is_maximum ? -log_of_one_plus(others) : (x[label] - maximum) - log_f32(sum);
    const float log_rest = log_f32(others) - log_f32(sum);
    const Focused one = focused(settings.gamma, others / sum, log_rest, log_p);
    all.row_losses[row] = weight * one.loss;
    correct += label_is_first_maximum(x, classes, label);
    if (!grad) continue;
    // dlog(p)/dx[j] = (j == label) - softmax(x)[j]
    const float slope = weight * one.slope;
    for (int64_t j = 0; j < classes; ++j) grad[j] = -slope * (grad[j] / sum) / divisor;
    grad[label] = slope * (others / sum) / divisor;
  }
  return correct;
}

// Of the class whose logit minus the other's is z.
[[gnu::noinline]] Focused focused_sigmoid(float gamma, float z) {
  const float decay = exp_f32(float_from_bits(float_bits(z) | kSignBit));
  const float log_sum = log1p_f32(decay);
  const float log_p = select(z < 0.0f, z, 0.0f) - log_sum;
  const float log_rest = select(z > 0.0f, -z, 0.0f) - log_sum;
  return focused(gamma, sigmoid_f32(-z), log_rest, log_p);
}

int64_t binary_rows(const LossRows& all, const float* targets, const FocalSettings& settings) {
  const float divisor = all.divisor;
  const float* weights = settings.class_weights;
  int64_t correct = 0;
  for (int64_t row = 0; row < all.rows; ++row) {
    const float z = all.outputs[row], target = targets[row];
    const float one_weight = target * (weights ? weights[1] : 1.0f);
    const float zero_weight = (1.0f - target) * (weights ? weights[0] : 1.0f);
    const Focused one = focused_sigmoid(settings.gamma, z),
                  zero = focused_sigmoid(settings.gamma, -z);
    all.row_losses[row] = one_weight * one.loss + zero_weight * zero.loss;
    correct += (z > 0.0f) == (target > 0.5f);
    if (!all.gradient) continue;
    // dlog(sigmoid(z))/dz = sigmoid(-z)
    const float slope =
        one_weight * one.slope * sigmoid_f32(-z) - zero_weight * zero.slope * sigmoid_f32(z);
    all.gradient[row] = slope / divisor;
  }
  return correct;
}

}  // namespace

const FocalKernels focal_kernels = {rows, binary_rows};

}  // namespace CNNX_ISA
}  // namespace cnnx
