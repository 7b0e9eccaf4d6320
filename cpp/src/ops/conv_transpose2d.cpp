// conv_transpose2d: the public functions and the layer kind, which turn a convolution round.
#include "cnnx/conv_transpose2d.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "ops/conv2d_algorithm.h"
#include "ops/conv2d_checks.h"
#include "ops/conv2d_execution.h"
#include "ops/conv2d_lane_gradient.h"
#include "ops/conv_transpose2d_checks.h"
#include "ops/layer_description.h"

namespace cnnx {
namespace ops {
namespace {

// One pixel as wide as the output, which is all that a sum over pixels needs to know of it.
Conv2dGeometry pointwise(const Conv2dGeometry& convolution) {
  Conv2dGeometry pixels;
  pixels.batch = convolution.batch;
  pixels.in_height = pixels.out_height = convolution.in_height;
  pixels.in_width = pixels.out_width = convolution.in_width;
  pixels.in_channels = pixels.out_channels = pixels.groups = convolution.in_channels;
  return pixels;
}

// A convolution's algorithm in the other direction: forward is its input gradient and the reverse,
// and in its weight gradient the two images change places. The bias is the other image's.
class Transposed final : public Conv2dAlgorithm {
 public:
  // A train step's forward of a convolution, which does not weigh what a single image takes, is
  // what is wanted: it makes gradients here.
  explicit Transposed(const Conv2dGeometry& convolution)
      : convolution_(choose_conv2d_algorithm(convolution, Conv2dMethod::chosen, /*training=*/true)),
        rows_(convolution.in_height),
        bias_gradient_(pointwise(convolution)) {}

  int64_t packed_floats() const override { return convolution_->gradient_packed_floats(); }
  void pack_weights(const float* weight, int threads, float* packed) const override {
    convolution_->pack_for_gradient(weight, threads, packed);
  }
  bool packs_in_parts() const override { return convolution_->gradient_packs_in_parts(); }
  int64_t forward_scratch_floats(int threads) const override {
    return convolution_->input_gradient_scratch_floats(threads);
  }
  void forward(const float* x, const float* weight, const float* packed, const Epilogue& epilogue,
               int threads, float* scratch, float* output) const override {
    convolution_->input_gradient(x, weight, packed, epilogue, threads, scratch, output);
  }
  bool pools() const override { return false; }

  int64_t gradient_packed_floats() const override { return convolution_->packed_floats(); }
  void pack_for_gradient(const float* weight, int threads, float* packed) const override {
    convolution_->pack_weights(weight, threads, packed);
  }
  bool gradient_packs_in_parts() const override { return convolution_->packs_in_parts(); }
  int64_t input_gradient_scratch_floats(int threads) const override {
    return convolution_->forward_scratch_floats(threads);
  }
  void input_gradient(const float* grad_output, const float* weight, const float* packed,
                      const Epilogue& epilogue, int threads, float* scratch,
                      float* grad_input) const override {
    convolution_->forward(grad_output, weight, packed, epilogue, threads, scratch, grad_input);
  }

  int64_t weight_gradient_scratch_floats(int threads) const override {
    return std::max(convolution_->weight_gradient_scratch_floats(threads),
                    bias_gradient_.scratch_floats());
  }
  void weight_gradient(const GradientKernels& kernels, const float* x, const float* grad_output,
                       bool accumulate, int threads, float* scratch, float* grad_weight,
                       float* grad_bias) const override {
    if (grad_weight) {
      convolution_->weight_gradient(kernels, grad_output, x, accumulate, threads, scratch,
                                    grad_weight, nullptr);
    }
    if (!grad_bias) return;
    // Additions that take about 20 microseconds, most of it memory's.
    constexpr int64_t kGrainSums = 128 * 1024;
    bias_gradient_.run(kernels, grad_output, accumulate, rows_, kGrainSums, threads, scratch,
                       nullptr, grad_bias,
                       [](int64_t, const float*, int64_t, int64_t, int, float*) {});
  }

