// prelu: the public functions and the layer kind.
#include "cnnx/prelu.h"

#include "kernels/prelu.h"
#include "ops/channelwise.h"
#include "ops/elements.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "ops/single_call.h"
#include "runtime/dispatch.h"

namespace cnnx {
namespace ops {
namespace {

BoundChannelwise<float> bound_prelu(int64_t pixels, int64_t channels) {
  return {CNNX_KERNELS(prelu_kernels), pixels, channels};
}

class PreluOp final : public ElementsOp {
 public:
  explicit PreluOp(float initial) : initial_(initial) {}
  Shape output_shape(const Shape& input) const override {
    check_last_axis("prelu", input);
    return input;
  }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    return {{"weight", {input.back()}, 0, initial_}};
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    const int64_t channels = input.back();
    return bind_elements<BoundChannelwise>(fusion, CNNX_KERNELS(prelu_kernels),
                                           element_count(input) / channels, channels);
  }

 private:
  float initial_;
};

std::unique_ptr<const Op> make_prelu(const CheckedSettings& settings) {
  return std::make_unique<PreluOp>(settings.real("initial"));
}

constexpr SettingInfo kPreluSettings[] = {
    real("initial", "what the slopes begin at").otherwise(0.25).not_saved()};
constexpr LayerArray kPreluParameters[] = {{"weight"}};
constexpr LayerDescription kPreluLayers[] = {
    LayerDescription("prelu", "x < 0 ? weight * x : x, with a trained weight per channel",
                     make_prelu)
        .with_settings(kPreluSettings)
        .with_parameters(kPreluParameters),
};

}  // namespace

ConstantArray<LayerDescription> prelu_layers() { return kPreluLayers; }

}  // namespace ops

void prelu(const float* x, const float* weight, int64_t pixels, int64_t channels, float* output) {
  ops::call_forward(ops::bound_prelu(pixels, channels), {x, weight, nullptr, output});
}

void prelu_backward(const float* grad_output, const float* x, const float* weight, int64_t pixels,
                    int64_t channels, float* grad_input, float* grad_weight, bool accumulate) {
  ops::call_backward(ops::bound_prelu(pixels, channels),
                     {grad_output, x, weight, grad_input, grad_weight, nullptr, accumulate});
}

}  // namespace cnnx
