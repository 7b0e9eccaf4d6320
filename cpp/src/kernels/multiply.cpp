// Elementwise products of arrays; the lanes are elements or channels.
#include "kernels/multiply.h"

#include "kernels/channel_lanes.h"
#include "kernels/simd.h"
#include "kernels/sixteen_sums.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

void elements(const float* a, const float* b, int64_t count, bool accumulate, float* target) {
  if (accumulate) {
    for (int64_t i = 0; i < count; ++i) target[i] += a[i] * b[i];
  } else {
    for (int64_t i = 0; i < count; ++i) target[i] = a[i] * b[i];
  }
}

void channels(const float* a, const float* b, int64_t pixels, int64_t channels, bool accumulate,
              float* target) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel, a += channels, target += channels)
    elements(a, b, channels, accumulate, target);
}

void sums(const float* a, const float* b, int64_t pixels, int64_t channels, bool accumulate,
          float* target) {
  for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector sum = {};
    for (int64_t offset = channel; offset < pixels * channels; offset += channels)
      sum = fused_multiply_add(lanes.load(a + offset), lanes.load(b + offset), sum);
    if (accumulate) sum += lanes.load(target + channel);
    lanes.store(target + channel, sum);
  });
}

void pixels(const float* a, const float* b, int64_t pixels, int64_t channels, bool accumulate,
            float* target) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel, a += channels, target += channels) {
    const float factor = b[pixel];
    if (accumulate) {
      for (int64_t c = 0; c < channels; ++c) target[c] += a[c] * factor;
    } else {
      for (int64_t c = 0; c < channels; ++c) target[c] = a[c] * factor;
    }
  }
}

void pixel_sums(const float* a, const float* b, int64_t pixels, int64_t channels, bool accumulate,
                float* target) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const int64_t offset = pixel * channels;
    const float sum = sum_of_products(a + offset, b + offset, channels);
    target[pixel] = accumulate ? target[pixel] + sum : sum;
  }
}

}  // namespace

const MultiplyKernels multiply_kernels = {channels, sums, pixels, pixel_sums};

}  // namespace CNNX_ISA
}  // namespace cnnx
