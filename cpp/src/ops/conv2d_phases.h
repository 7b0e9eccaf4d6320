// Which outputs of a convolution see the same taps of its kernel: what forward and input gradient
// have in common.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/conv2d.h"

namespace cnnx::ops {

// Outputs along one axis that see the same taps: all of them going forward; for an input gradient
// of stride s those s apart, because each tap of the kernel meets every s-th pixel only.
struct Phase {
  int64_t first, count;  // output pixels first + i * step
  WindowAxis window;     // on the source
  int64_t kernel_first,
      kernel_step;  // tap t is kernel row (or column) kernel_first + t * kernel_step
};

// `before` is the padding before the input.
Phase forward_phase(int64_t output, int64_t before, int64_t stride, int64_t kernel,
                    int64_t dilation);

// The input gradient's phases: windows over grad_output, with the kernel flipped. Their step is the
// stride.
std::vector<Phase> gradient_phases(int64_t input, int64_t before, int64_t stride, int64_t kernel,
                                   int64_t dilation);

// Outputs of all phases; fewer than there are pixels if some see no tap.
int64_t covered(const std::vector<Phase>& phases);

// Whole pixels in [begin, end) <- what one that sees no tap is: its bias (null: zero), or with
// `relu` zero instead where that is below.
void fill_unseen(float* begin, float* end, const float* bias, bool relu, int64_t channels);

}  // namespace cnnx::ops
