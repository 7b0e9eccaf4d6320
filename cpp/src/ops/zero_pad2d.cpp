// zero_pad2d and crop2d: the public functions and the layer kinds, which copy rows. Each is the
// other's gradient.
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
constexpr const char* kCrop2dName = "crop2d";

std::string text_of_sides(const Padding& sides) {
  return "((" + std::to_string(sides.top) + ", " + std::to_string(sides.bottom) + "), (" +
         std::to_string(sides.left) + ", " + std::to_string(sides.right) + "))";
}

void check_sides(const char* function, const char* setting, const Padding& sides) {
  for (const int64_t side : {sides.top, sides.bottom, sides.left, sides.right}) {
    if (sides.rule == Padding::Rule::explicit_sides && side >= 0 && side <= kMostSetting) continue;
    throw std::invalid_argument(std::string(function) + ": " + setting + " is " +
                                text_of_sides(sides) + ", expected 0 to " +
                                std::to_string(kMostSetting) + " on every side");
  }
}

// Calls body(offset in the image, offset in the padded image, count) for the rows of the image.
template <class Body>
void for_inner_rows(const ZeroPad2dGeometry& g, int threads, const Body& body) {
  const Shape padded = g.output_shape();
  const int64_t in_row = g.in_width * g.channels, out_row = padded[2] * g.channels;
  parallel_for_rows(
      threads, g.batch, g.in_height, 2 * in_row, [&](int64_t image, int64_t begin, int64_t end) {
        for (int64_t row = begin; row < end; ++row) {
          body((image * g.in_height + row) * in_row,
               (image * padded[1] + row + g.top) * out_row + g.left * g.channels, in_row);
        }
      });
}

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
  for_inner_rows(g, threads, [&](int64_t inner, int64_t padded, int64_t count) {
    Element* const target = grad_input + inner;
    if (accumulate) {
      add(target, grad_output + padded, count, false, target);
    } else {
      std::copy_n(grad_output + padded, count, target);
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

// `g` pads the output to the size of x.
template <class Element>
void run_crop2d(const ZeroPad2dGeometry& g, const Element* x, int threads, Element* output) {
  for_inner_rows(g, threads, [&](int64_t inner, int64_t padded, int64_t count) {
    std::copy_n(x + padded, count, output + inner);
  });
}

template <class Element>
void run_crop2d_backward(const ZeroPad2dGeometry& g, const GradientKernels&,
                         const Element* grad_output, int threads, bool accumulate,
                         Element* grad_input) {
  if (!accumulate) return run_zero_pad2d(g, grad_output, threads, grad_input);
  const auto add = sum_kernel<Element>();
  for_inner_rows(g, threads, [&](int64_t inner, int64_t padded, int64_t count) {
    Element* const target = grad_input + padded;
    add(target, grad_output + inner, count, false, target);
  });
}

template <class Element>
using BoundCrop2d =
    BoundLinearMap<Element, ZeroPad2dGeometry, run_crop2d<Element>, run_crop2d_backward<Element>>;

class Crop2dOp final : public CopyOp<ZeroPad2dGeometry, BoundCrop2d, run_crop2d<uint8_t>> {
 public:
  explicit Crop2dOp(const Padding& cropping) : cropping_(cropping) {}
  Shape output_shape(const Shape& input) const override { return geometry_of(input).input_shape(); }

 private:
  ZeroPad2dGeometry geometry_of(const Shape& x) const override {
    check_image_shape(kCrop2dName, x);
    const Padding& c = cropping_;
    check_sides(kCrop2dName, "cropping", c);
    const int64_t height = x[1] - c.top - c.bottom, width = x[2] - c.left - c.right;
    if (height < 1 || width < 1) {
      throw std::invalid_argument(std::string(kCrop2dName) + ": cropping is " + text_of_sides(c) +
                                  " and x has shape " + to_string(x) +
                                  ", expected at least one row and one column that stay");
    }
    return {x[0], height, width, x[3], c.top, c.bottom, c.left, c.right};
  }

  Padding cropping_;
};

std::unique_ptr<const Op> make_zero_pad2d(const CheckedSettings& settings) {
  return std::make_unique<ZeroPad2dOp>(settings.padding("padding"));
}

std::unique_ptr<const Op> make_crop2d(const CheckedSettings& settings) {
  return std::make_unique<Crop2dOp>(settings.padding("cropping"));
}

constexpr SettingInfo kZeroPad2dSettings[] = {sides("padding", "zeros around the image")};
constexpr SettingInfo kCrop2dSettings[] = {sides("cropping", "rows and columns that are removed")};
constexpr LayerDescription kZeroPad2dLayers[] = {
    LayerDescription(kZeroPad2dName, "zeros around the image", make_zero_pad2d)
        .with_settings(kZeroPad2dSettings),
    LayerDescription(kCrop2dName, "an image without some outer rows and columns", make_crop2d)
        .with_settings(kCrop2dSettings),
};

}  // namespace

ConstantArray<LayerDescription> zero_pad2d_layers() { return kZeroPad2dLayers; }

}  // namespace ops

ZeroPad2dGeometry zero_pad2d_geometry(const Shape& x, const Padding& padding) {
  ops::check_image_shape(ops::kZeroPad2dName, x);
  ops::check_sides(ops::kZeroPad2dName, "padding", padding);
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
