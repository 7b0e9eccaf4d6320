// Ops without parameters whose output is a linear function of the input, independent of its values,
// so that backward reads neither input nor output: averages, padding, upsampling.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ops/elements.h"
#include "ops/op.h"
#include "ops/quantization.h"

namespace cnnx::ops {

// `kForward(geometry, x, threads, output)`; `kBackward(geometry, gradient kernels, grad_output,
// threads, accumulate, grad_input)`.
template <class Element, class Geometry, auto kForward, auto kBackward>
class BoundLinearMap final : public BoundOp {
 public:
  explicit BoundLinearMap(const Geometry& geometry) : geometry_(geometry) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = false;
    traits.backward_reads_output = false;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    kForward(geometry_, elements_of<Element>(a.inputs[0]), a.threads,
             elements_of<Element>(a.output));
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    kBackward(geometry_, *a.kernels, elements_of<Element>(static_cast<const float*>(a.grad_output)),
              a.threads, gradient.accumulate, elements_of<Element>(gradient.values));
  }

 private:
  Geometry geometry_;
};

// One of them that only copies elements, on arrays of bytes.
template <class Geometry, auto kForward>
class BoundByteCopy final : public InferenceOp {
 public:
  explicit BoundByteCopy(const Geometry& geometry) : geometry_(geometry) {}
  void forward(const ForwardArguments& a) const override {
    kForward(geometry_, bytes_of(a.inputs[0]), a.threads, bytes_of(a.output));
  }

 private:
  Geometry geometry_;
};

// An op that only copies elements, also in bytes.
template <class Geometry, template <class> class Bound, auto kForwardOfBytes>
class CopyOp : public ElementsOp {
 public:
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input, const Fusion& fusion) const final {
    return bind_elements<Bound>(fusion, geometry_of(input));
  }
  bool reads_bytes(const std::vector<Shape>&) const final { return true; }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats, const Fusion&) const final {
    using BoundBytes = BoundByteCopy<Geometry, kForwardOfBytes>;
    return {std::make_unique<BoundBytes>(geometry_of(inputs[0])), formats[0]};
  }

 private:
  // Throws std::invalid_argument if the op does not fit the shape.
  virtual Geometry geometry_of(const Shape& input) const = 0;
};

}  // namespace cnnx::ops
