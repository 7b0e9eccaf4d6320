// The elementwise activations: public functions and layer kinds, each one parallel loop over a
// kernel row.
#include "cnnx/activations.h"

#include <cstring>
#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "kernels/activations.h"
#include "ops/activations.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx {
namespace ops {
namespace {

// Memory-bound: below this a second thread costs more than it gains.
constexpr int64_t kGrain = 32 * 1024;

const ActivationKernels& kernels_of(const char* kind) {
  const ActivationKernels* row = CNNX_KERNELS(activation_kernels).rows;
  for (; row->name; ++row) {
    if (std::strcmp(row->name, kind) == 0) return *row;
  }
  throw std::invalid_argument(std::string("activation: kind is \"") + kind +
                              "\", expected that of an elementwise activation");
}

void apply(const ActivationKernels& kernels, float setting, const float* x, int64_t count,
           int threads, float* output) {
  runtime::parallel_for(threads, count, kGrain, [&](int64_t begin, int64_t end, int) {
    kernels.forward(x + begin, end - begin, setting, output + begin);
  });
}

void apply_backward(const ActivationKernels& kernels, float setting, const float* grad_output,
                    const float* saved, int64_t count, int threads, bool accumulate,
                    float* grad_input) {
  runtime::parallel_for(threads, count, kGrain, [&](int64_t begin, int64_t end, int) {
    kernels.backward(grad_output + begin, saved + begin, end - begin, setting, accumulate,
                     grad_input + begin);
  });
}

}  // namespace

void relu_gradient(float* gradient, const float* relu_output, int64_t count, int threads) {
  const ActivationKernels& relu = *CNNX_KERNELS(activation_kernels).relu;
  apply_backward(relu, 0.0f, gradient, relu_output, count, threads, false, gradient);
}

namespace {

class BoundActivation final : public BoundOp {
 public:
  BoundActivation(const ActivationKernels& kernels, float setting, int64_t count)
      : kernels_(kernels), setting_(setting), count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_place = InputSet::all();
    traits.gradient_runs_in_place = true;
    traits.backward_reads_input = !kernels_.gradient_from_output;
    traits.backward_reads_output = kernels_.gradient_from_output;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    apply(kernels_, setting_, a.inputs[0], count_, a.threads, a.output);
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    const float* saved = kernels_.gradient_from_output ? a.output : a.inputs[0];
    apply_backward(kernels_, setting_, a.grad_output, saved, count_, a.threads, gradient.accumulate,
                   gradient.values);
  }

 private:
  const ActivationKernels& kernels_;
  float setting_;
  int64_t count_;
};

class ActivationOp final : public Op {
 public:
  ActivationOp(const char* kind, float setting) : kind_(kind), setting_(setting) {}
  Shape output_shape(const Shape& input) const override { return input; }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return std::make_unique<BoundActivation>(kernels_of(kind_), setting_, element_count(input));
  }
  Fusable fusable_as(const Shape&) const override {
    return std::strcmp(kind_, "relu") == 0 ? Fusable::relu : Fusable::none;
  }

 private:
  const char* kind_;
  float setting_;
};

std::unique_ptr<const Op> make_activation(const CheckedSettings& settings) {
  const LayerKind& kind = settings.kind();
  const float setting = kind.settings.size() > 0 ? settings.real(kind.settings[0].name) : 0.0f;
  return std::make_unique<ActivationOp>(kind.name, setting);
}

constexpr SettingInfo kLeakyReluSettings[] = {
    real("negative_slope", "factor of negative numbers").otherwise(0.01)};
constexpr LayerDescription kLayers[] = {
    LayerDescription("relu", "x < 0 ? 0 : x", make_activation),
    LayerDescription("leaky_relu", "x < 0 ? negative_slope * x : x", make_activation)
        .with_settings(kLeakyReluSettings),
    LayerDescription("sigmoid", "1 / (1 + exp(-x))", make_activation),
    LayerDescription("tanh", "hyperbolic tangent", make_activation),
    LayerDescription("gelu", "x times the standard normal distribution of x", make_activation),
    LayerDescription("silu", "x * sigmoid(x)", make_activation),
    LayerDescription("hard_swish", "x * min(max(x + 3, 0), 6) / 6", make_activation),
    LayerDescription("relu6", "min(max(x, 0), 6)", make_activation),
    LayerDescription("softplus", "log(1 + exp(x))", make_activation),
    LayerDescription("hard_sigmoid", "min(max(x + 3, 0), 6) / 6", make_activation),
};

}  // namespace

ConstantArray<LayerDescription> activations_layers() { return kLayers; }

}  // namespace ops

void relu(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("relu"), 0.0f, x, count, get_num_threads(), output);
}

void relu_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(ops::kernels_of("relu"), 0.0f, grad_output, x, count, get_num_threads(),
                      accumulate, grad_input);
}

void leaky_relu(const float* x, int64_t count, float negative_slope, float* output) {
  ops::apply(ops::kernels_of("leaky_relu"), negative_slope, x, count, get_num_threads(), output);
}

void leaky_relu_backward(const float* grad_output, const float* x, int64_t count,
                         float negative_slope, float* grad_input, bool accumulate) {
  ops::apply_backward(ops::kernels_of("leaky_relu"), negative_slope, grad_output, x, count,
                      get_num_threads(), accumulate, grad_input);
}

void sigmoid(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("sigmoid"), 0.0f, x, count, get_num_threads(), output);
}

void sigmoid_backward(const float* grad_output, const float* output, int64_t count,
                      float* grad_input, bool accumulate) {
  ops::apply_backward(ops::kernels_of("sigmoid"), 0.0f, grad_output, output, count,
                      get_num_threads(), accumulate, grad_input);
}

void tanh(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("tanh"), 0.0f, x, count, get_num_threads(), output);
}

void tanh_backward(const float* grad_output, const float* output, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(ops::kernels_of("tanh"), 0.0f, grad_output, output, count, get_num_threads(),
                      accumulate, grad_input);
}

void gelu(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("gelu"), 0.0f, x, count, get_num_threads(), output);
}

void gelu_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(ops::kernels_of("gelu"), 0.0f, grad_output, x, count, get_num_threads(),
                      accumulate, grad_input);
}

void silu(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("silu"), 0.0f, x, count, get_num_threads(), output);
}

void silu_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(ops::kernels_of("silu"), 0.0f, grad_output, x, count, get_num_threads(),
                      accumulate, grad_input);
}

void hard_swish(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("hard_swish"), 0.0f, x, count, get_num_threads(), output);
}

void hard_swish_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                         bool accumulate) {
  ops::apply_backward(ops::kernels_of("hard_swish"), 0.0f, grad_output, x, count, get_num_threads(),
                      accumulate, grad_input);
}

void relu6(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("relu6"), 0.0f, x, count, get_num_threads(), output);
}

void relu6_backward(const float* grad_output, const float* output, int64_t count, float* grad_input,
                    bool accumulate) {
  ops::apply_backward(ops::kernels_of("relu6"), 0.0f, grad_output, output, count, get_num_threads(),
                      accumulate, grad_input);
}

}  // namespace cnnx
