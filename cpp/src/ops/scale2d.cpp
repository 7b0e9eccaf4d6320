// scale2d: the layer kind, a scale and a shift of every channel with trained parameters.
#include "kernels/scale2d.h"

#include "ops/channelwise.h"
#include "ops/elements.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/dispatch.h"

namespace cnnx::ops {
namespace {

class Scale2dOp final : public ElementsOp {
 public:
  explicit Scale2dOp(bool bias) : bias_(bias) {}
  Shape output_shape(const Shape& input) const override {
    check_last_axis("scale2d", input);
    return input;
  }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    std::vector<ParameterSpec> specs = {{"weight", {input.back()}, 0, 1.0f}};
    if (bias_) specs.push_back({"bias", {input.back()}});
    return specs;
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    const Scale2dKernels& kernels = CNNX_KERNELS(scale2d_kernels);
    const int64_t channels = input.back();
    return bind_elements<BoundChannelwise>(fusion, bias_ ? kernels.with_bias : kernels.without_bias,
                                           element_count(input) / channels, channels);
  }

 private:
  bool bias_;
};

std::unique_ptr<const Op> make_scale2d(const CheckedSettings& settings) {
  return std::make_unique<Scale2dOp>(settings.boolean("bias"));
}

constexpr SettingInfo kScale2dSettings[] = {
    boolean("bias", "whether a trained number is added to each channel").otherwise(true)};
constexpr LayerArray kScale2dParameters[] = {{"weight"}, {"bias", "bias"}};
constexpr LayerDescription kScale2dLayers[] = {
    LayerDescription("scale2d", "x * weight + bias, with a trained number each per channel",
                     make_scale2d)
        .with_settings(kScale2dSettings)
        .with_parameters(kScale2dParameters),
};

}  // namespace

ConstantArray<LayerDescription> scale2d_layers() { return kScale2dLayers; }

}  // namespace cnnx::ops
