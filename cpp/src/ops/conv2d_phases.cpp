// Finds the phases of an input gradient.
#include "ops/conv2d_phases.h"

#include <algorithm>
#include <numeric>

namespace cnnx::ops {

Phase forward_phase(int64_t output, int64_t before, int64_t stride, int64_t kernel,
                    int64_t dilation) {
  return {0, output, {-before, stride, kernel, dilation}, 0, 1};
}

// Input pixel p meets kernel tap k where p + before - k * dilation is a multiple of the stride.
// With g = gcd(stride, dilation), the taps stride / g apart share their pixels; the largest one
// meets the first grad_output.
std::vector<Phase> gradient_phases(int64_t input, int64_t before, int64_t stride, int64_t kernel,
                                   int64_t dilation) {
  const int64_t common = std::gcd(stride, dilation), period = stride / common;
  std::vector<Phase> phases;
  for (int64_t smallest = 0; smallest < std::min(kernel, period); ++smallest) {
    const int64_t first = ((smallest * dilation - before) % stride + stride) % stride;
    if (first >= input) continue;
    const int64_t taps = (kernel - 1 - smallest) / period + 1;
    const int64_t largest = smallest + (taps - 1) * period;
    phases.push_back({first,
                      (input - 1 - first) / stride + 1,
                      {(first + before - largest * dilation) / stride, 1, taps, dilation / common},
                      largest,
                      -period});
  }
  return phases;
}

int64_t covered(const std::vector<Phase>& phases) {
  int64_t count = 0;
  for (const Phase& phase : phases) count += phase.count;
  return count;
}

void fill_unseen(float* begin, float* end, const float* bias, bool relu, int64_t channels) {
  if (!bias) return std::fill(begin, end, 0.0f);
  if (begin == end) return;
  for (int64_t c = 0; c < channels; ++c) begin[c] = relu && bias[c] < 0.0f ? 0.0f : bias[c];
  for (float* pixel = begin + channels; pixel < end; pixel += channels)
    std::copy_n(begin, channels, pixel);
}

}  // namespace cnnx::ops
