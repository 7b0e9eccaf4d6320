// An elementwise function with parameters per channel, whose gradients are sums over pixels: PReLU,
// Scale2d.
#pragma once

#include <cstdint>

#include "kernels/channelwise.h"
#include "ops/op.h"
#include "ops/pixel_chunks.h"

namespace cnnx::ops {

// Refuses an array without a channel: "prelu: x has shape (), expected at least one channel in the
// last axis".
void check_last_axis(const char* kind, const Shape& input);

// Parallel over chunks of pixels.
template <class Element>
class BoundChannelwise final : public BoundOp {
 public:
  BoundChannelwise(const ChannelwiseKernels& kernels, int64_t pixels, int64_t channels);

  BoundOpTraits traits() const override;
  int64_t backward_scratch_floats(int threads) const override;
  void forward(const ForwardArguments& a) const override;
  void backward(const BackwardArguments& a) const override;

 private:
  const ChannelwiseLoops<Element>& kernels_;
  int64_t channels_;
  PixelChunks chunks_;
  int64_t sum_floats_;  // from one parameter's sums of a chunk to the next one's
};

}  // namespace cnnx::ops
