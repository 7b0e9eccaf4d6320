// zero_pad2d: the public functions and the layer kind, which copy rows.
#include "cnnx/zero_pad2d.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "ops/elements.h"
#include "ops/gradient_kernels.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/linear_map.h"
#include "ops/op.h"
#include "ops/pool2d.h"

namespace cnnx {
namespace ops {
namespace {

constexpr const char* kZeroPad2dName = "zero_pad2d";

// `zero` is the element that stands for 0.
template <class Element>
void pad_images(const ZeroPad2dGeometry& g, Element zero, const Element* x, int threads,
                Element* output) {
  const Shape padded = g.output_shape();
  const int64_t in_row = g.in_width * g.channels, out_row = padded[2] * g.channels;
  const int64_t left = g.left * g.channels;
  parallel_for_rows(threads, g.batch, padded[1], in_row + out_row,
                    [&](int64_t image, int64_t begin, int64_t end) {
                      for (int64_t row = begin; row < end; ++row) {
                        Element* const target = output + (image * padded[1] + row) * out_row;
                        const bool inside = row >= g.top && row < g.top + g.in_height;
                        if (!inside) {
                          std::fill_n(target, out_row, zero);
                          continue;
                        }
                        const Element* const source =
                            x + (image * g.in_height + row - g.top) * in_row;
                        std::fill_n(target, left, zero);
                        std::copy_n(source, in_row, target + left);
                        std::fill_n(target + left + in_row, g.right * g.channels, zero);
                      }
                    });
}

template <class Element>
void run_zero_pad2d(const ZeroPad2dGeometry& g, const Element* x, int threads, Element* output) {
  pad_images(g, Element{0}, x, threads, output);
}

struct BytePadding {
  ZeroPad2dGeometry geometry;
  uint8_t zero;
};

void pad_bytes(const BytePadding& p, const uint8_t* x, int threads, uint8_t* output) {
  pad_images(p.geometry, p.zero, x, threads, output);
}

template <class Element>
void run_zero_pad2d_backward(const ZeroPad2dGeometry& g, const GradientKernels&,
                             const Element* grad_output, int threads, bool accumulate,
                             Element* grad_input) {
  const auto add = sum_kernel<Element>();
  const Shape padded = g.output_shape();
  const int64_t in_row = g.in_width * g.channels, out_row = padded[2] * g.channels;
  parallel_for_rows(
      threads, g.batch, g.in_height, 2 * in_row, [&](int64_t image, int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          const Element* const source =
              grad_output + (image * padded[1] + row + g.top) * out_row + g.left * g.channels;
          Element* const target = grad_input + (image * g.in_height + row) * in_row;
          if (accumulate) {
            add(target, source, in_row, false, target);
          } else {
            std::copy_n(source, in_row, target);
          }
        }
      });
}

template <class Element>
using BoundZeroPad2d = BoundLinearMap<Element, ZeroPad2dGeometry, run_zero_pad2d<Element>,
                                      run_zero_pad2d_backward<Element>>;

class ZeroPad2dOp final : public ElementsOp {
 public:
  explicit ZeroPad2dOp(const Padding& padding) : padding_(padding) {}
  Shape output_shape(const Shape& input) const override {
    return zero_pad2d_geometry(input, padding_).output_shape();
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return bind_elements<BoundZeroPad2d>(fusion, zero_pad2d_geometry(input, padding_));
  }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion&) const override {
    return {
        std::make_unique<BoundByteCopy<BytePadding, pad_bytes>>(BytePadding{
            zero_pad2d_geometry(inputs[0], padding_), static_cast<uint8_t>(formats[0].zero_point)}),
        formats[0]};
  }

 private:
  Padding padding_;
};

std::unique_ptr<const Op> make_zero_pad2d(const CheckedSettings& settings) {
  return std::make_unique<ZeroPad2dOp>(settings.padding("padding"));
}

constexpr SettingInfo kZeroPad2dSettings[] = {sides("padding", "zeros around the image")};
constexpr LayerDescription kZeroPad2dLayers[] = {
    LayerDescription(kZeroPad2dName, "zeros around the image", make_zero_pad2d)
        .with_settings(kZeroPad2dSettings),
};

}  // namespace

ConstantArray<LayerDescription> zero_pad2d_layers() { return kZeroPad2dLayers; }

}  // namespace ops

ZeroPad2dGeometry zero_pad2d_geometry(const Shape& x, const Padding& padding) {
  ops::check_image_shape(ops::kZeroPad2dName, x);
  for (const int64_t side : {padding.top, padding.bottom, padding.left, padding.right}) {
    if (padding.rule == Padding::Rule::explicit_sides && side >= 0 && side <= kMostSetting)
      continue;
    throw std::invalid_argument(
        std::string(ops::kZeroPad2dName) + ": padding is ((" + std::to_string(padding.top) + ", " +
        std::to_string(padding.bottom) + "), (" + std::to_string(padding.left) + ", " +
        std::to_string(padding.right) + ")), expected 0 to " + std::to_string(kMostSetting) +
        " on every side");
  }
  const ZeroPad2dGeometry geometry = {x[0],        x[1],           x[2],         x[3],
                                      padding.top, padding.bottom, padding.left, padding.right};
  ops::checked_output(ops::kZeroPad2dName, geometry.output_shape());
  return geometry;
}

void zero_pad2d(const ZeroPad2dGeometry& geometry, const float* x, float* output) {
  ops::run_zero_pad2d(geometry, x, get_num_threads(), output);
}

void zero_pad2d_backward(const ZeroPad2dGeometry& geometry, const float* grad_output,
                         float* grad_input, bool accumulate) {
  ops::run_zero_pad2d_backward(geometry, ops::gradient_kernels(), grad_output, get_num_threads(),
                               accumulate, grad_input);
}

}  // namespace cnnx
