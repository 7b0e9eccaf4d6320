// Ops without parameters whose output is a linear function of the input, the same for any values,
// so that backward sees neither: averages, padding, upsampling.
#pragma once

#include <cstdint>

#include "ops/op.h"

namespace cnnx::ops {

// `kForward(geometry, x, threads, output)`; `kBackward(geometry, grad_output, threads, accumulate,
// grad_input)`.
template <class Geometry, auto kForward, auto kBackward>
class BoundLinearMap final : public BoundOp {
 public:
  explicit BoundLinearMap(const Geometry& geometry) : geometry_(geometry) {}
  int64_t scratch_floats(int) const override { return 0; }
  int64_t backward_scratch_floats(int) const override { return 0; }
  bool backward_reads_input() const override { return false; }
  bool backward_reads_output() const override { return false; }
  void forward(const ForwardArguments& a) const override {
    kForward(geometry_, a.input, a.threads, a.output);
  }
  void backward(const BackwardArguments& a) const override {
    if (!a.grad_input) return;
    kBackward(geometry_, a.grad_output, a.threads, a.accumulate, a.grad_input);
  }

 private:
  Geometry geometry_;
};

}  // namespace cnnx::ops
