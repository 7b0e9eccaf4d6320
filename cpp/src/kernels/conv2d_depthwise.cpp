// The depthwise convolution of floats, and the source of narrow groups spread over its lanes.
#include "kernels/conv2d_depthwise.h"

#include "kernels/quad.h"

namespace {
using DepthwiseElement = float;
}  // namespace

#include "kernels/conv2d_depthwise_tiles.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Four lanes at a time. The next group or pixel overwrites the surplus; the last one goes to the
// padding.
void spread(const float* source, int64_t pixels, int64_t groups, int64_t inputs, int64_t outputs,
            float* target) {
  for (int64_t p = 0; p < pixels; ++p, source += groups * inputs) {
    for (int64_t i = 0; i < inputs; ++i) {
      for (int64_t g = 0; g < groups; ++g, target += outputs) {
        const Quad value = source[g * inputs + i] - Quad{};
        for (int64_t j = 0; j < outputs; j += 4) {
          *reinterpret_cast<UnalignedQuad*>(target + j) = value;
        }
      }
    }
  }
}

}  // namespace

const DepthwiseKernels depthwise_kernels = {convolve_depthwise, spread};

}  // namespace CNNX_ISA
}  // namespace cnnx
