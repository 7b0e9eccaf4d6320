// Softmax over the last axis and its logarithm: the public functions and the layer kinds, parallel
// over rows.
#include "cnnx/softmax.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "kernels/softmax.h"
#include "ops/gradient_kernels.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx {
namespace ops {
namespace {

// About 20 microseconds of exponentials.
constexpr int64_t kSoftmaxGrainFloats = 8 * 1024;

int64_t grain(int64_t classes) { return kSoftmaxGrainFloats / std::max<int64_t>(1, classes) + 1; }

void run_softmax(SoftmaxKernels::Forward kernel, const float* x, int64_t rows, int64_t classes,
                 int threads, float* output) {
  runtime::parallel_for(threads, rows, grain(classes), [&](int64_t begin, int64_t end, int) {
    kernel(x + begin * classes, end - begin, classes, output + begin * classes);
  });
}

void run_softmax_backward(SoftmaxGradientKernels::Backward kernel, const float* grad_output,
                          const float* output, int64_t rows, int64_t classes, int threads,
                          const InputGradient& gradient) {
  runtime::parallel_for(threads, rows, grain(classes), [&](int64_t begin, int64_t end, int) {
    const int64_t offset = begin * classes;
    kernel(grad_output + offset, output + offset, end - begin, classes, gradient.accumulate,
           gradient.values + offset);
  });
}

class BoundSoftmax final : public BoundOp {
 public:
  BoundSoftmax(bool logarithm, int64_t rows, int64_t classes)
      : logarithm_(logarithm), rows_(rows), classes_(classes) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = false;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    const SoftmaxKernels& kernels = CNNX_KERNELS(softmax_kernels);
    run_softmax(logarithm_ ? kernels.log_softmax : kernels.softmax, a.inputs[0], rows_, classes_,
                a.threads, a.output);
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    const SoftmaxGradientKernels& kernels = *a.kernels->softmax;
    run_softmax_backward(logarithm_ ? kernels.log_softmax : kernels.softmax, a.grad_output,
                         a.output, rows_, classes_, a.threads, gradient);
  }

 private:
  bool logarithm_;
  int64_t rows_, classes_;
};

class SoftmaxOp final : public Op {
 public:
  SoftmaxOp(const char* kind, bool logarithm) : kind_(kind), logarithm_(logarithm) {}
  Shape output_shape(const Shape& input) const override {
    if (input.empty() || input.back() < 1) {
      throw std::invalid_argument(std::string(kind_) + ": x has shape " + to_string(input) +
                                  ", expected at least one class in the last axis");
    }
    return input;
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    const int64_t classes = output_shape(input).back();
    return std::make_unique<BoundSoftmax>(logarithm_, element_count(input) / classes, classes);
  }

 private:
  const char* kind_;
  bool logarithm_;
};

std::unique_ptr<const Op> make_softmax(const CheckedSettings&) {
  return std::make_unique<SoftmaxOp>("softmax", /*logarithm=*/false);
}

std::unique_ptr<const Op> make_log_softmax(const CheckedSettings&) {
  return std::make_unique<SoftmaxOp>("log_softmax", /*logarithm=*/true);
}

constexpr LayerDescription kSoftmaxLayers[] = {
    LayerDescription("softmax", "probabilities over the last axis", make_softmax),
    LayerDescription("log_softmax", "logarithms of probabilities over the last axis",
                     make_log_softmax),
};

}  // namespace

ConstantArray<LayerDescription> softmax_layers() { return kSoftmaxLayers; }

}  // namespace ops

void softmax(const float* x, int64_t rows, int64_t classes, float* output) {
  ops::run_softmax(CNNX_KERNELS(softmax_kernels).softmax, x, rows, classes, get_num_threads(),
                   output);
}

void softmax_backward(const float* grad_output, const float* output, int64_t rows, int64_t classes,
                      float* grad_input, bool accumulate) {
  ops::InputGradient gradient;
  gradient.values = grad_input;
  gradient.accumulate = accumulate;
  ops::run_softmax_backward(ops::gradient_kernels().softmax->softmax, grad_output, output, rows,
                            classes, get_num_threads(), gradient);
}

}  // namespace cnnx
