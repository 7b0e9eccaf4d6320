// upsample2d: the public functions and the layer kind, both parallel over rows of images.
#include "cnnx/upsample2d.h"

#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "kernels/upsample2d.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/linear_map.h"
#include "ops/op.h"
#include "ops/pool2d.h"
#include "runtime/dispatch.h"

namespace cnnx {
namespace ops {
namespace {

constexpr const char* kName = "upsample2d";

Upsampling one_image(const Upsample2dGeometry& g) {
  return {g.in_height, g.in_width, g.channels, g.scale.height, g.scale.width};
}

void run(const Upsample2dGeometry& g, const float* x, int threads, float* output) {
  const Upsample2dKernels& kernels = CNNX_KERNELS(upsample2d_kernels);
  const auto kernel = g.mode == UpsampleMode::nearest ? kernels.nearest : kernels.bilinear;
  const int64_t in_floats = g.in_height * g.in_width * g.channels;
  const int64_t out_rows = g.in_height * g.scale.height;
  const int64_t out_row = g.in_width * g.scale.width * g.channels;
  parallel_for_rows(threads, g.batch, out_rows, 2 * out_row,
                    [&](int64_t image, int64_t begin, int64_t end) {
                      kernel(one_image(g), x + image * in_floats, begin, end,
                             output + image * out_rows * out_row);
                    });
}

void run_backward(const Upsample2dGeometry& g, const float* grad_output, int threads,
                  bool accumulate, float* grad_input) {
  const Upsample2dKernels& kernels = CNNX_KERNELS(upsample2d_kernels);
  const auto kernel =
      g.mode == UpsampleMode::nearest ? kernels.nearest_backward : kernels.bilinear_backward;
  const int64_t in_floats = g.in_height * g.in_width * g.channels;
  const int64_t out_floats = in_floats * g.scale.height * g.scale.width;
  parallel_for_rows(threads, g.batch, g.in_height, 2 * out_floats / g.in_height,
                    [&](int64_t image, int64_t begin, int64_t end) {
                      kernel(one_image(g), grad_output + image * out_floats, begin, end, accumulate,
                             grad_input + image * in_floats);
                    });
}

using BoundUpsample2d = BoundLinearMap<Upsample2dGeometry, run, run_backward>;

class Upsample2dOp final : public Op {
 public:
  Upsample2dOp(Pair scale_factor, UpsampleMode mode) : scale_factor_(scale_factor), mode_(mode) {}
  Shape output_shape(const Shape& input) const override {
    return upsample2d_geometry(input, scale_factor_, mode_).output_shape();
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return std::make_unique<BoundUpsample2d>(upsample2d_geometry(input, scale_factor_, mode_));
  }

 private:
  Pair scale_factor_;
  UpsampleMode mode_;
};

constexpr const char* kModes[] = {"nearest", "bilinear"};

std::unique_ptr<const Op> make_upsample2d(const CheckedSettings& settings) {
  const bool nearest = settings.choice("mode") == kModes[0];
  return std::make_unique<Upsample2dOp>(settings.pair("scale_factor"),
                                        nearest ? UpsampleMode::nearest : UpsampleMode::bilinear);
}

constexpr SettingInfo kSettings[] = {
    pair("scale_factor", 1, "how many times as high and wide"),
    choice("mode", kModes, "repeats pixels, or mixes the four around a place").otherwise(0),
};
constexpr LayerDescription kLayers[] = {
    LayerDescription(kName, "an image enlarged by whole factors", make_upsample2d)
        .with_settings(kSettings),
};

}  // namespace

ConstantArray<LayerDescription> upsample2d_layers() { return kLayers; }

}  // namespace ops

Upsample2dGeometry upsample2d_geometry(const Shape& x, Pair scale_factor, UpsampleMode mode) {
  ops::check_image_shape(ops::kName, x);
  for (const int64_t factor : {scale_factor.height, scale_factor.width}) {
    if (factor >= 1 && factor <= ops::kMostSetting) continue;
    throw std::invalid_argument(std::string(ops::kName) + ": scale_factor is " +
                                to_string(Shape{scale_factor.height, scale_factor.width}) +
                                ", expected 1 to " + std::to_string(ops::kMostSetting) +
                                " in height and width");
  }
  const Upsample2dGeometry geometry = {x[0], x[1], x[2], x[3], scale_factor, mode};
  ops::checked_output(ops::kName, geometry.output_shape());
  return geometry;
}

void upsample2d(const Upsample2dGeometry& geometry, const float* x, float* output) {
  ops::run(geometry, x, get_num_threads(), output);
}

void upsample2d_backward(const Upsample2dGeometry& geometry, const float* grad_output,
                         float* grad_input, bool accumulate) {
  ops::run_backward(geometry, grad_output, get_num_threads(), accumulate, grad_input);
}

}  // namespace cnnx
