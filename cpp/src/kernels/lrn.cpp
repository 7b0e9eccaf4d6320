// Local response normalisation as plain loops over the channels of a pixel, which the compiler
// vectorises for each instruction set. A sum over a window is one chain in the order of the
// channels.
#include "kernels/lrn.h"

#include <string.h>

#include "kernels/elementary.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// The lines of the scratch memory. Those that are read beyond the channels are zero there.
struct Lines {
  Lines(const LrnWindow& w, float* scratch)
      : values(scratch),
        quotients(scratch + w.line),
        sums(scratch + 2 * w.line),
        powers(scratch + 3 * w.line) {
    memset(scratch, 0, static_cast<size_t>(2 * w.line) * sizeof(float));
  }
  float* values;     // x from `before` on
  float* quotients;  // grad_output * y / base from `after` on
  float* sums;       // over the windows of a line
  float* powers;     // base^-beta
};

// values, and sums as the bases, and powers.
CNNX_INLINE void pixel_powers(const LrnWindow& w, const float* x, const Lines& lines) {
  memcpy(lines.values + w.before, x, static_cast<size_t>(w.channels) * sizeof(float));
  float* __restrict sums = lines.sums;
  for (int64_t c = 0; c < w.channels; ++c) sums[c] = 0.0f;
  for (int64_t t = 0; t <= w.before + w.after; ++t) {
    const float* __restrict value = lines.values + t;
    for (int64_t c = 0; c < w.channels; ++c)
      sums[c] = fused_multiply_add(value[c], value[c], sums[c]);
  }
  float* __restrict powers = lines.powers;
  for (int64_t c = 0; c < w.channels; ++c) {
    sums[c] = fused_multiply_add(w.scale, sums[c], w.k);
    powers[c] = exp_f32(-w.beta * log_f32(sums[c]));
  }
}

void forward(const LrnWindow& w, const float* x, int64_t pixels, float* scratch, float* output) {
  const Lines lines(w, scratch);
  for (int64_t pixel = 0; pixel < pixels; ++pixel, x += w.channels, output += w.channels) {
    pixel_powers(w, x, lines);
    for (int64_t c = 0; c < w.channels; ++c)
      output[c] = lines.values[w.before + c] * lines.powers[c];
  }
}

// grad_output[c] base[c]^-beta - 2 scale beta x[c] * the sum of grad_output y / base over the
// channels whose window holds c.
void backward(const LrnWindow& w, const float* grad_output, const float* x, int64_t pixels,
              bool accumulate, float* scratch, float* grad_input) {
  const Lines lines(w, scratch);
  const float factor = -2.0f * w.scale * w.beta;
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const int64_t offset = pixel * w.channels;
    const float *const grad = grad_output + offset, *const value = x + offset;
    float* const target = grad_input + offset;
    pixel_powers(w, value, lines);
    float* __restrict sums = lines.sums;
    for (int64_t c = 0; c < w.channels; ++c) {
      lines.quotients[w.after + c] = grad[c] * (value[c] * lines.powers[c]) / sums[c];
    }
    for (int64_t c = 0; c < w.channels; ++c) sums[c] = 0.0f;
    for (int64_t t = 0; t <= w.before + w.after; ++t) {
      const float* __restrict quotient = lines.quotients + t;
      for (int64_t c = 0; c < w.channels; ++c) sums[c] += quotient[c];
    }
    for (int64_t c = 0; c < w.channels; ++c) {
      const float own = grad[c] * lines.powers[c];
      const float sum = fused_multiply_add(factor * value[c], sums[c], own);
      target[c] = accumulate ? target[c] + sum : sum;
    }
  }
}

}  // namespace

const LrnKernels lrn_kernels = {forward};
const LrnGradientKernels lrn_gradient_kernels = {backward};

}  // namespace CNNX_ISA
}  // namespace cnnx
