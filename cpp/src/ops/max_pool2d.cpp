// Max pooling: the public functions and the layer kind, both parallel over rows of images.
#include "cnnx/max_pool2d.h"

#include "cnnx/runtime.h"
#include "kernels/max_pool2d.h"
#include "ops/gradient_kernels.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "ops/pool2d.h"
#include "runtime/dispatch.h"

namespace cnnx {
namespace ops {
namespace {

constexpr const char* kMaxPool2dName = "max_pool2d";

void run_max_pool2d(const Pool2dGeometry& g, const float* x, int threads, float* output) {
  const PoolWindows windows = windows_of_one_image(g);
  const auto kernel = CNNX_KERNELS(max_pool2d_kernels).forward;
  const int64_t in_floats = g.in_height * g.in_width * g.channels;
  const int64_t out_row = g.out_width * g.channels;
  parallel_for_rows(threads, g.batch, g.out_height, in_floats / g.out_height + out_row,
                    [&](int64_t image, int64_t begin, int64_t end) {
                      kernel(windows, x + image * in_floats, begin, end,
                             output + image * g.out_height * out_row);
                    });
}

void run_max_pool2d_backward(const Pool2dGeometry& g, const GradientKernels& kernels,
                             const float* grad_output, const float* x, int threads, bool accumulate,
                             float* grad_input) {
  const PoolWindows windows = windows_of_one_image(g);
  const auto kernel = kernels.max_pool2d->backward;
  const int64_t in_row = g.in_width * g.channels, in_floats = g.in_height * in_row;
  const int64_t out_floats = g.out_height * g.out_width * g.channels;
  parallel_for_rows(threads, g.batch, g.in_height, 2 * in_row + out_floats / g.in_height,
                    [&](int64_t image, int64_t begin, int64_t end) {
                      kernel(windows, grad_output + image * out_floats, x + image * in_floats,
                             begin, end, accumulate, grad_input + image * in_floats);
                    });
}

class BoundMaxPool2d final : public BoundOp {
 public:
  explicit BoundMaxPool2d(const Pool2dGeometry& geometry) : geometry_(geometry) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_output = false;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    run_max_pool2d(geometry_, a.inputs[0], a.threads, a.output);
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    run_max_pool2d_backward(geometry_, *a.kernels, a.grad_output, a.inputs[0], a.threads,
                            gradient.accumulate, gradient.values);
  }

 private:
  Pool2dGeometry geometry_;
};

class MaxPool2dOp final : public Op {
 public:
  explicit MaxPool2dOp(const Pool2dSettings& settings) : settings_(settings) {}
  Shape output_shape(const Shape& input) const override { return geometry(input).output_shape(); }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return std::make_unique<BoundMaxPool2d>(geometry(input));
  }
  Fusable fusable_as(const Shape& input) const override {
    const Pool2dGeometry g = geometry(input);
    const auto is_two = [](Pair pair) { return pair.height == 2 && pair.width == 2; };
    const bool adjacent = g.dilation.height == 1 && g.dilation.width == 1;
    const bool side_by_side = is_two(g.kernel_size) && is_two(g.stride) && adjacent && g.top == 0 &&
                              g.left == 0 && g.out_height == g.in_height / 2 &&
                              g.out_width == g.in_width / 2;
    return side_by_side ? Fusable::max_pool_2x2 : Fusable::none;
  }

 private:
  Pool2dGeometry geometry(const Shape& input) const {
    return pool2d_geometry(kMaxPool2dName, input, settings_);
  }

  Pool2dSettings settings_;
};

std::unique_ptr<const Op> make_max_pool2d(const CheckedSettings& settings) {
  return std::make_unique<MaxPool2dOp>(Pool2dSettings::of(settings));
}

constexpr SettingInfo kMaxPool2dSettings[] = {
    kPoolWindow,
    kPoolStride,
    padding("padding", "minus infinity around the image").otherwise(0),
    kPoolDilation,
    kPoolCeilMode,
};
constexpr LayerDescription kMaxPool2dLayers[] = {
    LayerDescription(kMaxPool2dName, "maximum of each window", make_max_pool2d)
        .with_settings(kMaxPool2dSettings),
};

}  // namespace

ConstantArray<LayerDescription> max_pool2d_layers() { return kMaxPool2dLayers; }

}  // namespace ops

Pool2dGeometry max_pool2d_geometry(const Shape& x, Pair kernel_size, Pair stride,
                                   const Padding& padding, Pair dilation, bool ceil_mode) {
  return ops::pool2d_geometry(ops::kMaxPool2dName, x,
                              {kernel_size, stride, padding, dilation, ceil_mode});
}

void max_pool2d(const Pool2dGeometry& geometry, const float* x, float* output) {
  ops::run_max_pool2d(geometry, x, get_num_threads(), output);
}

void max_pool2d_backward(const Pool2dGeometry& geometry, const float* grad_output, const float* x,
                         float* grad_input, bool accumulate) {
  ops::run_max_pool2d_backward(geometry, ops::gradient_kernels(), grad_output, x, get_num_threads(),
                               accumulate, grad_input);
}

}  // namespace cnnx
