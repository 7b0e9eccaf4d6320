// Means over whole pictures, whose lanes are channels.
#include "kernels/global_avg_pool2d.h"

#include "kernels/channel_lanes.h"
#include "kernels/simd.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

void forward(const float* x, int64_t pixels, int64_t channels, float* output) {
  const Vector count = broadcast(static_cast<float>(pixels));
  for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    Vector sum = {};
    for (int64_t offset = channel; offset < pixels * channels; offset += channels)
      sum += lanes.load(x + offset);
    lanes.store(output + channel, sum / count);
  });
}

void backward(const float* grad_output, int64_t pixels, int64_t channels, bool accumulate,
              float* grad_input) {
  const Vector count = broadcast(static_cast<float>(pixels));
  for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
    const Vector share = lanes.load(grad_output + channel) / count;
    for (int64_t offset = channel; offset < pixels * channels; offset += channels) {
      const Vector before = accumulate ? lanes.load(grad_input + offset) : Vector{};
      lanes.store(grad_input + offset, before + share);
    }
  });
}

}  // namespace

const GlobalAvgPool2dKernels global_avg_pool2d_kernels = {forward, backward};

}  // namespace CNNX_ISA
}  // namespace cnnx
