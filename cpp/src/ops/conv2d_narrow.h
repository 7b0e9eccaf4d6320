// The direct algorithm's input gradient where few input channels would leave vectors empty.
#pragma once

#include <cstdint>

#include "cnnx/conv2d.h"
#include "kernels/conv2d_narrow.h"
#include "ops/conv2d_algorithm.h"

namespace cnnx::ops {

class NarrowInputGradient {
 public:
  // Stride 1, horizontal dilation 1 and one group only.
  explicit NarrowInputGradient(const Conv2dGeometry& geometry);

  // Whether it is the better way: for few input channels, several columns of taps and sums long
  // enough to pay for adding up what overlaps.
  static bool suits(const Conv2dGeometry& geometry);

  // The weights in the panel that `run` reads.
  int64_t panel_size() const;
  void pack(const float* weight, float* panel) const;

  int64_t scratch_floats(int threads) const;
  void run(const float* grad_output, const float* panel, const Epilogue& epilogue, int threads,
           float* scratch, float* grad_input) const;

 private:
  int64_t slot_floats() const;

  Conv2dGeometry geometry_;
  NarrowGradient shape_;
};

}  // namespace cnnx::ops
