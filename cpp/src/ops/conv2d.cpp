// conv2d: the public functions and the layer kind.
#include "cnnx/conv2d.h"

#include <memory>

#include "ops/conv2d_algorithm.h"
#include "ops/conv2d_checks.h"
#include "ops/conv2d_execution.h"
#include "ops/settings.h"

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
            choose_conv2d_algorithm(geometry(input))->pools());
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    const Conv2dGeometry g = geometry(input);
    return bind_convolution({g, false, bias_},
                            choose_conv2d_algorithm(g, Conv2dMethod::chosen, fusion.training),
                            fusion);
  }

 private:
  Conv2dGeometry geometry(const Shape& input) const {
    // What the input lacks is said by conv2d_geometry; the weight needs a number of channels before
    // that.
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

}  // namespace

std::unique_ptr<const Op> make_conv2d(const Settings& settings) {
  SettingsReader reader("conv2d", settings);
  const int64_t out_channels = reader.integer("out_channels", 1);
  const Pair kernel_size = reader.pair("kernel_size", 1);
  Conv2dOptions options;
  options.stride = reader.pair("stride", 1);
  options.padding = reader.padding("padding");
  options.dilation = reader.pair("dilation", 1);
  options.groups = reader.integer("groups", 1);
  const bool bias = reader.boolean("bias");
  reader.finish();
  return std::make_unique<Conv2dOp>(out_channels, kernel_size, options, bias);
}

}  // namespace ops

void conv2d(const Conv2dGeometry& geometry, const float* x, const float* weight, const float* bias,
            float* output, Conv2dMethod method) {
  ops::run_convolution(*ops::choose_conv2d_algorithm(geometry, method), x, weight, bias, output);
}

void conv2d_backward(const Conv2dGeometry& geometry, const float* grad_output, const float* x,
                     const float* weight, float* grad_input, float* grad_weight, float* grad_bias,
                     bool accumulate, Conv2dMethod method) {
  ops::run_convolution_backward(*ops::choose_conv2d_algorithm(geometry, method), grad_output, x,
                                weight, grad_input, grad_weight, grad_bias, accumulate);
}

}  // namespace cnnx
