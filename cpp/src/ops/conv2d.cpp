// conv2d: the public functions and the layer kind.
// Many parameters because conv2d_backward has those of every op's backward, and the method.
#include "cnnx/conv2d.h"

#include <memory>

#include "ops/conv2d_checks.h"
#include "ops/conv2d_execution.h"
#include "ops/conv2d_plan.h"
#include "ops/layer_description.h"

namespace cnnx {
namespace ops {
namespace {

class Conv2dOp final : public Op {
 public:
  Conv2dOp(int64_t out_channels, Pair kernel_size, const Conv2dOptions& options, bool bias)
      : out_channels_(out_channels), kernel_size_(kernel_size), options_(options), bias_(bias) {}
  Shape output_shape(const Shape& input) const override { return geometry(input).output_shape(); }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    const Shape weight = geometry(input).weight_shape();
    std::vector<ParameterSpec> specs = {{"weight", weight, weight[0] * weight[1] * weight[2]}};
    if (bias_) specs.push_back({"bias", {out_channels_}, 0});
    return specs;
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return bind_fused(input, {});
  }
  bool can_fuse(Fusable successor, const Shape& input) const override {
    return successor == Fusable::relu || successor == Fusable::batch_norm ||
           successor == Fusable::add ||
           (successor == Fusable::max_pool_2x2 &&
            choose_conv2d_plan(geometry(input)).forward->pools());
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    const Conv2dGeometry g = geometry(input);
    return bind_convolution({g, false, bias_},
                            choose_conv2d_plan(g, Conv2dMethod::chosen, fusion.training), fusion);
  }

 private:
  Conv2dGeometry geometry(const Shape& input) const {
    // conv2d_geometry refuses inputs of other ranks. The weight's shape needs a number of channels
    // before that.
    const int64_t in_channels = input.size() == 4 ? input[3] : options_.groups;
    check_layer_groups("conv2d", options_.groups, in_channels, out_channels_);
    return conv2d_geometry(
        input,
        {kernel_size_.height, kernel_size_.width, in_channels / options_.groups, out_channels_},
        options_);
  }

  int64_t out_channels_;
  Pair kernel_size_;
  Conv2dOptions options_;
  bool bias_;
};

std::unique_ptr<const Op> make_conv2d(const CheckedSettings& settings) {
  Conv2dOptions options;
  options.stride = settings.pair("stride");
  options.padding = settings.padding("padding");
  options.dilation = settings.pair("dilation");
  options.groups = settings.integer("groups");
  return std::make_unique<Conv2dOp>(settings.integer("out_channels"), settings.pair("kernel_size"),
                                    options, settings.boolean("bias"));
}

constexpr SettingInfo kSettings[] = {
    integer("out_channels", 1, "number of filters"),
    pair("kernel_size", 1, "size of the filters"),
    pair("stride", 1, "step of the window").otherwise(1),
    padding("padding", "zeros around the image").otherwise(0),
    pair("dilation", 1, "distance between the taps of a filter").otherwise(1),
    integer("groups", 1, "groups of channels, each convolved by itself").otherwise(1),
    boolean("bias", "whether a number is added per filter").otherwise(true),
};
constexpr LayerArray kParameters[] = {{"weight"}, {"bias", "bias"}};
constexpr LayerDescription kLayers[] = {
    LayerDescription("conv2d", "2-D convolution (cross-correlation)", make_conv2d)
        .with_settings(kSettings)
        .with_parameters(kParameters),
};

}  // namespace

ConstantArray<LayerDescription> conv2d_layers() { return kLayers; }

}  // namespace ops

void conv2d(const Conv2dGeometry& geometry, const float* x, const float* weight, const float* bias,
            float* output, Conv2dMethod method) {
  ops::run_convolution(ops::choose_conv2d_plan(geometry, method), x, weight, bias, output);
}

void conv2d_backward(const Conv2dGeometry& geometry, const float* grad_output, const float* x,
                     const float* weight, float* grad_input, float* grad_weight, float* grad_bias,
                     bool accumulate, Conv2dMethod method) {
  ops::run_convolution_backward(ops::choose_conv2d_plan(geometry, method), x, weight,
                                {grad_output, grad_input, grad_weight, grad_bias, accumulate});
}

}  // namespace cnnx
