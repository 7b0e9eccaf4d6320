// conv2d: the public functions and the layer kind.
// Many parameters because conv2d_backward has those of every op's backward, and the method.
#include "cnnx/conv2d.h"

#include <memory>

#include "ops/conv2d_execution.h"
#include "ops/conv2d_plan.h"
#include "ops/conv2d_quantized.h"
#include "ops/convolution_op.h"
#include "ops/layer_description.h"
#include "ops/single_call.h"

namespace cnnx {
namespace ops {
namespace {

class Conv2dOp final : public ConvolutionOp<Conv2dOptions> {
 public:
  explicit Conv2dOp(const CheckedSettings& settings)
      : ConvolutionOp(settings), int8_weight_(settings.boolean("int8_weight")) {}
  Shape output_shape(const Shape& input) const override { return geometry(input).output_shape(); }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    const Shape weight = geometry(input).weight_shape();
    return with_bias({"weight", weight, int8_weight_ ? 0 : weight[0] * weight[1] * weight[2], 0.0f,
                      int8_weight_});
  }
  std::vector<ParameterSpec> buffers(const Shape&) const override {
    return int8_weight_ ? weight_scale(out_channels_) : std::vector<ParameterSpec>();
  }
  bool can_fuse(Fusable successor, const Shape& input) const override {
    return successor == Fusable::relu || successor == Fusable::relu6 ||
           successor == Fusable::batch_norm || successor == Fusable::add ||
           (successor == Fusable::max_pool_2x2 &&
            choose_conv2d_plan(geometry(input), method_).forward->pools());
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    const Conv2dGeometry g = geometry(input);
    if (fusion.bfloat16) return bind_bfloat16_convolution(g, bias_, fusion);
    return bind_convolution(
        {g, false, bias_},
        choose_conv2d_plan(g, method_,
                           fusion.training ? Conv2dUse::training : Conv2dUse::inference),
        fusion);
  }
  bool runs_in_bfloat16(const Shape& input) const override {
    return !int8_weight_ && has_bfloat16_plan(geometry(input));
  }
  bool has_float_output() const override { return options_.groups == 1; }
  bool can_normalise_input(const Shape& input) const override {
    const Conv2dPlan plan = choose_conv2d_plan(geometry(input), method_, Conv2dUse::training);
    return plan.forward->normalised_floats(1) > 0 && plan.weight_gradient->normalised_floats(1) > 0;
  }
  void check_weight(const Shape& input, const Shape& weight) const override {
    conv2d_geometry(input, weight, options_);
  }
  bool reads_bytes(const std::vector<Shape>& inputs) const override {
    return int8_weight_ && ops::reads_bytes(geometry(inputs[0]));
  }
  bool can_fuse_in_bytes(Fusable successor) const override { return is_fused_in_bytes(successor); }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion& fusion) const override {
    return {bind_quantized_convolution(geometry(inputs[0]), bias_, formats, fusion), {}};
  }

 private:
  Conv2dGeometry geometry(const Shape& input) const {
    const int64_t group_inputs = in_channels(input) / options_.groups;
    return conv2d_geometry(input, weight_shape(group_inputs, out_channels_), options_);
  }

  bool int8_weight_;
};

std::unique_ptr<const Op> make_conv2d(const CheckedSettings& settings) {
  return std::make_unique<Conv2dOp>(settings);
}

constexpr SettingInfo kConv2dSettings[] = {
    integer("out_channels", 1, "number of filters"),
    pair("kernel_size", 1, "size of the filters"),
    pair("stride", 1, "step of the window").otherwise(1),
    padding("padding", "zeros around the image").otherwise(0),
    pair("dilation", 1, "distance between the taps of a filter").otherwise(1),
    integer("groups", 1, "groups of channels, each convolved by itself").otherwise(1),
    boolean("bias", "whether a number is added per filter").otherwise(true),
    kConvolutionAlgorithm,
    kInt8Weight,
};
constexpr LayerArray kConv2dParameters[] = {{"weight"}, {"bias", "bias"}};
constexpr LayerDescription kConv2dLayers[] = {
    LayerDescription("conv2d", "2-D convolution (cross-correlation)", make_conv2d)
        .with_settings(kConv2dSettings)
        .with_parameters(kConv2dParameters)
        .with_buffers(kWeightScale),
};

}  // namespace

ConstantArray<LayerDescription> conv2d_layers() { return kConv2dLayers; }

}  // namespace ops

void conv2d(const Conv2dGeometry& geometry, const float* x, const float* weight, const float* bias,
            float* output, Conv2dMethod method) {
  const auto bound = ops::bind_convolution({geometry, /*transposed=*/false, bias != nullptr},
                                           ops::choose_conv2d_plan(geometry, method), {});
  ops::call_forward(*bound, {x, weight, bias, output});
}

void conv2d_backward(const Conv2dGeometry& geometry, const float* grad_output, const float* x,
                     const float* weight, float* grad_input, float* grad_weight, float* grad_bias,
                     bool accumulate, Conv2dMethod method) {
  const auto bound = ops::bind_convolution({geometry, /*transposed=*/false, /*bias=*/true},
                                           ops::choose_conv2d_plan(geometry, method), {});
  ops::call_backward(*bound,
                     {grad_output, x, weight, grad_input, grad_weight, grad_bias, accumulate});
}

}  // namespace cnnx
