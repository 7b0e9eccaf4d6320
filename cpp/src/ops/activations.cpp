// The elementwise activations: public functions and layer kinds, each one parallel loop over a
// kernel row.
#include "cnnx/activations.h"

#include <array>
#include <cmath>
#include <cstring>
#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "kernels/activations.h"
#include "ops/activations.h"
#include "ops/byte_function.h"
#include "ops/elements.h"
#include "ops/gradient_kernels.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx {
namespace ops {
namespace {

const ActivationKernels& kernels_of(
    const char* name, const ActivationTable& table = CNNX_KERNELS(activation_kernels)) {
  for (const ActivationKernels* row = table.rows; row->name; ++row) {
    if (std::strcmp(row->name, name) == 0) return *row;
  }
  throw std::invalid_argument(std::string("activation: kind is \"") + name +
                              "\", expected that of an elementwise activation");
}

template <class Element>
void apply(const ActivationKernels& kernels, ActivationSettings settings, const Element* x,
           int64_t count, int threads, Element* output) {
  const std::array<const Element*, 1> sources = {x};
  const auto kernel = [&](const auto& inputs, int64_t, int64_t elements, float* target) {
    kernels.forward(inputs[0], elements, settings, target);
  };
  runtime::parallel_for(threads, count, runtime::kGrainElements,
                        [&](int64_t begin, int64_t end, int) {
                          compute_in_floats(sources, begin, end, false, output, kernel);
                        });
}

// The gradient of a row of kernels.
ActivationGradient gradient_of(const ActivationKernels& kernels, const GradientKernels& all) {
  return all.activations->rows[&kernels - CNNX_KERNELS(activation_kernels).rows];
}

ActivationGradient gradient_of(const char* name) {
  return gradient_of(kernels_of(name), gradient_kernels());
}

template <class Element>
void apply_backward(ActivationGradient kernel, ActivationSettings settings,
                    const Element* grad_output, const Element* saved, int64_t count, int threads,
                    bool accumulate, Element* grad_input) {
  const std::array<const Element*, 2> sources = {grad_output, saved};
  const auto compute = [&](const auto& inputs, int64_t, int64_t elements, float* target) {
    kernel(inputs[0], inputs[1], elements, settings, accumulate, target);
  };
  runtime::parallel_for(threads, count, runtime::kGrainElements,
                        [&](int64_t begin, int64_t end, int) {
                          compute_in_floats(sources, begin, end, accumulate, grad_input, compute);
                        });
}

}  // namespace

void relu_gradient(float* gradient, const float* relu_output, int64_t count, int threads,
                   float ceiling) {
  const ActivationGradient relu = CNNX_KERNELS(activation_kernels).relu_gradient;
  apply_backward<float>(relu, {ceiling}, gradient, relu_output, count, threads, false, gradient);
}

void relu_gradient(uint16_t* gradient, const uint16_t* relu_output, int64_t count, int threads,
                   float ceiling) {
  const auto kernel = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).relu_gradient;
  runtime::parallel_for(threads, count, runtime::kGrainElements,
                        [&](int64_t begin, int64_t end, int) {
                          kernel(gradient + begin, relu_output + begin, end - begin, ceiling);
                        });
}

void apply_relu(float* values, float ceiling, int64_t count, int threads) {
  const auto relu = CNNX_KERNELS(activation_kernels).relu;
  runtime::parallel_for(threads, count, runtime::kGrainElements,
                        [&](int64_t begin, int64_t end, int) {
                          relu(values + begin, end - begin, {ceiling}, values + begin);
                        });
}

namespace {

template <class Element>
class BoundActivation final : public BoundOp {
 public:
  BoundActivation(const ActivationKernels& kernels, ActivationSettings settings, int64_t count)
      : kernels_(kernels), settings_(settings), count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_place = InputSet::all();
    traits.gradient_runs_in_place = true;
    traits.backward_reads_input = !kernels_.gradient_from_output;
    traits.backward_reads_output = kernels_.gradient_from_output;
    traits.recomputes_quickly = true;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    apply(kernels_, settings_, elements_of<Element>(a.inputs[0]), count_, a.threads,
          elements_of<Element>(a.output));
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    const float* saved = kernels_.gradient_from_output ? a.output : a.inputs[0];
    apply_backward<Element>(gradient_of(kernels_, *a.kernels), settings_,
                            elements_of<Element>(a.grad_output), elements_of<Element>(saved),
                            count_, a.threads, gradient.accumulate,
                            elements_of<Element>(gradient.values));
  }

