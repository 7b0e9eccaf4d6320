// Binary cross-entropy, row by row.
#include "kernels/binary_cross_entropy.h"

#include "kernels/elementary.h"
#include "kernels/sixteen_sums.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

CNNX_INLINE float element_loss(float z, float target) {
  const float positive = select(z < 0.0f, 0.0f, z);
  const float decay = exp_f32(float_from_bits(float_bits(z) | kSignBit));
  return (positive - z * target) + log1p_f32(decay);
}

float row_loss(const float* logits, const float* targets, int64_t count) {
  // For this logit and target 0 the loss is exactly 0.
  constexpr float kBeyond = -1000.0f;
  SixteenSums sums;
  for (int64_t i = 0; i < count; i += kSums) {
    float loss[kSums], target[kSums];
    read_sixteen(logits + i, count - i, kBeyond, loss);
    read_sixteen(targets + i, count - i, 0.0f, target);
    for (int64_t j = 0; j < kSums; ++j) loss[j] = element_loss(loss[j], target[j]);
    sums.add(loss);
  }
  return sums.total() / static_cast<float>(count);
}

int64_t rows(const LossRows& all, const float* targets) {
  const int64_t outputs = all.columns;
  const float divisor = all.divisor;
  int64_t correct = 0;
  for (int64_t row = 0; row < all.rows; ++row) {
    const int64_t offset = row * outputs;
    const float* __restrict z = all.outputs + offset, * __restrict target = targets + offset;
    all.row_losses[row] = row_loss(z, target, outputs);
    for (int64_t j = 0; j < outputs; ++j) correct += (z[j] > 0.0f) == (target[j] > 0.5f);
    if (!all.gradient) continue;
    float* __restrict grad = all.gradient + offset;
    if (all.accumulate) {
      for (int64_t j = 0; j < outputs; ++j) grad[j] += (sigmoid_f32(z[j]) - target[j]) / divisor;
    } else {
      for (int64_t j = 0; j < outputs; ++j) grad[j] = (sigmoid_f32(z[j]) - target[j]) / divisor;
    }
  }
  return correct;
}

}  // namespace

const BinaryCrossEntropyKernels binary_cross_entropy_kernels = {rows};

}  // namespace CNNX_ISA
}  // namespace cnnx
