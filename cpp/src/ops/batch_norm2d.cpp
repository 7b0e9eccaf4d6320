// batch_norm2d: the public functions and the layer kind.
// Many parameters because batch_norm2d_backward has those of every op's backward, and statistics.
#include "cnnx/batch_norm2d.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "cnnx/runtime.h"
#include "ops/add.h"
#include "ops/batch_norm_passes.h"
#include "ops/elements.h"
#include "ops/gradient_kernels.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/floating_point.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {
namespace {

// On arrays of floats, or of bfloat16 as uint16_t.
template <class Element>
class BoundBatchNorm2d final : public BoundOp {
 public:
  BoundBatchNorm2d(const BatchNorm2dGeometry& geometry, float momentum, bool affine,
                   const Fusion& fusion)
      : norm_(geometry), momentum_(momentum), affine_(affine), fusion_(fusion) {}

  int64_t scratch_floats(int) const override { return norm_.scratch_floats(); }
  int64_t backward_scratch_floats(int) const override { return norm_.scratch_floats(); }
  int64_t saved_bytes() const override {
    return norm_.lines_floats() * static_cast<int64_t>(sizeof(float));
  }
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_place = InputSet::all();
    // With an addend, grad_output becomes its gradient.
    traits.gradient_runs_in_place = !fusion_.add;
    traits.recomputes_quickly = true;
    traits.is_normalisation = !fusion_.add && kIsFloat;
    // The addend's gradient is the masked one. Without an addend the mask is computed again.
    traits.changes_grad_output = fusion_.add && has_relu();
    traits.backward_reads_output = traits.changes_grad_output;
    traits.passes_gradient = InputSet::only(1);
    return traits;
  }

  void forward(const ForwardArguments& a) const override;
  void save(const ForwardArguments& a) const override;
  BatchNormForward normalisation([[maybe_unused]] const uint8_t* saved) const override {
    if constexpr (kIsFloat) {
      return pass_of(lines_in(saved), nullptr, nullptr);
    } else {
      return {};
    }
  }
  void backward(const BackwardArguments& a) const override;

 private:
  static constexpr bool kIsFloat = std::is_same_v<Element, float>;

  // One value has no variance: then, as in a frozen layer, the running statistics are used.
  bool uses_running(const TrainingStep* training) const {
    return !training || training->frozen || norm_.geometry().pixels < 2;
  }
  bool has_relu() const { return fusion_.relu || fusion_.relu6; }
  float limit() const { return fusion_.relu6 ? 6.0f : std::numeric_limits<float>::quiet_NaN(); }
  void update_running(float* const* buffers, const float* mean, const float* variance) const;
  BatchNormLines lines_in(const uint8_t* saved) const {
    return norm_.lines(reinterpret_cast<float*>(const_cast<uint8_t*>(saved)));
  }
  BatchNormForwardOf<Element> pass_of(const BatchNormLines& lines, const Element* x,
                                      Element* output) const {
    BatchNormForwardOf<Element> pass = norm_.forward_pass(lines, x, output);
    pass.relu = has_relu();
    pass.limit = limit();
    return pass;
  }
  void find_lines(const ForwardArguments& a, const BatchNormLines& lines) const;
  void fill(const ForwardArguments& a, const float* mean, const float* variance,
            const BatchNormLines& lines) const {
    norm_.fill(mean, variance, affine_ ? a.parameters[0] : nullptr,
               affine_ ? a.parameters[1] : nullptr, lines);
  }

  BatchNorm<Element> norm_;
  float momentum_;
  bool affine_;
  Fusion fusion_;
};

template <class Element>
void BoundBatchNorm2d<Element>::update_running(float* const* buffers, const float* mean,
                                               const float* variance) const {
  const BatchNorm2dGeometry& g = norm_.geometry();
  const double momentum = momentum_, count = static_cast<double>(g.pixels);
  for (int64_t c = 0; c < g.channels; ++c) {
    buffers[0][c] = static_cast<float>((1 - momentum) * buffers[0][c] + momentum * mean[c]);
    const double unbiased = variance[c] * (count / (count - 1));
    buffers[1][c] = static_cast<float>((1 - momentum) * buffers[1][c] + momentum * unbiased);
  }
}

