// Rows divided by a root of the sum of their squares, which runs in sixteen lanes; a channel's sum
// over rows is a few chains.
#include "kernels/l2_norm.h"

#include "kernels/channel_lanes.h"
#include "kernels/pixel_chains.h"
#include "kernels/sixteen_sums.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// NaN stays.
CNNX_INLINE float divisor_of(const RootFormula& formula, float root) {
  return root < formula.least ? formula.least : root;
}

template <class Lanes>
CNNX_INLINE Vector weight_of(const L2NormRows& r, int64_t channel, Lanes lanes) {
  return r.weight ? lanes.load(r.weight + channel) : broadcast(1.0f);
}

void roots(const L2NormRows& r) {
  for (int64_t row = 0; row < r.rows; ++row) {
    const float* const x = r.x + row * r.channels;
    const float squares = sum_of_products(x, x, r.channels);
    r.roots[row] = __builtin_sqrtf(squares / r.formula.count + r.formula.added);
  }
}

void forward(const L2NormRows& r, float* output) {
  for (int64_t row = 0; row < r.rows; ++row) {
    const Vector divisor = broadcast(divisor_of(r.formula, r.roots[row]));
    const float* const x = r.x + row * r.channels;
    float* const target = output + row * r.channels;
    for_channel_vectors(r.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
      const Vector normalised = lanes.load(x + channel) / divisor;
      lanes.store(target + channel, normalised * weight_of(r, channel, lanes));
    });
  }
}

// grad_input = (gradient - normalised * sum of (gradient * normalised) / count) / divisor, where
// gradient = grad_output * weight, without the sum where `least` is the divisor, because it does
// not depend on x.
void backward(const L2NormRows& r, const float* grad_output, bool accumulate, float* grad_input) {
  for (int64_t row = 0; row < r.rows; ++row) {
    const float divisor = divisor_of(r.formula, r.roots[row]);
    const float *const x = r.x + row * r.channels, *const grad = grad_output + row * r.channels;
    float* const target = grad_input + row * r.channels;
    const Vector divisors = broadcast(divisor);
    SixteenSums products;
    for (int64_t i = 0; i < r.channels; i += kSums) {
      float gradient[kSums], normalised[kSums];
      read_sixteen(grad + i, r.channels - i, 0.0f, gradient);
      read_sixteen(x + i, r.channels - i, 0.0f, normalised);
      for (int64_t j = 0; j < kSums; ++j) normalised[j] /= divisor;
      if (r.weight) {
        float weight[kSums];
        read_sixteen(r.weight + i, r.channels - i, 0.0f, weight);
        for (int64_t j = 0; j < kSums; ++j) gradient[j] *= weight[j];
      }
      products.add_products(gradient, normalised);
    }
    const bool bends = !(r.roots[row] < r.formula.least);
    const Vector mean = broadcast(bends ? -products.total() / r.formula.count : 0.0f);
    for_channel_vectors(r.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
      const Vector normalised = lanes.load(x + channel) / divisors;
      const Vector gradient = lanes.load(grad + channel) * weight_of(r, channel, lanes);
      Vector value = fused_multiply_add(normalised, mean, gradient) / divisors;
      if (accumulate) value += lanes.load(target + channel);
      lanes.store(target + channel, value);
    });
  }
}

void sums(const L2NormRows& r, const float* grad_output, float* sum) {
  for_channel_vectors(r.channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Chains products;
    for_chains(r.rows, [&](int64_t row, int i) CNNX_INLINED {
      const int64_t place = row * r.channels + channel;
      const Vector divisor = broadcast(divisor_of(r.formula, r.roots[row]));
      const Vector normalised = lanes.load(r.x + place) / divisor;
      products.chain[i] =
          fused_multiply_add(lanes.load(grad_output + place), normalised, products.chain[i]);
    });
    lanes.store(sum + channel, products.sum());
  });
}

}  // namespace

const L2NormKernels l2_norm_kernels = {roots, forward};
const L2NormGradientKernels l2_norm_gradient_kernels = {backward, sums};

}  // namespace CNNX_ISA
}  // namespace cnnx
