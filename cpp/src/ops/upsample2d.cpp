// upsample2d: the public functions and the layer kind, both parallel over rows of images.
#include "cnnx/upsample2d.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "cnnx/runtime.h"
#include "kernels/upsample2d.h"
#include "ops/gradient_kernels.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/linear_map.h"
#include "ops/op.h"
#include "ops/pool2d.h"
#include "runtime/dispatch.h"

namespace cnnx {
namespace ops {
namespace {

constexpr const char* kUpsample2dName = "upsample2d";

// Reduced to lowest terms, so that the same numbers are computed for any size of the same ratio.
ResampledAxis axis_of(int64_t in_size, int64_t out_size, UpsampleMode mode, bool align_corners) {
  const bool corners = align_corners && out_size > 1;
  const int64_t from = corners ? in_size - 1 : in_size, to = corners ? out_size - 1 : out_size;
  const int64_t divisor = std::gcd(from, to);
  const int64_t step = from / divisor, unit = to / divisor;
  if (corners) return {in_size, out_size, step, 0, unit};
  if (align_corners) return {in_size, out_size, 1, 0, 1};  // a single output, the first input
  if (mode == UpsampleMode::nearest) return {in_size, out_size, step, 0, unit};
  return {in_size, out_size, 2 * step, step - unit, 2 * unit};
}

Upsampling one_image(const Upsample2dGeometry& g) {
  return {axis_of(g.in_height, g.out_height, g.mode, g.align_corners),
          axis_of(g.in_width, g.out_width, g.mode, g.align_corners), g.channels};
}

template <class Element>
void run_upsample2d(const Upsample2dGeometry& g, const Element* x, int threads, Element* output) {
  const Upsample2dKernels& kernels = CNNX_KERNELS(upsample2d_kernels);
  const auto kernel = g.mode == UpsampleMode::nearest
                          ? by_element<Element>(kernels.nearest, kernels.bfloat16_nearest)
                          : by_element<Element>(kernels.bilinear, kernels.bfloat16_bilinear);
  const Upsampling upsampling = one_image(g);
  const int64_t in_floats = g.in_height * g.in_width * g.channels;
  const int64_t out_row = g.out_width * g.channels;
  parallel_for_rows(threads, g.batch, g.out_height, 2 * out_row,
                    [&](int64_t image, int64_t begin, int64_t end) {
                      kernel(upsampling, x + image * in_floats, begin, end,
                             output + image * g.out_height * out_row);
                    });
}

// Nearest pixels.
void upsample_bytes(const Upsample2dGeometry& g, const uint8_t* x, int threads, uint8_t* output) {
  const Upsampling s = one_image(g);
  const int64_t in_row = g.in_width * g.channels, out_row = g.out_width * g.channels;
  const auto source_of = [](const ResampledAxis& axis, int64_t i) {
    return i * axis.step / axis.unit;
  };
  parallel_for_rows(
      threads, g.batch, g.out_height, out_row / 2, [&](int64_t image, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) {
          const uint8_t* const row = x + (image * g.in_height + source_of(s.rows, i)) * in_row;
          uint8_t* const target = output + (image * g.out_height + i) * out_row;
          for (int64_t j = 0; j < g.out_width; ++j) {
            std::copy_n(row + source_of(s.columns, j) * g.channels, g.channels,
                        target + j * g.channels);
          }
        }
      });
}

template <class Element>
void run_upsample2d_backward(const Upsample2dGeometry& g, const GradientKernels& all,
                             const Element* grad_output, int threads, bool accumulate,
                             Element* grad_input) {
  const Upsample2dGradientKernels& kernels = *all.upsample2d;
  const auto kernel = g.mode == UpsampleMode::nearest
                          ? by_element<Element>(kernels.nearest, kernels.bfloat16_nearest)
                          : by_element<Element>(kernels.bilinear, kernels.bfloat16_bilinear);
  const Upsampling upsampling = one_image(g);
  const int64_t in_floats = g.in_height * g.in_width * g.channels;
  const int64_t out_floats = g.out_height * g.out_width * g.channels;
  parallel_for_rows(threads, g.batch, g.in_height, 2 * out_floats / g.in_height,
                    [&](int64_t image, int64_t begin, int64_t end) {
                      kernel(upsampling, grad_output + image * out_floats, begin, end, accumulate,
                             grad_input + image * in_floats);
                    });
}

template <class Element>
using BoundUpsample2d = BoundLinearMap<Element, Upsample2dGeometry, run_upsample2d<Element>,
                                       run_upsample2d_backward<Element>>;

[[noreturn]] void refuse_upsample2d(const std::string& reason) { refuse(kUpsample2dName, reason); }

void check_sizes(const char* argument, Pair sizes) {
  for (const int64_t each : {sizes.height, sizes.width}) {
    if (each >= 1 && each <= kMostSetting) continue;
    refuse_upsample2d(std::string(argument) + " is " + to_string(Shape{sizes.height, sizes.width}) +
                      ", expected 1 to " + std::to_string(kMostSetting) + " in height and width");
  }
}

Upsample2dGeometry geometry_of(const Shape& x, Pair out, UpsampleMode mode, bool align_corners) {
  if (align_corners && mode == UpsampleMode::nearest)
    refuse_upsample2d("align_corners is true, expected false with mode nearest");
  const Upsample2dGeometry geometry = {x[0],       x[1],      x[2], x[3],
                                       out.height, out.width, mode, align_corners};
  checked_output(kUpsample2dName, geometry.output_shape());
  return geometry;
}

class Upsample2dOp final : public ElementsOp {
 public:
  // With a size other than (0, 0) the factors are 1.
  Upsample2dOp(Pair scale_factor, Pair size, UpsampleMode mode, bool align_corners)
      : scale_factor_(scale_factor), size_(size), mode_(mode), align_corners_(align_corners) {}
  Shape output_shape(const Shape& input) const override { return geometry(input).output_shape(); }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return bind_elements<BoundUpsample2d>(fusion, geometry(input));
  }
  bool reads_bytes(const std::vector<Shape>&) const override {
    return mode_ == UpsampleMode::nearest;
  }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion&) const override {
    return {
        std::make_unique<BoundByteCopy<Upsample2dGeometry, upsample_bytes>>(geometry(inputs[0])),
        formats[0]};
  }

