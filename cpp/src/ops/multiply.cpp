// multiply: the layer kind, the product of two arrays of one shape, or of images with one number
// per image and channel (squeeze and excitation: Hu, Shen, Sun 2018).
#include <algorithm>
#include <stdexcept>
#include <string>

#include "kernels/multiply.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Memory-bound: below this a second thread costs more than it gains.
constexpr int64_t kGrain = 32 * 1024;

class BoundMultiply final : public BoundOp {
 public:
  // Images of `pixels` pixels; with one pixel the arrays have one shape.
  BoundMultiply(int64_t images, int64_t pixels, int64_t channels)
      : images_(images), pixels_(pixels), channels_(channels) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_place = InputSet::all();
    traits.backward_reads_output = false;
    return traits;
  }

  void forward(const ForwardArguments& a) const override {
    const auto kernel = CNNX_KERNELS(multiply_kernels).channels;
    for_images(a.threads, [&](int64_t map, int64_t factors) {
      kernel(a.inputs[0] + map, a.inputs[1] + factors, pixels_, channels_, false, a.output + map);
    });
  }
  void backward(const BackwardArguments& a) const override {
    const MultiplyKernels& kernels = CNNX_KERNELS(multiply_kernels);
    const InputGradient &map_gradient = a.grad_inputs[0], &factor_gradient = a.grad_inputs[1];
    for_images(a.threads, [&](int64_t map, int64_t factors) {
      const float* const grad = a.grad_output + map;
      if (map_gradient.values) {
        kernels.channels(grad, a.inputs[1] + factors, pixels_, channels_, map_gradient.accumulate,
                         map_gradient.values + map);
      }
      if (factor_gradient.values) {
        kernels.sums(grad, a.inputs[0] + map, pixels_, channels_, factor_gradient.accumulate,
                     factor_gradient.values + factors);
      }
    });
  }

 private:
  // Calls body(offset of an image's map, offset of its factors).
  template <class Body>
  void for_images(int threads, const Body& body) const {
    const int64_t floats = pixels_ * channels_;
    runtime::parallel_for(threads, images_, kGrain / (floats + 1) + 1,
                          [&](int64_t begin, int64_t end, int) {
                            for (int64_t i = begin; i < end; ++i) body(i * floats, i * channels_);
                          });
  }

  int64_t images_, pixels_, channels_;
};

class MultiplyOp final : public MergeOp {
 public:
  Shape merged_shape(const std::vector<Shape>& inputs) const override {
    const Shape &map = inputs[0], &factors = inputs[1];
    const bool per_channel = map.size() == 4 && (factors == Shape{map[0], 1, 1, map[3]} ||
                                                 factors == Shape{map[0], map[3]});
    if (map != factors && !per_channel) {
      throw std::invalid_argument("multiply: its inputs have shapes " + to_string(map) + " and " +
                                  to_string(factors) +
                                  ", expected equal ones, or a second of one number per channel");
    }
    return map;
  }
  std::unique_ptr<const BoundOp> bind_merged(const std::vector<Shape>& inputs,
                                             const Fusion&) const override {
    const Shape& map = inputs[0];
    const int64_t floats = element_count(map) / std::max<int64_t>(1, map[0]);
    if (map == inputs[1]) return std::make_unique<BoundMultiply>(map[0], 1, floats);
    return std::make_unique<BoundMultiply>(map[0], map[1] * map[2], map[3]);
  }
};

std::unique_ptr<const Op> make_multiply(const CheckedSettings&) {
  return std::make_unique<MultiplyOp>();
}

constexpr LayerDescription kLayers[] = {
    LayerDescription("multiply",
                     "product of its inputs, the second may hold one number per channel",
                     make_multiply)
        .with_inputs(2, 2),
};

}  // namespace

ConstantArray<LayerDescription> multiply_layers() { return kLayers; }

}  // namespace cnnx::ops
