// Softmax over the last axis and its logarithm: the public functions and the layer kinds, parallel
// over rows.
#include "cnnx/softmax.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "kernels/softmax.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx {
namespace ops {
namespace {

// About 20 microseconds of exponentials.
constexpr int64_t kGrainFloats = 8 * 1024;

int64_t grain(int64_t classes) { return kGrainFloats / std::max<int64_t>(1, classes) + 1; }

void run(const RowKernels& kernels, const float* x, int64_t rows, int64_t classes, int threads,
         float* output) {
  runtime::parallel_for(threads, rows, grain(classes), [&](int64_t begin, int64_t end, int) {
    kernels.forward(x + begin * classes, end - begin, classes, output + begin * classes);
  });
}

void run_backward(const RowKernels& kernels, const float* grad_output, const float* output,
                  int64_t rows, int64_t classes, int threads, const InputGradient& gradient) {
  runtime::parallel_for(threads, rows, grain(classes), [&](int64_t begin, int64_t end, int) {
    const int64_t offset = begin * classes;
    kernels.backward(grad_output + offset, output + offset, end - begin, classes,
                     gradient.accumulate, gradient.values + offset);
  });
}

class BoundSoftmax final : public BoundOp {
 public:
  BoundSoftmax(const RowKernels& kernels, int64_t rows, int64_t classes)
      : kernels_(kernels), rows_(rows), classes_(classes) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = false;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    run(kernels_, a.inputs[0], rows_, classes_, a.threads, a.output);
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    run_backward(kernels_, a.grad_output, a.output, rows_, classes_, a.threads, gradient);
  }

 private:
  const RowKernels& kernels_;
  int64_t rows_, classes_;
};

class SoftmaxOp final : public Op {
 public:
  SoftmaxOp(const char* kind, const RowKernels& kernels) : kind_(kind), kernels_(kernels) {}
  Shape output_shape(const Shape& input) const override {
    if (input.empty() || input.back() < 1) {
      throw std::invalid_argument(std::string(kind_) + ": x has shape " + to_string(input) +
                                  ", expected at least one class in the last axis");
    }
    return input;
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    const int64_t classes = output_shape(input).back();
    return std::make_unique<BoundSoftmax>(kernels_, element_count(input) / classes, classes);
  }

 private:
  const char* kind_;
  const RowKernels& kernels_;
};

std::unique_ptr<const Op> make_softmax(const CheckedSettings&) {
  return std::make_unique<SoftmaxOp>("softmax", CNNX_KERNELS(softmax_kernels).softmax);
}

std::unique_ptr<const Op> make_log_softmax(const CheckedSettings&) {
  return std::make_unique<SoftmaxOp>("log_softmax", CNNX_KERNELS(softmax_kernels).log_softmax);
}

constexpr LayerDescription kLayers[] = {
    LayerDescription("softmax", "probabilities over the last axis", make_softmax),
    LayerDescription("log_softmax", "logarithms of probabilities over the last axis",
                     make_log_softmax),
};

}  // namespace

ConstantArray<LayerDescription> softmax_layers() { return kLayers; }

}  // namespace ops

void softmax(const float* x, int64_t rows, int64_t classes, float* output) {
  ops::run(CNNX_KERNELS(softmax_kernels).softmax, x, rows, classes, get_num_threads(), output);
}

void softmax_backward(const float* grad_output, const float* output, int64_t rows, int64_t classes,
                      float* grad_input, bool accumulate) {
  ops::InputGradient gradient;
  gradient.values = grad_input;
  gradient.accumulate = accumulate;
  ops::run_backward(CNNX_KERNELS(softmax_kernels).softmax, grad_output, output, rows, classes,
                    get_num_threads(), gradient);
}

}  // namespace cnnx
