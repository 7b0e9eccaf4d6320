// prelu: the public functions and the layer kind, both parallel over chunks of pixels.
#include "cnnx/prelu.h"

#include <stdexcept>

#include "kernels/prelu.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "ops/pixel_chunks.h"
#include "ops/single_call.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {
namespace {

// `values` and `weight` may be null.
struct PreluGradients {
  float *values, *weight;
  bool accumulate, accumulate_weight;
};

class Prelu {
 public:
  Prelu(int64_t pixels, int64_t channels)
      : channels_(channels),
        chunks_(pixels, channels),
        sum_floats_(runtime::round_up_to_line(channels)) {}

  int64_t backward_scratch_floats() const { return chunks_.count() * sum_floats_; }

  void forward(const float* x, const float* weight, int threads, float* output) const {
    const auto kernel = CNNX_KERNELS(prelu_kernels).forward;
    chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t) {
      const int64_t offset = first * channels_;
      kernel(x + offset, weight, pixels, channels_, output + offset);
    });
  }

  void backward(const float* grad_output, const float* x, const float* weight,
                const PreluGradients& gradients, int threads, float* scratch) const {
    const PreluKernels& kernels = CNNX_KERNELS(prelu_kernels);
    chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t chunk) {
      const int64_t offset = first * channels_;
      const float *const grad = grad_output + offset, *const saved = x + offset;
      // First, because it walks along memory; the sums then find everything in a cache.
      if (gradients.values)
        kernels.backward(grad, saved, weight, pixels, channels_, gradients.accumulate,
                         gradients.values + offset);
      if (gradients.weight)
        kernels.sums(grad, saved, pixels, channels_, scratch + chunk * sum_floats_);
    });
    if (!gradients.weight) return;
    add_up_chunks(scratch, chunks_.count(), sum_floats_, channels_, gradients.accumulate_weight,
                  gradients.weight);
  }

 private:
  int64_t channels_;
  PixelChunks chunks_;
  int64_t sum_floats_;
};

class BoundPrelu final : public BoundOp {
 public:
  BoundPrelu(int64_t pixels, int64_t channels) : prelu_(pixels, channels) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_place = InputSet::all();
    traits.backward_reads_output = false;
    return traits;
  }
  int64_t backward_scratch_floats(int) const override { return prelu_.backward_scratch_floats(); }
  void forward(const ForwardArguments& a) const override {
    prelu_.forward(a.inputs[0], a.parameters[0], a.threads, a.output);
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    prelu_.backward(
        a.grad_output, a.inputs[0], a.parameters[0],
        {gradient.values, a.grad_parameters[0], gradient.accumulate, a.accumulate_parameters},
        a.threads, a.scratch);
  }

 private:
  Prelu prelu_;
};

class PreluOp final : public Op {
 public:
  explicit PreluOp(float initial) : initial_(initial) {}
  Shape output_shape(const Shape& input) const override {
    if (input.empty() || input.back() < 1) {
      throw std::invalid_argument("prelu: x has shape " + to_string(input) +
                                  ", expected at least one channel in the last axis");
    }
    return input;
  }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    return {{"weight", {input.back()}, 0, initial_}};
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    const int64_t channels = input.back();
    return std::make_unique<BoundPrelu>(element_count(input) / channels, channels);
  }

 private:
  float initial_;
};

std::unique_ptr<const Op> make_prelu(const CheckedSettings& settings) {
  return std::make_unique<PreluOp>(settings.real("initial"));
}

constexpr SettingInfo kSettings[] = {
    real("initial", "what the slopes begin at").otherwise(0.25).not_saved()};
constexpr LayerArray kParameters[] = {{"weight"}};
constexpr LayerDescription kLayers[] = {
    LayerDescription("prelu", "x < 0 ? weight * x : x, with a trained weight per channel",
                     make_prelu)
        .with_settings(kSettings)
        .with_parameters(kParameters),
};

}  // namespace

ConstantArray<LayerDescription> prelu_layers() { return kLayers; }

}  // namespace ops

void prelu(const float* x, const float* weight, int64_t pixels, int64_t channels, float* output) {
  ops::call_forward(ops::BoundPrelu(pixels, channels), {x, weight, nullptr, output});
}

void prelu_backward(const float* grad_output, const float* x, const float* weight, int64_t pixels,
                    int64_t channels, float* grad_input, float* grad_weight, bool accumulate) {
  ops::call_backward(ops::BoundPrelu(pixels, channels),
                     {grad_output, x, weight, grad_input, grad_weight, nullptr, accumulate});
}

}  // namespace cnnx
