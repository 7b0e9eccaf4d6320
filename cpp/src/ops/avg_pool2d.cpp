// Average pooling: the public functions and the layer kind, both parallel over rows of images.
#include "cnnx/avg_pool2d.h"

#include "cnnx/runtime.h"
#include "kernels/avg_pool2d.h"
#include "ops/elements.h"
#include "ops/gradient_kernels.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "ops/pool2d.h"
#include "ops/pool2d_quantized.h"
#include "runtime/dispatch.h"

namespace cnnx {
namespace ops {
namespace {

template <class Element>
void run_avg_pool2d(const AvgPool2dGeometry& g, const Element* x, int threads, Element* output) {
  const PoolWindows windows = windows_of_one_image(g);
  const AvgPool2dKernels& kernels = CNNX_KERNELS(avg_pool2d_kernels);
  const auto kernel = by_element<Element>(kernels.forward, kernels.bfloat16_forward);
  const int64_t in_floats = g.in_height * g.in_width * g.channels;
  const int64_t out_row = g.out_width * g.channels;
  parallel_for_rows(threads, g.batch, g.out_height, in_floats / g.out_height + out_row,
                    [&](int64_t image, int64_t begin, int64_t end) {
                      kernel(windows, g.divide_by_real_pixels, x + image * in_floats, begin, end,
                             output + image * g.out_height * out_row);
                    });
}

template <class Element>
void run_avg_pool2d_backward(const AvgPool2dGeometry& g, const GradientKernels& kernels,
                             const Element* grad_output, int threads, bool accumulate,
                             Element* grad_input, float* scratch) {
  const PoolWindows windows = windows_of_one_image(g);
  const auto kernel =
      by_element<Element>(kernels.avg_pool2d->backward, kernels.avg_pool2d->bfloat16_backward);
  const int64_t in_row = g.in_width * g.channels, in_floats = g.in_height * in_row;
  const GradientRows<Element> gradients(in_row, scratch);
  const int64_t out_floats = g.out_height * g.out_width * g.channels;
  parallel_for_rows(threads, g.batch, g.in_height, in_row + out_floats / g.in_height,
                    [&](int64_t image, int64_t begin, int64_t end, int slot) {
                      gradients.for_bands(
                          grad_input + image * in_floats, begin, end, slot, accumulate,
                          [&](int64_t first, int64_t last, float* rows) {
                            kernel(windows, g.divide_by_real_pixels,
                                   grad_output + image * out_floats, first, last, accumulate, rows);
                          });
                    });
}

AvgPool2dGeometry geometry_of(const Shape& x, const Pool2dSettings& settings,
                              bool count_include_pad) {
  AvgPool2dGeometry geometry;
  static_cast<Pool2dGeometry&>(geometry) = pool2d_geometry("avg_pool2d", x, settings);
  geometry.divide_by_real_pixels =
      !count_include_pad || settings.padding.rule == Padding::Rule::same;
  return geometry;
}

template <class Element>
class BoundAvgPool2d final : public BoundOp {
 public:
  explicit BoundAvgPool2d(const AvgPool2dGeometry& geometry) : g_(geometry) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = false;
    traits.backward_reads_output = false;
    return traits;
  }
  int64_t backward_scratch_floats(int threads) const override {
    return GradientRows<Element>(g_.in_width * g_.channels).scratch_floats(threads);
  }
  void forward(const ForwardArguments& a) const override {
    run_avg_pool2d(g_, elements_of<Element>(a.inputs[0]), a.threads,
                   elements_of<Element>(a.output));
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    run_avg_pool2d_backward<Element>(g_, *a.kernels, elements_of<Element>(a.grad_output), a.threads,
                                     gradient.accumulate, elements_of<Element>(gradient.values),
                                     a.scratch);
  }

 private:
  AvgPool2dGeometry g_;
};

class AvgPool2dOp final : public ElementsOp {
 public:
  AvgPool2dOp(const Pool2dSettings& settings, bool count_include_pad)
      : settings_(settings), count_include_pad_(count_include_pad) {}
  Shape output_shape(const Shape& input) const override { return geometry(input).output_shape(); }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return bind_elements<BoundAvgPool2d>(fusion, geometry(input));
  }
  bool reads_bytes(const std::vector<Shape>& inputs) const override {
    return image_sums_fit(inputs[0]);
  }
  bool can_fuse_in_bytes(Fusable successor) const override {
    return successor == Fusable::quantize;
  }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion& fusion) const override {
    return bind_quantized_avg_pool2d(geometry(inputs[0]), formats[0], fusion);
  }

 private:
  AvgPool2dGeometry geometry(const Shape& input) const {
    return geometry_of(input, settings_, count_include_pad_);
  }

  Pool2dSettings settings_;
  bool count_include_pad_;
};

std::unique_ptr<const Op> make_avg_pool2d(const CheckedSettings& settings) {
  return std::make_unique<AvgPool2dOp>(Pool2dSettings::of(settings),
                                       settings.boolean("count_include_pad"));
}

constexpr SettingInfo kAvgPool2dSettings[] = {
    kPoolWindow,
    kPoolStride,
    padding("padding", "zeros around the image").otherwise(0),
    boolean("count_include_pad", "whether the divisor counts the padding").otherwise(true),
    kPoolDilation,
    kPoolCeilMode,
};
constexpr LayerDescription kAvgPool2dLayers[] = {
    LayerDescription("avg_pool2d", "mean of each window", make_avg_pool2d)
        .with_settings(kAvgPool2dSettings),
};

}  // namespace

ConstantArray<LayerDescription> avg_pool2d_layers() { return kAvgPool2dLayers; }

}  // namespace ops

AvgPool2dGeometry avg_pool2d_geometry(const Shape& x, Pair kernel_size, Pair stride,
                                      const Padding& padding, bool count_include_pad, Pair dilation,
                                      bool ceil_mode) {
  return ops::geometry_of(x, {kernel_size, stride, padding, dilation, ceil_mode},
                          count_include_pad);
}

void avg_pool2d(const AvgPool2dGeometry& geometry, const float* x, float* output) {
  ops::run_avg_pool2d(geometry, x, get_num_threads(), output);
}

void avg_pool2d_backward(const AvgPool2dGeometry& geometry, const float* grad_output,
                         float* grad_input, bool accumulate) {
  ops::run_avg_pool2d_backward(geometry, ops::gradient_kernels(), grad_output, get_num_threads(),
                               accumulate, grad_input, nullptr);
}

}  // namespace cnnx