template <class Element>
void BoundBatchNorm2d<Element>::find_lines(const ForwardArguments& a,
                                           const BatchNormLines& lines) const {
  const float *mean = a.buffers[0], *variance = a.buffers[1];
  if (!uses_running(a.training)) {
    norm_.statistics(elements_of<Element>(a.inputs[0]), a.threads, a.scratch, lines.mean,
                     lines.inverse);
    mean = lines.mean;
    variance = lines.inverse;
    update_running(a.buffers, mean, variance);
  }
  fill(a, mean, variance, lines);
}

template <class Element>
void BoundBatchNorm2d<Element>::forward(const ForwardArguments& a) const {
  const BatchNormLines lines =
      a.saved ? norm_.lines(reinterpret_cast<float*>(a.saved)) : norm_.lines_in_scratch(a.scratch);
  if (!a.again) find_lines(a, lines);
  if (!a.output) return;
  BatchNormForwardOf<Element> pass =
      pass_of(lines, elements_of<Element>(a.inputs[0]), elements_of<Element>(a.output));
  pass.addend = fusion_.add ? elements_of<Element>(a.inputs[1]) : nullptr;
  norm_.forward(pass, a.threads);
}

template <class Element>
void BoundBatchNorm2d<Element>::save(const ForwardArguments& a) const {
  fill(a, a.buffers[0], a.buffers[1], norm_.lines(reinterpret_cast<float*>(a.saved)));
}

template <class Element>
void BoundBatchNorm2d<Element>::backward(const BackwardArguments& a) const {
  const BatchNormLines lines = lines_in(a.saved);
  Element* const grad_output = elements_of<Element>(a.grad_output);
  BatchNormBackwardOf<Element> pass =
      norm_.backward_pass(lines, grad_output, elements_of<Element>(a.inputs[0]));
  if (has_relu() && !a.grad_output_relu_masked) {
    pass.limit = limit();
    pass.relu = !fusion_.add;
    pass.output = fusion_.add ? elements_of<Element>(a.output) : nullptr;
  }
  const BatchNormGradients<Element> gradients = {
      elements_of<Element>(a.grad_inputs[0].values), affine_ ? a.grad_parameters[0] : nullptr,
      affine_ ? a.grad_parameters[1] : nullptr, a.grad_inputs[0].accumulate,
      a.accumulate_parameters};
  norm_.backward(*by_element<Element>(a.kernels->batch_norm2d, a.kernels->batch_norm2d_bfloat16),
                 pass, lines.inverse, uses_running(a.training), gradients, a.threads, a.scratch);
  if (!fusion_.add) return;
  const int64_t count = norm_.geometry().pixels * norm_.geometry().channels;
  pass_gradient(grad_output, a.grad_inputs[1], count, a.threads);
}

class BatchNorm2dOp final : public ElementsOp {
 public:
  BatchNorm2dOp(float momentum, float epsilon, bool affine)
      : momentum_(momentum), epsilon_(epsilon), affine_(affine) {}