 private:
  Upsample2dGeometry geometry(const Shape& input) const {
    if (size_.height == 0 && size_.width == 0)
      return upsample2d_geometry(input, scale_factor_, mode_, align_corners_);
    if (scale_factor_.height != 1 || scale_factor_.width != 1) {
      refuse_upsample2d(
          "scale_factor is " + to_string(Shape{scale_factor_.height, scale_factor_.width}) +
          " and size is " + to_string(Shape{size_.height, size_.width}) + ", expected one of them");
    }
    return upsample2d_geometry_of_size(input, size_, mode_, align_corners_);
  }

  Pair scale_factor_, size_;
  UpsampleMode mode_;
  bool align_corners_;
};

constexpr const char* kUpsample2dModes[] = {"nearest", "bilinear"};

std::unique_ptr<const Op> make_upsample2d(const CheckedSettings& settings) {
  const bool nearest = settings.choice("mode") == kUpsample2dModes[0];
  return std::make_unique<Upsample2dOp>(settings.pair("scale_factor"), settings.pair("size"),
                                        nearest ? UpsampleMode::nearest : UpsampleMode::bilinear,
                                        settings.boolean("align_corners"));
}

constexpr SettingInfo kUpsample2dSettings[] = {
    pair("scale_factor", 1, "how many times as high and wide").otherwise(1),
    choice("mode", kUpsample2dModes, "repeats pixels, or mixes the four around a place")
        .otherwise(0),
    pair("size", 0, "height and width of the output instead of a factor, or 0")
        .otherwise(0)
        .omit_default(),
    boolean("align_corners", "whether the corners of input and output lie on each other")
        .otherwise(false)
        .omit_default(),
};
constexpr LayerDescription kUpsample2dLayers[] = {
    LayerDescription(kUpsample2dName, "an image resampled to another size", make_upsample2d)
        .with_settings(kUpsample2dSettings),
};

}  // namespace

ConstantArray<LayerDescription> upsample2d_layers() { return kUpsample2dLayers; }

}  // namespace ops

Upsample2dGeometry upsample2d_geometry(const Shape& x, Pair scale_factor, UpsampleMode mode,
                                       bool align_corners) {
  ops::check_image_shape(ops::kUpsample2dName, x);
  ops::check_sizes("scale_factor", scale_factor);
  Pair out;
  if (__builtin_mul_overflow(x[1], scale_factor.height, &out.height) ||
      __builtin_mul_overflow(x[2], scale_factor.width, &out.width)) {
    ops::refuse_upsample2d("x has shape " + to_string(x) + " and scale_factor is " +
                           to_string(Shape{scale_factor.height, scale_factor.width}) +
                           ", expected fewer pixels");
  }
  return ops::geometry_of(x, out, mode, align_corners);
}

Upsample2dGeometry upsample2d_geometry_of_size(const Shape& x, Pair size, UpsampleMode mode,
                                               bool align_corners) {
  ops::check_image_shape(ops::kUpsample2dName, x);
  ops::check_sizes("size", size);
  return ops::geometry_of(x, size, mode, align_corners);
}

void upsample2d(const Upsample2dGeometry& geometry, const float* x, float* output) {
  ops::run_upsample2d(geometry, x, get_num_threads(), output);
}

void upsample2d_backward(const Upsample2dGeometry& geometry, const float* grad_output,
                         float* grad_input, bool accumulate) {
  ops::run_upsample2d_backward(geometry, ops::gradient_kernels(), grad_output, get_num_threads(),
                               accumulate, grad_input);
}

}  // namespace cnnx
