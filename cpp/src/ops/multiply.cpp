// multiply: the layer kind, the product of two arrays of one shape, or of images with one number
// per image and channel (squeeze and excitation: Hu, Shen, Sun 2018) or per pixel (spatial
// attention: Woo, Park, Lee, Kweon 2018).
#include <algorithm>
#include <stdexcept>
#include <string>

#include "kernels/multiply.h"
#include "ops/elements.h"
#include "ops/elementwise_quantized.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Which elements of the map share a number of the second input.
enum class Factors { per_channel, per_pixel };

template <class Element>
class BoundMultiply final : public BoundOp {
 public:
  // Images of `pixels` pixels; with one pixel and a factor per channel the arrays have one shape.
  BoundMultiply(Factors factors, int64_t images, int64_t pixels, int64_t channels)
      : factors_(factors), images_(images), pixels_(pixels), channels_(channels) {
    const MultiplyKernels& all = CNNX_KERNELS(multiply_kernels);
    const MultiplyLoops<Element>& kernels = by_element<Element>(all.floats, all.bfloat16);
    const bool per_pixel = factors == Factors::per_pixel;
    product_ = per_pixel ? kernels.pixels : kernels.channels;
    sums_ = per_pixel ? kernels.pixel_sums : kernels.sums;
  }
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_place = InputSet::all();
    traits.backward_reads_output = false;
    return traits;
  }

  void forward(const ForwardArguments& a) const override {
    const auto* const maps = elements_of<Element>(a.inputs[0]);
    const auto* const all_factors = elements_of<Element>(a.inputs[1]);
    auto* const output = elements_of<Element>(a.output);
    for_parts(a.threads, [&](int64_t map, int64_t factors, int64_t pixels) {
      product_(maps + map, all_factors + factors, pixels, channels_, false, output + map);
    });
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient &map_gradient = a.grad_inputs[0], &factor_gradient = a.grad_inputs[1];
    const auto* const maps = elements_of<Element>(a.inputs[0]);
    const auto* const all_factors = elements_of<Element>(a.inputs[1]);
    for_parts(a.threads, [&](int64_t map, int64_t factors, int64_t pixels) {
      const Element* const grad = elements_of<Element>(a.grad_output) + map;
      if (map_gradient.values) {
        product_(grad, all_factors + factors, pixels, channels_, map_gradient.accumulate,
                 elements_of<Element>(map_gradient.values) + map);
      }
      if (factor_gradient.values) {
        sums_(grad, maps + map, pixels, channels_, factor_gradient.accumulate,
              elements_of<Element>(factor_gradient.values) + factors);
      }
    });
  }

 private:
  // Calls body(offset of the part's map, offset of its factors, pixels), where a part is an image
  // or some pixels with factors of their own.
  template <class Body>
  void for_parts(int threads, const Body& body) const {
    if (factors_ == Factors::per_pixel) {
      runtime::parallel_for(
          threads, images_ * pixels_, runtime::kGrainElements / (channels_ + 1) + 1,
          [&](int64_t begin, int64_t end, int) { body(begin * channels_, begin, end - begin); });
      return;
    }
    const int64_t floats = pixels_ * channels_;
    runtime::parallel_for(threads, images_, runtime::kGrainElements / (floats + 1) + 1,
                          [&](int64_t begin, int64_t end, int) {
                            for (int64_t i = begin; i < end; ++i)
                              body(i * floats, i * channels_, pixels_);
                          });
  }

  Factors factors_;
  int64_t images_, pixels_, channels_;
  typename MultiplyLoops<Element>::Loop product_, sums_;
};

class MultiplyOp final : public MergeOp {
 public:
  Shape merged_shape(const std::vector<Shape>& inputs) const override {
    const Shape &map = inputs[0], &factors = inputs[1];
    if (map != factors && !is_per_channel(map, factors) && !is_per_pixel(map, factors)) {
      throw std::invalid_argument("multiply: its inputs have shapes " + to_string(map) + " and " +
                                  to_string(factors) +
                                  ", expected equal ones, or a second of one number per channel or "
                                  "per pixel");
    }
    return map;
  }
  std::unique_ptr<const BoundOp> bind_merged(const std::vector<Shape>& inputs,
                                             const Fusion& fusion) const override {
    const ProductShape shape = shape_of(inputs);
    return bind_elements<BoundMultiply>(fusion,
                                        shape.per_pixel ? Factors::per_pixel : Factors::per_channel,
                                        shape.images, shape.pixels, shape.channels);
  }
  bool runs_in_bfloat16(const Shape&) const override { return true; }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  bool can_fuse_in_bytes(Fusable successor) const override {
    return successor == Fusable::quantize;
  }
  BoundToBytes bind_to_bytes(const std::vector<Shape>& inputs,
                             const std::vector<Quantization>& formats,
                             const Fusion& fusion) const override {
    return {bind_quantized_product(shape_of(inputs), formats, fusion), {}};
  }

 private:
  // Arrays of one shape are images of one pixel.
  static ProductShape shape_of(const std::vector<Shape>& inputs) {
    const Shape& map = inputs[0];
    if (map == inputs[1])
      return {map[0], 1, element_count(map) / std::max<int64_t>(1, map[0]), false};
    return {map[0], map[1] * map[2], map[3], is_per_pixel(map, inputs[1])};
  }
  static bool is_per_channel(const Shape& map, const Shape& factors) {
    return map.size() == 4 &&
           (factors == Shape{map[0], 1, 1, map[3]} || factors == Shape{map[0], map[3]});
  }
  static bool is_per_pixel(const Shape& map, const Shape& factors) {
    return map.size() == 4 && factors == Shape{map[0], map[1], map[2], 1};
  }
};

std::unique_ptr<const Op> make_multiply(const CheckedSettings&) {
  return std::make_unique<MultiplyOp>();
}

constexpr LayerDescription kMultiplyLayers[] = {
    LayerDescription("multiply",
                     "product of its inputs, the second may hold one number per channel or pixel",
                     make_multiply)
        .with_inputs(2, 2),
};

}  // namespace

ConstantArray<LayerDescription> multiply_layers() { return kMultiplyLayers; }

}  // namespace cnnx::ops