  Shape output_shape(const Shape& input) const override {
    if (input.size() != 4) {
      throw std::invalid_argument("batch_norm2d: x has shape " + to_string(input) +
                                  ", expected (batch, height, width, channels)");
    }
    return input;
  }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    if (!affine_) return {};
    return {{"weight", {input[3]}, 0, 1.0f}, {"bias", {input[3]}, 0, 0.0f}};
  }
  std::vector<ParameterSpec> buffers(const Shape& input) const override {
    return {{"running_mean", {input[3]}, 0, 0.0f}, {"running_variance", {input[3]}, 0, 1.0f}};
  }
  Fusable fusable_as(const Shape&) const override { return Fusable::batch_norm; }
  bool can_fuse(Fusable successor, const Shape&) const override {
    return successor == Fusable::add || successor == Fusable::relu || successor == Fusable::relu6;
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    const BatchNorm2dGeometry geometry{input[0] * input[1] * input[2], input[3], epsilon_};
    return bind_elements<BoundBatchNorm2d>(fusion, geometry, momentum_, affine_, fusion);
  }
  void scale_and_shift(const float* const* parameters, const float* const* buffers,
                       int64_t channels, float* scale, float* shift) const override {
    for (int64_t c = 0; c < channels; ++c) {
      const float inverse = 1.0f / std::sqrt(buffers[1][c] + epsilon_);
      scale[c] = affine_ ? inverse * parameters[0][c] : inverse;
      const float bias = affine_ ? parameters[1][c] : 0.0f;
      shift[c] = bias - buffers[0][c] * scale[c];
    }
  }

 private:
  float momentum_, epsilon_;
  bool affine_;
};

std::unique_ptr<const Op> make_batch_norm2d(const CheckedSettings& settings) {
  return std::make_unique<BatchNorm2dOp>(settings.real("momentum"), settings.real("epsilon"),
                                         settings.boolean("affine"));
}

constexpr SettingInfo kBatchNorm2dSettings[] = {
    real("momentum", "weight of a batch in the running statistics").otherwise(0.1).from(0).to(1),
    real("epsilon", "added to the variance").otherwise(1e-5).above(0),
    boolean("affine", "whether weight and bias are trained").otherwise(true),
};
constexpr LayerArray kBatchNorm2dParameters[] = {{"weight", "affine"}, {"bias", "affine"}};
constexpr LayerArray kBatchNorm2dBuffers[] = {{"running_mean"}, {"running_variance"}};
constexpr LayerDescription kBatchNorm2dLayers[] = {
    LayerDescription("batch_norm2d", "normalises each channel over the batch", make_batch_norm2d)
        .with_settings(kBatchNorm2dSettings)
        .with_parameters(kBatchNorm2dParameters)
        .with_buffers(kBatchNorm2dBuffers),
};

}  // namespace

ConstantArray<LayerDescription> batch_norm2d_layers() { return kBatchNorm2dLayers; }

}  // namespace ops

namespace {

// Memory for one call.
struct Call {
  explicit Call(const BatchNorm2dGeometry& geometry)
      : norm(geometry),
        scratch(norm.scratch_floats()),
        saved(norm.lines_floats()),
        lines(norm.lines(saved.data())) {}
  ops::BatchNorm<float> norm;
  runtime::AlignedBuffer scratch, saved;
  ops::BatchNormLines lines;
};

}  // namespace

void batch_norm2d(const BatchNorm2dGeometry& geometry, const float* x, const float* weight,
                  const float* bias, const float* mean, const float* variance, float* output) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  const Call call(geometry);
  call.norm.fill(mean, variance, weight, bias, call.lines);
  call.norm.forward(call.norm.forward_pass(call.lines, x, output), get_num_threads());
}

void batch_norm2d_training(const BatchNorm2dGeometry& geometry, const float* x, const float* weight,
                           const float* bias, float* mean, float* variance, float* output) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  Call call(geometry);
  call.norm.statistics(x, get_num_threads(), call.scratch.data(), mean, variance);
  batch_norm2d(geometry, x, weight, bias, mean, variance, output);
}

void batch_norm2d_backward(const BatchNorm2dGeometry& geometry, const float* grad_output,
                           const float* x, const float* weight, const float* mean,
                           const float* variance, float* grad_input, float* grad_weight,
                           float* grad_bias) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  Call call(geometry);
  call.norm.fill(mean, variance, weight, nullptr, call.lines);
  // Without a ReLU, grad_output is not written.
  float* const gradient = const_cast<float*>(grad_output);
  call.norm.backward(*ops::gradient_kernels().batch_norm2d,
                     call.norm.backward_pass(call.lines, gradient, x), call.lines.inverse, false,
                     {grad_input, grad_weight, grad_bias, false, false}, get_num_threads(),
                     call.scratch.data());
}

}  // namespace cnnx
