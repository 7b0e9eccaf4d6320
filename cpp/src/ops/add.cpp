// add: the layer kind, the sum of arrays of one shape.
#include "ops/add.h"

#include <algorithm>
#include <array>

#include "kernels/activations.h"
#include "kernels/add.h"
#include "ops/activations.h"
#include "ops/bfloat16.h"
#include "ops/elements.h"
#include "ops/elementwise_quantized.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

namespace {

template <class Element>
void add_elements(const Element* a, const Element* b, int64_t count, bool relu, int threads,
                  Element* output) {
  const auto kernel = sum_kernel<Element>();
  runtime::parallel_for(threads, count, runtime::kGrainElements,
                        [&](int64_t begin, int64_t end, int) {
                          kernel(a + begin, b + begin, end - begin, relu, output + begin);
                        });
}

template <class Element>
void pass_elements(const Element* grad_output, const InputGradient& input, int64_t count,
                   int threads) {
  if (!input.values) return;
  Element* const values = elements_of<Element>(input.values);
  if (input.accumulate) {
    add_elements(values, grad_output, count, false, threads, values);
  } else if (values != grad_output) {
    runtime::parallel_for(threads, count, runtime::kGrainElements,
                          [&](int64_t begin, int64_t end, int) {
                            std::copy(grad_output + begin, grad_output + end, values + begin);
                          });
  }
}

}  // namespace

void add_arrays(const float* a, const float* b, int64_t count, bool relu, int threads,
                float* output) {
  add_elements(a, b, count, relu, threads, output);
}
void add_arrays(const uint16_t* a, const uint16_t* b, int64_t count, bool relu, int threads,
                uint16_t* output) {
  add_elements(a, b, count, relu, threads, output);
}
void pass_gradient(const float* grad_output, const InputGradient& input, int64_t count,
                   int threads) {
  pass_elements(grad_output, input, count, threads);
}
void pass_gradient(const uint16_t* grad_output, const InputGradient& input, int64_t count,
                   int threads) {
  pass_elements(grad_output, input, count, threads);
}

namespace {

template <class Element>
class BoundAdd final : public BoundOp {
 public:
  BoundAdd(std::size_t inputs, int64_t count, bool relu)
      : inputs_(inputs), count_(count), relu_(relu) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    // With more than two inputs, the first sum overwrites the output before the later inputs are
    // read.
    traits.runs_in_place = inputs_ == 2 ? InputSet::all() : InputSet::only(0);
    traits.backward_reads_input = false;
    traits.backward_reads_output = relu_;
    traits.changes_grad_output = relu_;
    traits.passes_gradient = InputSet::all();
    return traits;
  }

  void forward(const ForwardArguments& a) const override {
    if (std::is_same_v<Element, uint16_t> && inputs_ > 2) return add_many(a);
    const Element* sum = elements_of<Element>(a.inputs[0]);
    Element* const output = elements_of<Element>(a.output);
    for (std::size_t i = 1; i < inputs_; ++i) {
      const bool relu = relu_ && i + 1 == inputs_;
      add_arrays(sum, elements_of<Element>(a.inputs[i]), count_, relu, a.threads, output);
      sum = output;
    }
  }
  void backward(const BackwardArguments& a) const override {
    Element* const grad_output = elements_of<Element>(a.grad_output);
    if (relu_ && !a.grad_output_relu_masked)
      relu_gradient(grad_output, elements_of<Element>(a.output), count_, a.threads);
    for (std::size_t i = 0; i < inputs_; ++i)
      pass_gradient(grad_output, a.grad_inputs[i], count_, a.threads);
  }

 private:
  // The sum of more than two arrays of bfloat16, rounded once.
  void add_many(const ForwardArguments& a) const {
    const auto add_words = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).add_words;
    const auto relu = CNNX_KERNELS(activation_kernels).relu;
    const auto add_others = [&](const auto& first_input, int64_t first, int64_t count,
                                float* target) {
      std::copy_n(first_input[0], count, target);
      for (std::size_t i = 1; i < inputs_; ++i)
        add_words(bfloat16_of(a.inputs[i]) + first, count, target);
      if (relu_) relu(target, count, {kNoCeiling}, target);
    };
    const std::array<const uint16_t*, 1> sources = {bfloat16_of(a.inputs[0])};
    runtime::parallel_for(
        a.threads, count_, runtime::kGrainElements, [&](int64_t begin, int64_t end, int) {
          compute_in_floats(sources, begin, end, false, bfloat16_of(a.output), add_others);
        });
  }

  std::size_t inputs_;
  int64_t count_;
  bool relu_;
};

class AddOp final : public MergeOp {
 public:
  Shape merged_shape(const std::vector<Shape>& inputs) const override {
    return shape_of_all("add", inputs);
  }
  std::unique_ptr<const BoundOp> bind_merged(const std::vector<Shape>& inputs,
                                             const Fusion& fusion) const override {
    return bind_elements<BoundAdd>(fusion, inputs.size(), element_count(inputs[0]), fusion.relu);
  }
  bool runs_in_bfloat16(const Shape&) const override { return true; }
  Fusable fusable_as(const Shape&) const override { return Fusable::add; }
  bool can_fuse(Fusable successor, const Shape&) const override {
    return successor == Fusable::relu;
  }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  bool can_fuse_in_bytes(Fusable successor) const override {
    return successor == Fusable::relu || successor == Fusable::relu6 ||
           successor == Fusable::quantize;
  }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion& fusion) const override {
    return {bind_quantized_sum(element_count(inputs[0]), formats, fusion), {}};
  }
};

std::unique_ptr<const Op> make_add(const CheckedSettings&) { return std::make_unique<AddOp>(); }

constexpr LayerDescription kAddLayers[] = {
    LayerDescription("add", "sum of its inputs", make_add).with_inputs(2, kMostInputs),
};

}  // namespace

ConstantArray<LayerDescription> add_layers() { return kAddLayers; }

}  // namespace cnnx::ops
