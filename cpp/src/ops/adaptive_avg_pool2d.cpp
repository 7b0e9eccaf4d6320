// Adaptive and global average pooling: the public functions and both layer kinds, parallel over
// rows of images.
#include "cnnx/adaptive_avg_pool2d.h"

#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "kernels/adaptive_avg_pool2d.h"
#include "ops/gradient_kernels.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/linear_map.h"
#include "ops/op.h"
#include "ops/pool2d.h"
#include "ops/pool2d_quantized.h"
#include "runtime/dispatch.h"

namespace cnnx {
namespace ops {
namespace {

AdaptivePool one_image(const AdaptiveAvgPool2dGeometry& g) {
  return {g.in_height, g.in_width, g.channels, g.out_height, g.out_width};
}

template <class Element>
void run_adaptive_avg_pool2d(const AdaptiveAvgPool2dGeometry& g, const Element* x, int threads,
                             Element* output) {
  const AdaptiveAvgPool2dKernels& kernels = CNNX_KERNELS(adaptive_avg_pool2d_kernels);
  const auto kernel = by_element<Element>(kernels.forward, kernels.bfloat16_forward);
  const int64_t in_floats = g.in_height * g.in_width * g.channels;
  const int64_t out_row = g.out_width * g.channels;
  parallel_for_rows(threads, g.batch, g.out_height, in_floats / g.out_height + out_row,
                    [&](int64_t image, int64_t begin, int64_t end) {
                      kernel(one_image(g), x + image * in_floats, begin, end,
                             output + image * g.out_height * out_row);
                    });
}

template <class Element>
void run_adaptive_avg_pool2d_backward(const AdaptiveAvgPool2dGeometry& g,
                                      const GradientKernels& kernels, const Element* grad_output,
                                      int threads, bool accumulate, Element* grad_input) {
  const auto kernel = by_element<Element>(kernels.adaptive_avg_pool2d->backward,
                                          kernels.adaptive_avg_pool2d->bfloat16_backward);
  const int64_t in_row = g.in_width * g.channels;
  const int64_t out_floats = g.out_height * g.out_width * g.channels;
  parallel_for_rows(threads, g.batch, g.in_height, in_row + out_floats / g.in_height,
                    [&](int64_t image, int64_t begin, int64_t end) {
                      kernel(one_image(g), grad_output + image * out_floats, begin, end, accumulate,
                             grad_input + image * g.in_height * in_row);
                    });
}

template <class Element>
using BoundAdaptiveAvgPool2d =
    BoundLinearMap<Element, AdaptiveAvgPool2dGeometry, run_adaptive_avg_pool2d<Element>,
                   run_adaptive_avg_pool2d_backward<Element>>;

// What both kinds have in common.
class AveragingOp : public ElementsOp {
 public:
  explicit AveragingOp(Pair output_size) : output_size_(output_size) {}
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input, const Fusion& fusion) const final {
    return bind_elements<BoundAdaptiveAvgPool2d>(fusion, geometry(input));
  }
  bool reads_bytes(const std::vector<Shape>& inputs) const final {
    return image_sums_fit(inputs[0]);
  }
  bool can_fuse_in_bytes(Fusable successor) const final { return successor == Fusable::quantize; }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion& fusion) const final {
    return bind_quantized_avg_pool2d(geometry(inputs[0]), formats[0], fusion);
  }

 protected:
  AdaptiveAvgPool2dGeometry geometry(const Shape& input) const {
    return adaptive_avg_pool2d_geometry(input, output_size_);
  }

 private:
  Pair output_size_;
};

class AdaptiveAvgPool2dOp final : public AveragingOp {
 public:
  using AveragingOp::AveragingOp;
  Shape output_shape(const Shape& input) const override { return geometry(input).output_shape(); }
};

class GlobalAvgPool2dOp final : public AveragingOp {
 public:
  GlobalAvgPool2dOp() : AveragingOp(1) {}
  Shape output_shape(const Shape& input) const override {
    check_image_shape("global_avg_pool2d", input);
    return {input[0], input[3]};
  }
};

std::unique_ptr<const Op> make_adaptive_avg_pool2d(const CheckedSettings& settings) {
  return std::make_unique<AdaptiveAvgPool2dOp>(settings.pair("output_size"));
}

std::unique_ptr<const Op> make_global_avg_pool2d(const CheckedSettings&) {
  return std::make_unique<GlobalAvgPool2dOp>();
}

constexpr SettingInfo kAdaptiveAvgPool2dSettings[] = {pair("output_size", 1, "number of windows")};
constexpr LayerDescription kAdaptiveAvgPool2dLayers[] = {
    LayerDescription("adaptive_avg_pool2d", "means of a given number of windows",
                     make_adaptive_avg_pool2d)
        .with_settings(kAdaptiveAvgPool2dSettings),
    LayerDescription("global_avg_pool2d", "mean of each channel", make_global_avg_pool2d),
};

}  // namespace

ConstantArray<LayerDescription> adaptive_avg_pool2d_layers() { return kAdaptiveAvgPool2dLayers; }

}  // namespace ops

AdaptiveAvgPool2dGeometry adaptive_avg_pool2d_geometry(const Shape& x, Pair output_size) {
  constexpr const char* kName = "adaptive_avg_pool2d";
  ops::check_image_shape(kName, x);
  for (const int64_t size : {output_size.height, output_size.width}) {
    if (size >= 1 && size <= kMostSetting) continue;
    throw std::invalid_argument(std::string(kName) + ": output_size is " +
                                to_string(Shape{output_size.height, output_size.width}) +
                                ", expected 1 to " + std::to_string(kMostSetting) +
                                " in height and width");
  }
  ops::checked_output(kName, {x[0], output_size.height, output_size.width, x[3]});
  return {x[0], x[1], x[2], x[3], output_size.height, output_size.width};
}

void adaptive_avg_pool2d(const AdaptiveAvgPool2dGeometry& geometry, const float* x, float* output) {
  ops::run_adaptive_avg_pool2d(geometry, x, get_num_threads(), output);
}

void adaptive_avg_pool2d_backward(const AdaptiveAvgPool2dGeometry& geometry,
                                  const float* grad_output, float* grad_input, bool accumulate) {
  ops::run_adaptive_avg_pool2d_backward(geometry, ops::gradient_kernels(), grad_output,
                                        get_num_threads(), accumulate, grad_input);
}

}  // namespace cnnx
