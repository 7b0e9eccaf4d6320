// conv_transpose2d: the public functions and the layer kind, a convolution with its directions
// swapped. Repeated because its list of settings is a convolution's, in other words.
#include "cnnx/conv_transpose2d.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "ops/conv2d_execution.h"
#include "ops/conv2d_lane_gradient.h"
#include "ops/conv2d_plan.h"
#include "ops/conv_transpose2d_checks.h"
#include "ops/convolution_op.h"
#include "ops/layer_description.h"
#include "ops/single_call.h"

namespace cnnx {
namespace ops {
namespace {

// The output as a convolution of one tap: the geometry of a sum over its pixels.
Conv2dGeometry pointwise(const Conv2dGeometry& convolution) {
  Conv2dGeometry pixels;
  pixels.batch = convolution.batch;
  pixels.in_height = pixels.out_height = convolution.in_height;
  pixels.in_width = pixels.out_width = convolution.in_width;
  pixels.in_channels = pixels.out_channels = pixels.groups = convolution.in_channels;
  return pixels;
}

// A convolution's weight gradient with its two images swapped. The bias is the other image's.
class TransposedWeightGradient final : public Conv2dWeightGradient {
 public:
  TransposedWeightGradient(const Conv2dGeometry& convolution,
                           std::unique_ptr<const Conv2dWeightGradient> weight_gradient)
      : weight_gradient_(std::move(weight_gradient)),
        rows_(convolution.in_height),
        bias_gradient_(pointwise(convolution)) {}

  int64_t scratch_floats(int threads) const override {
    return std::max(weight_gradient_->scratch_floats(threads), bias_gradient_.scratch_floats());
  }
  void run(const WeightGradientArguments& a) const override {
    if (a.grad_weight) {
      WeightGradientArguments swapped = a;
      std::swap(swapped.x, swapped.grad_output);
      swapped.grad_bias = nullptr;
      weight_gradient_->run(swapped);
    }
    if (!a.grad_bias) return;
    // Additions that take about 20 microseconds, mostly for memory.
    constexpr int64_t kGrainSums = 128 * 1024;
    WeightGradientArguments bias_alone = a;
    bias_alone.grad_weight = nullptr;
    bias_gradient_.run(bias_alone, rows_, kGrainSums,
                       [](int64_t, const float*, int64_t, int64_t, int, float*) {});
  }

 private:
  std::unique_ptr<const Conv2dWeightGradient> weight_gradient_;
  int64_t rows_;  // of the output
  LaneGradient bias_gradient_;
};

// A convolution's plan with forward and input gradient swapped. Uses the forward chosen for
// training, because it computes gradients here.
Conv2dPlan transposed_plan(const Conv2dGeometry& convolution, Conv2dMethod method) {
  Conv2dPlan plan = choose_conv2d_plan(convolution, method, Conv2dUse::transposed);
  return {std::move(plan.input_gradient), std::move(plan.forward),
          std::make_unique<TransposedWeightGradient>(convolution, std::move(plan.weight_gradient))};
}

std::unique_ptr<const BoundOp> bind_transposed(const ConvTranspose2dGeometry& geometry, bool bias,
                                               Conv2dMethod method = Conv2dMethod::chosen,
                                               const Fusion& fusion = {}) {
  return bind_convolution({geometry.convolution, /*transposed=*/true, bias},
                          transposed_plan(geometry.convolution, method), fusion);
}

class ConvTranspose2dOp final : public ConvolutionOp<ConvTranspose2dOptions> {
 public:
  explicit ConvTranspose2dOp(const CheckedSettings& settings) : ConvolutionOp(settings) {
    options_.output_padding = settings.pair("output_padding");
    check_output_padding(kind_, options_);
  }
  Shape output_shape(const Shape& input) const override { return geometry(input).output_shape(); }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    const Shape weight = geometry(input).weight_shape();
    // As for a convolution: the inputs of a group times the taps of the kernel, although with a
    // stride fewer of them meet in one output.
    const int64_t fan_in = weight[0] * weight[1] * (weight[3] / options_.groups);
    return with_bias({"weight", weight, fan_in});
  }
  bool can_fuse(Fusable successor, const Shape&) const override {
    return successor == Fusable::relu || successor == Fusable::relu6 ||
           successor == Fusable::batch_norm;
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return bind_transposed(geometry(input), bias_, method_, fusion);
  }
  void check_weight(const Shape& input, const Shape& weight) const override {
    conv_transpose2d_geometry(input, weight, options_);
  }

 private:
  ConvTranspose2dGeometry geometry(const Shape& input) const {
    return conv_transpose2d_geometry(
        input, weight_shape(out_channels_ / options_.groups, in_channels(input)), options_);
  }
};

std::unique_ptr<const Op> make_conv_transpose2d(const CheckedSettings& settings) {
  return std::make_unique<ConvTranspose2dOp>(settings);
}

constexpr SettingInfo kConvTranspose2dSettings[] = {
    integer("out_channels", 1, "channels of the output"),
    pair("kernel_size", 1, "size of the filters"),
    pair("stride", 1, "step from filter to filter in the output").otherwise(1),
    padding("padding", "rows and columns cut off the output").otherwise(0),
    pair("output_padding", 0, "rows added at the bottom, columns at the right").otherwise(0),
    pair("dilation", 1, "distance between the taps of a filter").otherwise(1),
    integer("groups", 1, "groups of channels, each convolved by itself").otherwise(1),
    boolean("bias", "whether a number is added per output channel").otherwise(true),
    kConvolutionAlgorithm,
};
constexpr LayerArray kConvTranspose2dParameters[] = {{"weight"}, {"bias", "bias"}};
constexpr LayerDescription kConvTranspose2dLayers[] = {
    LayerDescription("conv_transpose2d", "transpose of conv2d, which enlarges an image",
                     make_conv_transpose2d)
        .with_settings(kConvTranspose2dSettings)
        .with_parameters(kConvTranspose2dParameters),
};

}  // namespace

ConstantArray<LayerDescription> conv_transpose2d_layers() { return kConvTranspose2dLayers; }

}  // namespace ops

void conv_transpose2d(const ConvTranspose2dGeometry& geometry, const float* x, const float* weight,
                      const float* bias, float* output) {
  ops::call_forward(*ops::bind_transposed(geometry, bias != nullptr), {x, weight, bias, output});
}

void conv_transpose2d_backward(const ConvTranspose2dGeometry& geometry, const float* grad_output,
                               const float* x, const float* weight, float* grad_input,
                               float* grad_weight, float* grad_bias, bool accumulate) {
  ops::call_backward(*ops::bind_transposed(geometry, /*bias=*/true),
                     {grad_output, x, weight, grad_input, grad_weight, grad_bias, accumulate});
}

}  // namespace cnnx
