// Conversions between arrays of floats and of bfloat16, in parallel.
#include "ops/bfloat16.h"

#include "kernels/bfloat16_arrays.h"
#include "ops/elements.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// output <- x, or with `adds` output + x.
template <class From, class To>
void convert_elements(const From* x, int64_t count, bool adds, int threads, To* output) {
  const Bfloat16ArrayKernels& kernels = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels);
  const auto kernel = adds ? by_element<To>(kernels.add_words, kernels.add_floats)
                           : by_element<To>(kernels.widen, kernels.round);
  runtime::parallel_for(
      threads, count, runtime::kGrainElements,
      [&](int64_t begin, int64_t end, int) { kernel(x + begin, end - begin, output + begin); });
}

template <class From, class To>
class ElementConversion final : public BoundOp {
 public:
  explicit ElementConversion(int64_t count) : count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = traits.backward_reads_output = false;
    traits.recomputes_quickly = true;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    convert_elements(elements_of<From>(a.inputs[0]), count_, false, a.threads,
                     elements_of<To>(a.output));
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& input = a.grad_inputs[0];
    if (!input.values) return;
    convert_elements(elements_of<const To>(a.grad_output), count_, input.accumulate, a.threads,
                     elements_of<From>(input.values));
  }

 private:
  int64_t count_;
};

}  // namespace

std::unique_ptr<const BoundOp> bind_floats_to_bfloat16(int64_t count) {
  return std::make_unique<ElementConversion<float, uint16_t>>(count);
}
std::unique_ptr<const BoundOp> bind_bfloat16_to_floats(int64_t count) {
  return std::make_unique<ElementConversion<uint16_t, float>>(count);
}

void round_to_bfloat16(const float* floats, int64_t count, int threads, uint16_t* words) {
  convert_elements(floats, count, false, threads, words);
}

}  // namespace cnnx::ops
