// Softmax over the last axis: the public functions and the layer kind, both parallel over rows.
#include "cnnx/softmax.h"

#include <algorithm>
#include <stdexcept>

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

void run(const float* x, int64_t rows, int64_t classes, int threads, float* output) {
  const auto kernel = CNNX_KERNELS(softmax_kernels).forward;
  runtime::parallel_for(threads, rows, grain(classes), [&](int64_t begin, int64_t end, int) {
    kernel(x + begin * classes, end - begin, classes, output + begin * classes);
  });
}

void run_backward(const float* grad_output, const float* output, int64_t rows, int64_t classes,
                  int threads, bool accumulate, float* grad_input) {
  const auto kernel = CNNX_KERNELS(softmax_kernels).backward;
  runtime::parallel_for(threads, rows, grain(classes), [&](int64_t begin, int64_t end, int) {
    const int64_t offset = begin * classes;
    kernel(grad_output + offset, output + offset, end - begin, classes, accumulate,
           grad_input + offset);
  });
}

class BoundSoftmax final : public BoundOp {
 public:
  BoundSoftmax(int64_t rows, int64_t classes) : rows_(rows), classes_(classes) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = false;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    run(a.inputs[0], rows_, classes_, a.threads, a.output);
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    run_backward(a.grad_output, a.output, rows_, classes_, a.threads, gradient.accumulate,
                 gradient.values);
  }

 private:
  int64_t rows_, classes_;
};

class SoftmaxOp final : public Op {
 public:
  Shape output_shape(const Shape& input) const override {
    if (input.empty() || input.back() < 1) {
      throw std::invalid_argument("softmax: x has shape " + to_string(input) +
                                  ", expected at least one class in the last axis");
    }
    return input;
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    const int64_t classes = output_shape(input).back();
    return std::make_unique<BoundSoftmax>(element_count(input) / classes, classes);
  }
};

std::unique_ptr<const Op> make_softmax(const CheckedSettings&) {
  return std::make_unique<SoftmaxOp>();
}

constexpr LayerDescription kLayers[] = {
    LayerDescription("softmax", "probabilities over the last axis", make_softmax),
};

}  // namespace

ConstantArray<LayerDescription> softmax_layers() { return kLayers; }

}  // namespace ops

void softmax(const float* x, int64_t rows, int64_t classes, float* output) {
  ops::run(x, rows, classes, get_num_threads(), output);
}

void softmax_backward(const float* grad_output, const float* output, int64_t rows, int64_t classes,
                      float* grad_input, bool accumulate) {
  ops::run_backward(grad_output, output, rows, classes, get_num_threads(), accumulate, grad_input);
}

}  // namespace cnnx
