// Normalisation along rows: a row's sums run in sixteen lanes, a channel's sums over rows in
// chains.
#include "kernels/group_norm.h"

#include "kernels/channel_lanes.h"
#include "kernels/pixel_chains.h"
#include "kernels/sixteen_sums.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The next sixteen of a row's distances from its mean, zero beyond its end.
CNNX_INLINE void read_distances(const float* x, int64_t count, float mean, float* lanes) {
  read_sixteen(x, count, mean, lanes);
  for (int64_t j = 0; j < kSums; ++j) lanes[j] -= mean;
}

void statistics(const NormRows& r, float epsilon) {
  const float count = static_cast<float>(r.channels);
  for (int64_t row = 0; row < r.rows; ++row) {
    const float* const x = r.x + row * r.step;
    SixteenSums sum, rest, squares;
    float lanes[kSums];
    for (int64_t i = 0; i < r.channels; i += kSums) {
      read_sixteen(x + i, r.channels - i, 0.0f, lanes);
      sum.add(lanes);
    }
    const float middle = sum.total() / count;
    for (int64_t i = 0; i < r.channels; i += kSums) {
      read_distances(x + i, r.channels - i, middle, lanes);
      rest.add(lanes);
      squares.add_products(lanes, lanes);
    }
    // The rounding error of the first sum, which is large where the mean is far from zero.
    const float error = rest.total() / count;
    const float variance = squares.total() / count - error * error;
    const int64_t place = row * r.statistics_step;
    r.mean[place] = middle + error;
    r.inverse[place] = 1.0f / __builtin_sqrtf((variance < 0.0f ? 0.0f : variance) + epsilon);
  }
}

void forward(const NormRows& r, const float* bias, float* output) {
  for (int64_t row = 0; row < r.rows; ++row) {
    const Vector mean = broadcast(r.mean[row * r.statistics_step]);
    const Vector inverse = broadcast(r.inverse[row * r.statistics_step]);
    const float* const x = r.x + row * r.step;
    float* const target = output + row * r.step;
    for_channel_vectors(r.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
      const Vector scale = inverse * lanes.load(r.weight + channel);
      lanes.store(target + channel, fused_multiply_add(lanes.load(x + channel) - mean, scale,
                                                       lanes.load(bias + channel)));
    });
  }
}

// grad_input = inverse * weight * grad_output + offset + bend * (x - mean): the gradient of a batch
// norm, with coefficients per row instead of per channel.
void backward(const NormRows& r, const float* grad_output, bool accumulate, float* grad_input) {
  for (int64_t row = 0; row < r.rows; ++row) {
    const float mean = r.mean[row * r.statistics_step];
    const float inverse = r.inverse[row * r.statistics_step];
    const float *const x = r.x + row * r.step, *const grad = grad_output + row * r.step;
    float* const target = grad_input + row * r.step;
    SixteenSums sum, products;
    for (int64_t i = 0; i < r.channels; i += kSums) {
      const int64_t left = r.channels - i;
      float gradient[kSums], weight[kSums], distance[kSums];
      read_sixteen(grad + i, left, 0.0f, gradient);
      read_sixteen(r.weight + i, left, 0.0f, weight);
      read_distances(x + i, left, mean, distance);
      for (int64_t j = 0; j < kSums; ++j) gradient[j] *= weight[j];
      sum.add(gradient);
      products.add_products(gradient, distance);
    }
    const float fraction = inverse / static_cast<float>(r.channels);
    const Vector offset = broadcast(-fraction * sum.total());
    const Vector bend = broadcast(-fraction * products.total() * inverse * inverse);
    const Vector middle = broadcast(mean), factor = broadcast(inverse);
    for_channel_vectors(r.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
      const Vector slope = factor * lanes.load(r.weight + channel);
      Vector value = fused_multiply_add(slope, lanes.load(grad + channel), offset);
      value = fused_multiply_add(bend, lanes.load(x + channel) - middle, value);
      if (accumulate) value += lanes.load(target + channel);
      lanes.store(target + channel, value);
    });
  }
}

void sums(const NormRows& r, const float* grad_output, float* sum, float* product_sum) {
  for_channel_vectors(r.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Chains gradients, products;
    for_chains(r.rows, [&](int64_t row, int i) CNNX_INLINED {
      const int64_t offset = row * r.step + channel, place = row * r.statistics_step;
      const Vector gradient = lanes.load(grad_output + offset);
      const Vector normalised =
          (lanes.load(r.x + offset) - broadcast(r.mean[place])) * broadcast(r.inverse[place]);
      gradients.chain[i] += gradient;
      products.chain[i] = fused_multiply_add(gradient, normalised, products.chain[i]);
    });
    lanes.store(sum + channel, gradients.sum());
    lanes.store(product_sum + channel, products.sum());
  });
}

}  // namespace

const GroupNormKernels group_norm_kernels = {statistics, forward};
const GroupNormGradientKernels group_norm_gradient_kernels = {backward, sums};

}  // namespace CNNX_ISA
}  // namespace cnnx
