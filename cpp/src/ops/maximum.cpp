// maximum: the layer kind, the largest of arrays of one shape.
#include "kernels/maximum.h"

#include <array>

#include "ops/byte_function.h"
#include "ops/elements.h"
#include "ops/gradient_kernels.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

constexpr const char* kMaximumName = "maximum";

template <class Element>
class BoundMaximum final : public BoundOp {
 public:
  BoundMaximum(std::size_t inputs, int64_t count) : inputs_(inputs), count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_place = InputSet::all();
    traits.backward_reads_output = false;
    return traits;
  }

  void forward(const ForwardArguments& a) const override {
    const MaximumKernels& kernels = CNNX_KERNELS(maximum_kernels);
    const auto kernel = by_element<Element>(kernels.forward, kernels.bfloat16_forward);
    runtime::parallel_for(
        a.threads, count_, runtime::kGrainElements, [&](int64_t begin, int64_t end, int) {
          Inputs inputs;
          for (std::size_t i = 0; i < inputs_; ++i)
            inputs[i] = {elements_of<Element>(a.inputs[i]) + begin, nullptr, false};
          kernel(inputs.data(), count_of_inputs(), end - begin,
                 elements_of<Element>(a.output) + begin);
        });
  }
  void backward(const BackwardArguments& a) const override {
    const MaximumGradientKernels& kernels = *a.kernels->maximum;
    const auto kernel = by_element<Element>(kernels.backward, kernels.bfloat16_backward);
    runtime::parallel_for(a.threads, count_, runtime::kGrainElements,
                          [&](int64_t begin, int64_t end, int) {
                            Inputs inputs;
                            for (std::size_t i = 0; i < inputs_; ++i) {
                              const InputGradient& gradient = a.grad_inputs[i];
                              auto* const values = elements_of<Element>(gradient.values);
                              inputs[i] = {elements_of<Element>(a.inputs[i]) + begin,
                                           values ? values + begin : nullptr, gradient.accumulate};
                            }
                            kernel(elements_of<Element>(a.grad_output) + begin, inputs.data(),
                                   count_of_inputs(), end - begin);
                          });
  }

 private:
  using Inputs = std::array<MaximumInput<Element>, kMostInputs>;

  int64_t count_of_inputs() const { return static_cast<int64_t>(inputs_); }

  std::size_t inputs_;
  int64_t count_;
};

class MaximumOp final : public MergeOp {
 public:
  Shape merged_shape(const std::vector<Shape>& inputs) const override {
    return shape_of_all(kMaximumName, inputs);
  }
  std::unique_ptr<const BoundOp> bind_merged(const std::vector<Shape>& inputs,
                                             const Fusion& fusion) const override {
    return bind_elements<BoundMaximum>(fusion, inputs.size(), element_count(inputs[0]));
  }
  bool runs_in_bfloat16(const Shape&) const override { return true; }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  bool can_fuse_in_bytes(Fusable successor) const override {
    return successor == Fusable::quantize;
  }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion& fusion) const override {
    return bind_quantized_maximum(element_count(inputs[0]), formats, fusion);
  }
};

std::unique_ptr<const Op> make_maximum(const CheckedSettings&) {
  return std::make_unique<MaximumOp>();
}

constexpr LayerDescription kMaximumLayers[] = {
    LayerDescription(kMaximumName, "largest of its inputs, element by element", make_maximum)
        .with_inputs(2, kMostInputs),
};

}  // namespace

ConstantArray<LayerDescription> maximum_layers() { return kMaximumLayers; }

}  // namespace cnnx::ops