 private:
  const ActivationKernels& kernels_;
  ActivationSettings settings_;
  int64_t count_;
};

class ActivationOp final : public ElementsOp {
 public:
  // `kernels` is the name of a row of kernels.
  explicit ActivationOp(const char* kernels, ActivationSettings settings = {})
      : kernels_(kernels), settings_(settings) {}
  Shape output_shape(const Shape& input) const override { return input; }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return bind_elements<BoundActivation>(fusion, kernels_of(kernels_), settings_,
                                          element_count(input));
  }
  Fusable fusable_as(const Shape&) const override {
    if (std::strcmp(kernels_, "relu") == 0) return Fusable::relu;
    return std::strcmp(kernels_, "relu6") == 0 ? Fusable::relu6 : Fusable::none;
  }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  bool can_fuse_in_bytes(Fusable successor) const override {
    return successor == Fusable::quantize;
  }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion& fusion) const override {
    std::array<float, 256> values = values_of_bytes(formats[0]);
    const ActivationKernels& kernels = kernels_of(kernels_, baseline::activation_kernels);
    kernels.forward(values.data(), 256, settings_, values.data());
    return bind_byte_function(values, element_count(inputs[0]), formats[0], fusion);
  }

 private:
  const char* kernels_;
  ActivationSettings settings_;
};

// An activation with at most one setting, a real number.
std::unique_ptr<const Op> make_activation(const CheckedSettings& settings) {
  const LayerKind& kind = settings.kind();
  const float first = kind.settings.size() > 0 ? settings.real(kind.settings[0].name) : 0.0f;
  return std::make_unique<ActivationOp>(kind.name, ActivationSettings{first, 0.0f});
}

std::unique_ptr<const Op> make_gelu(const CheckedSettings& settings) {
  return std::make_unique<ActivationOp>(settings.choice("approximate") == "tanh" ? "gelu_tanh"
                                                                                 : "gelu");
}

std::unique_ptr<const Op> make_clip(const CheckedSettings& settings) {
  const float minimum = settings.real("minimum"), maximum = settings.real("maximum");
  if (minimum > maximum) {
    throw std::invalid_argument("clip: minimum is " + std::to_string(minimum) +
                                ", expected at most maximum, " + std::to_string(maximum));
  }
  return std::make_unique<ActivationOp>("clip", ActivationSettings{minimum, maximum});
}

std::unique_ptr<const Op> make_hard_sigmoid(const CheckedSettings& settings) {
  const float slope = settings.real("slope"), offset = settings.real("offset");
  const float shift = offset / slope;
  if (!std::isfinite(shift)) {
    throw std::invalid_argument("hard_sigmoid: offset / slope is " + std::to_string(shift) +
                                ", expected a finite number");
  }
  return std::make_unique<ActivationOp>("hard_sigmoid", ActivationSettings{slope, shift});
}

constexpr SettingInfo kLeakyReluSettings[] = {
    real("negative_slope", "factor of negative numbers").otherwise(0.01)};
constexpr SettingInfo kEluSettings[] = {
    real("alpha", "minus the limit at minus infinity").otherwise(1)};
constexpr const char* kGeluApproximations[] = {"none", "tanh"};
constexpr SettingInfo kGeluSettings[] = {
    choice("approximate", kGeluApproximations, "the exact form or the one with a tanh")
        .otherwise(0)
        .omit_default()};
constexpr SettingInfo kClipSettings[] = {real("minimum", "the smallest output"),
                                         real("maximum", "the largest output")};
constexpr SettingInfo kHardSigmoidSettings[] = {
    real("slope", "slope of the line").otherwise(1.0 / 6.0).above(0).omit_default(),
    real("offset", "value of the line at 0").otherwise(0.5).omit_default()};
constexpr SettingInfo kShrinkSettings[] = {
    real("threshold", "the largest magnitude that becomes 0").otherwise(0.5).from(0)};
