// What becomes of a convolution's sums on their way to memory, so that the layers behind it need no
// pass of their own.
#pragma once

#include <stdint.h>

namespace cnnx {

// In this order, pixel by pixel: the same bits as the layers one after another.
struct ForwardEpilogue {
  const float* bias;  // or null
  bool relu;          // x < 0 ? 0 : x
  bool pool;          // maxima of 2x2 windows side by side; `output` is the pooled map
  // With `pool`, or null: for every pooled output which pixel of its window it came from, 0 to 3 in
  // row-major order, or with `relu` kNoArgmax where it is not > 0. Pixels are argmax_step(channels)
  // bytes apart; the bytes between hold anything.
  uint8_t* argmax;
  // Or null: shaped like `output`, which it may be, added after the bias. Not with `pool`.
  const float* addend = nullptr;
};

struct GradientEpilogue {
  bool accumulate;  // add to what grad_input holds
  // Or null: shaped like grad_input, which then becomes zero where this is not > 0.
  const float* relu_output;
};

constexpr uint8_t kNoArgmax = 4;

// Whole vectors of the widest instruction set, so that no store needs a mask.
constexpr int64_t argmax_step(int64_t channels) { return (channels + 15) / 16 * 16; }

}  // namespace cnnx
