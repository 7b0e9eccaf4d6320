// The elementwise activations: public functions and layer kinds, both one parallel loop over a
// kernel row.
#include "cnnx/activations.h"

#include "cnnx/runtime.h"
#include "kernels/activations.h"
#include "ops/activations.h"
#include "ops/op.h"
#include "ops/settings.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx {
namespace ops {
namespace {

// Memory-bound: below this a second thread costs more than it brings.
constexpr int64_t kGrain = 32 * 1024;

void apply(Activation activation, float setting, const float* x, int64_t count, int threads,
           float* output) {
  const auto kernel = CNNX_KERNELS(activation_kernels).forward[static_cast<int>(activation)];
  runtime::parallel_for(threads, count, kGrain, [&](int64_t begin, int64_t end, int) {
    kernel(x + begin, end - begin, setting, output + begin);
  });
}

void apply_backward(Activation activation, float setting, const float* grad_output,
                    const float* saved, int64_t count, int threads, bool accumulate,
                    float* grad_input) {
  const auto kernel = CNNX_KERNELS(activation_kernels).backward[static_cast<int>(activation)];
  runtime::parallel_for(threads, count, kGrain, [&](int64_t begin, int64_t end, int) {
    kernel(grad_output + begin, saved + begin, end - begin, setting, accumulate,
           grad_input + begin);
  });
}

}  // namespace

void relu_gradient(float* gradient, const float* relu_output, int64_t count, int threads) {
  apply_backward(Activation::relu, 0.0f, gradient, relu_output, count, threads, false, gradient);
}

namespace {

class BoundActivation final : public BoundOp {
 public:
  BoundActivation(Activation activation, float setting, int64_t count)
      : activation_(activation), setting_(setting), count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_place = InputSet::all();
    traits.gradient_runs_in_place = true;
    traits.backward_reads_input = !reads_output();
    traits.backward_reads_output = reads_output();
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    apply(activation_, setting_, a.inputs[0], count_, a.threads, a.output);
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    const float* saved = reads_output() ? a.output : a.inputs[0];
    apply_backward(activation_, setting_, a.grad_output, saved, count_, a.threads,
                   gradient.accumulate, gradient.values);
  }

 private:
  bool reads_output() const { return activation_gradient_from_output(activation_); }

  Activation activation_;
  float setting_;
  int64_t count_;
};

class ActivationOp final : public Op {
 public:
  explicit ActivationOp(Activation activation, float setting = 0.0f)
      : activation_(activation), setting_(setting) {}
  Shape output_shape(const Shape& input) const override { return input; }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return std::make_unique<BoundActivation>(activation_, setting_, element_count(input));
  }
  Fusable fusable_as(const Shape&) const override {
    return activation_ == Activation::relu ? Fusable::relu : Fusable::none;
  }

 private:
  Activation activation_;
  float setting_;
};

std::unique_ptr<const Op> make_without_settings(const char* kind, Activation activation,
                                                const Settings& settings) {
  SettingsReader(kind, settings).finish();
  return std::make_unique<ActivationOp>(activation);
}

}  // namespace

std::unique_ptr<const Op> make_relu(const Settings& settings) {
  return make_without_settings("relu", Activation::relu, settings);
}

std::unique_ptr<const Op> make_leaky_relu(const Settings& settings) {
  SettingsReader reader("leaky_relu", settings);
  const float negative_slope = reader.real("negative_slope");
  reader.finish();
  return std::make_unique<ActivationOp>(Activation::leaky_relu, negative_slope);
}

std::unique_ptr<const Op> make_sigmoid(const Settings& settings) {
  return make_without_settings("sigmoid", Activation::sigmoid, settings);
}

std::unique_ptr<const Op> make_tanh(const Settings& settings) {
  return make_without_settings("tanh", Activation::tanh, settings);
}

std::unique_ptr<const Op> make_gelu(const Settings& settings) {
  return make_without_settings("gelu", Activation::gelu, settings);
}

std::unique_ptr<const Op> make_relu6(const Settings& settings) {
  return make_without_settings("relu6", Activation::relu6, settings);
}

std::unique_ptr<const Op> make_silu(const Settings& settings) {
  return make_without_settings("silu", Activation::silu, settings);
}

std::unique_ptr<const Op> make_hard_swish(const Settings& settings) {
  return make_without_settings("hard_swish", Activation::hard_swish, settings);
}

}  // namespace ops

void relu(const float* x, int64_t count, float* output) {
  ops::apply(Activation::relu, 0.0f, x, count, get_num_threads(), output);
}

void relu_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(Activation::relu, 0.0f, grad_output, x, count, get_num_threads(), accumulate,
                      grad_input);
}

void leaky_relu(const float* x, int64_t count, float negative_slope, float* output) {
  ops::apply(Activation::leaky_relu, negative_slope, x, count, get_num_threads(), output);
}

void leaky_relu_backward(const float* grad_output, const float* x, int64_t count,
                         float negative_slope, float* grad_input, bool accumulate) {
  ops::apply_backward(Activation::leaky_relu, negative_slope, grad_output, x, count,
                      get_num_threads(), accumulate, grad_input);
}

void sigmoid(const float* x, int64_t count, float* output) {
  ops::apply(Activation::sigmoid, 0.0f, x, count, get_num_threads(), output);
}

void sigmoid_backward(const float* grad_output, const float* output, int64_t count,
                      float* grad_input, bool accumulate) {
  ops::apply_backward(Activation::sigmoid, 0.0f, grad_output, output, count, get_num_threads(),
                      accumulate, grad_input);
}

void tanh(const float* x, int64_t count, float* output) {
  ops::apply(Activation::tanh, 0.0f, x, count, get_num_threads(), output);
}

void tanh_backward(const float* grad_output, const float* output, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(Activation::tanh, 0.0f, grad_output, output, count, get_num_threads(),
                      accumulate, grad_input);
}

void gelu(const float* x, int64_t count, float* output) {
  ops::apply(Activation::gelu, 0.0f, x, count, get_num_threads(), output);
}

void gelu_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(Activation::gelu, 0.0f, grad_output, x, count, get_num_threads(), accumulate,
                      grad_input);
}

void silu(const float* x, int64_t count, float* output) {
  ops::apply(Activation::silu, 0.0f, x, count, get_num_threads(), output);
}

void silu_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(Activation::silu, 0.0f, grad_output, x, count, get_num_threads(), accumulate,
                      grad_input);
}

void hard_swish(const float* x, int64_t count, float* output) {
  ops::apply(Activation::hard_swish, 0.0f, x, count, get_num_threads(), output);
}

void hard_swish_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                         bool accumulate) {
  ops::apply_backward(Activation::hard_swish, 0.0f, grad_output, x, count, get_num_threads(),
                      accumulate, grad_input);
}

void relu6(const float* x, int64_t count, float* output) {
  ops::apply(Activation::relu6, 0.0f, x, count, get_num_threads(), output);
}

void relu6_backward(const float* grad_output, const float* output, int64_t count, float* grad_input,
                    bool accumulate) {
  ops::apply_backward(Activation::relu6, 0.0f, grad_output, output, count, get_num_threads(),
                      accumulate, grad_input);
}

}  // namespace cnnx