constexpr LayerDescription kActivationsLayers[] = {
    LayerDescription("relu", "x < 0 ? 0 : x", make_activation),
    LayerDescription("leaky_relu", "x < 0 ? negative_slope * x : x", make_activation)
        .with_settings(kLeakyReluSettings),
    LayerDescription("elu", "x > 0 ? x : alpha * (exp(x) - 1)", make_activation)
        .with_settings(kEluSettings),
    LayerDescription("selu", "1.0507 * (x > 0 ? x : 1.67326 * (exp(x) - 1))", make_activation),
    LayerDescription("sigmoid", "1 / (1 + exp(-x))", make_activation),
    LayerDescription("tanh", "hyperbolic tangent", make_activation),
    LayerDescription("softsign", "x / (1 + abs(x))", make_activation),
    LayerDescription("gelu", "x times the standard normal distribution of x", make_gelu)
        .with_settings(kGeluSettings),
    LayerDescription("silu", "x * sigmoid(x)", make_activation),
    LayerDescription("mish", "x * tanh(softplus(x))", make_activation),
    LayerDescription("hard_swish", "x * min(max(x + 3, 0), 6) / 6", make_activation),
    LayerDescription("relu6", "min(max(x, 0), 6)", make_activation),
    LayerDescription("clip", "min(max(x, minimum), maximum)", make_clip)
        .with_settings(kClipSettings),
    LayerDescription("softplus", "log(1 + exp(x))", make_activation),
    // Behind one with positive outputs, because a test trains the kinds in this order.
    LayerDescription("reciprocal", "1 / x", make_activation),
    LayerDescription("hard_sigmoid", "min(max(slope * x + offset, 0), 1)", make_hard_sigmoid)
        .with_settings(kHardSigmoidSettings),
    LayerDescription("hard_shrink", "abs(x) > threshold ? x : 0", make_activation)
        .with_settings(kShrinkSettings),
    LayerDescription("soft_shrink", "x - min(max(x, -threshold), threshold)", make_activation)
        .with_settings(kShrinkSettings),
};

}  // namespace

ConstantArray<LayerDescription> activations_layers() { return kActivationsLayers; }

}  // namespace ops

void relu(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("relu"), {}, x, count, get_num_threads(), output);
}

void relu_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(ops::gradient_of("relu"), {}, grad_output, x, count, get_num_threads(),
                      accumulate, grad_input);
}

void leaky_relu(const float* x, int64_t count, float negative_slope, float* output) {
  ops::apply(ops::kernels_of("leaky_relu"), {negative_slope}, x, count, get_num_threads(), output);
}

void leaky_relu_backward(const float* grad_output, const float* x, int64_t count,
                         float negative_slope, float* grad_input, bool accumulate) {
  ops::apply_backward(ops::gradient_of("leaky_relu"), {negative_slope}, grad_output, x, count,
                      get_num_threads(), accumulate, grad_input);
}

void sigmoid(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("sigmoid"), {}, x, count, get_num_threads(), output);
}

void sigmoid_backward(const float* grad_output, const float* output, int64_t count,
                      float* grad_input, bool accumulate) {
  ops::apply_backward(ops::gradient_of("sigmoid"), {}, grad_output, output, count,
                      get_num_threads(), accumulate, grad_input);
}

void tanh(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("tanh"), {}, x, count, get_num_threads(), output);
}

void tanh_backward(const float* grad_output, const float* output, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(ops::gradient_of("tanh"), {}, grad_output, output, count, get_num_threads(),
                      accumulate, grad_input);
}

void gelu(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("gelu"), {}, x, count, get_num_threads(), output);
}

void gelu_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(ops::gradient_of("gelu"), {}, grad_output, x, count, get_num_threads(),
                      accumulate, grad_input);
}

void silu(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("silu"), {}, x, count, get_num_threads(), output);
}

void silu_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                   bool accumulate) {
  ops::apply_backward(ops::gradient_of("silu"), {}, grad_output, x, count, get_num_threads(),
                      accumulate, grad_input);
}

void hard_swish(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("hard_swish"), {}, x, count, get_num_threads(), output);
}

void hard_swish_backward(const float* grad_output, const float* x, int64_t count, float* grad_input,
                         bool accumulate) {
  ops::apply_backward(ops::gradient_of("hard_swish"), {}, grad_output, x, count, get_num_threads(),
                      accumulate, grad_input);
}

void relu6(const float* x, int64_t count, float* output) {
  ops::apply(ops::kernels_of("relu6"), {}, x, count, get_num_threads(), output);
}

void relu6_backward(const float* grad_output, const float* output, int64_t count, float* grad_input,
                    bool accumulate) {
  ops::apply_backward(ops::gradient_of("relu6"), {}, grad_output, output, count, get_num_threads(),
                      accumulate, grad_input);
}

}  // namespace cnnx