 private:
  std::shared_ptr<const Conv2dAlgorithm> convolution_;
  int64_t rows_;  // of the output
  LaneGradient bias_gradient_;
};

class ConvTranspose2dOp final : public Op {
 public:
  ConvTranspose2dOp(int64_t out_channels, Pair kernel_size, const ConvTranspose2dOptions& options,
                    bool bias)
      : out_channels_(out_channels), kernel_size_(kernel_size), options_(options), bias_(bias) {}
  Shape output_shape(const Shape& input) const override { return geometry(input).output_shape(); }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    const Shape weight = geometry(input).weight_shape();
    // As a convolution's: the inputs of a group times the kernel's taps, though with a stride fewer
    // of them meet in one output.
    const int64_t fan_in = weight[0] * weight[1] * (weight[3] / options_.groups);
    std::vector<ParameterSpec> specs = {{"weight", weight, fan_in}};
    if (bias_) specs.push_back({"bias", {out_channels_}, 0});
    return specs;
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return bind_fused(input, {});
  }
  bool can_fuse(Fusable successor, const Shape&) const override {
    return successor == Fusable::relu || successor == Fusable::batch_norm;
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    const Conv2dGeometry convolution = geometry(input).convolution;
    return bind_convolution({convolution, true, bias_}, std::make_shared<Transposed>(convolution),
                            fusion);
  }

 private:
  ConvTranspose2dGeometry geometry(const Shape& input) const {
    // What the input lacks is said by conv_transpose2d_geometry; the weight needs a number of
    // channels before that.
    const int64_t in_channels = input.size() == 4 ? input[3] : options_.groups;
    check_layer_groups("conv_transpose2d", options_.groups, in_channels, out_channels_);
    return conv_transpose2d_geometry(
        input,
        {kernel_size_.height, kernel_size_.width, out_channels_ / options_.groups, in_channels},
        options_);
  }

  int64_t out_channels_;
  Pair kernel_size_;
  ConvTranspose2dOptions options_;
  bool bias_;
};

std::unique_ptr<const Op> make_conv_transpose2d(const CheckedSettings& settings) {
  ConvTranspose2dOptions options;
  options.stride = settings.pair("stride");
  options.padding = settings.padding("padding");
  options.output_padding = settings.pair("output_padding");
  options.dilation = settings.pair("dilation");
  options.groups = settings.integer("groups");
  check_output_padding("conv_transpose2d", options);
  return std::make_unique<ConvTranspose2dOp>(settings.integer("out_channels"),
                                             settings.pair("kernel_size"), options,
                                             settings.boolean("bias"));
}

constexpr SettingInfo kSettings[] = {
    integer("out_channels", 1, "channels of the output"),
    pair("kernel_size", 1, "size of the filters"),
    pair("stride", 1, "step from filter to filter in the output").otherwise(1),
    padding("padding", "rows and columns cut off the output").otherwise(0),
    pair("output_padding", 0, "rows added at the bottom, columns at the right").otherwise(0),
    pair("dilation", 1, "distance between the taps of a filter").otherwise(1),
    integer("groups", 1, "groups of channels, each convolved by itself").otherwise(1),
    boolean("bias", "whether a number is added per output channel").otherwise(true),
};
constexpr LayerArray kParameters[] = {{"weight"}, {"bias", "bias"}};
constexpr LayerDescription kLayers[] = {
    LayerDescription("conv_transpose2d", "transpose of conv2d, which enlarges an image",
                     make_conv_transpose2d)
        .with_settings(kSettings)
        .with_parameters(kParameters),
};

}  // namespace

ConstantArray<LayerDescription> conv_transpose2d_layers() { return kLayers; }

}  // namespace ops

void conv_transpose2d(const ConvTranspose2dGeometry& geometry, const float* x, const float* weight,
                      const float* bias, float* output) {
  ops::run_convolution(ops::Transposed(geometry.convolution), x, weight, bias, output);
}

void conv_transpose2d_backward(const ConvTranspose2dGeometry& geometry, const float* grad_output,
                               const float* x, const float* weight, float* grad_input,
                               float* grad_weight, float* grad_bias, bool accumulate) {
  ops::run_convolution_backward(ops::Transposed(geometry.convolution), grad_output, x, weight,
                                grad_input, grad_weight, grad_bias, accumulate);
}

}  // namespace cnnx
