// Flatten: (batch, height, width, channels) to (batch, features) in H, W, C order: the same memory,
// another shape.
#include <stdexcept>

#include "ops/layer_description.h"
#include "ops/op.h"

namespace cnnx::ops {
namespace {

class FlattenOp final : public Op {
 public:
  Shape output_shape(const Shape& input) const override {
    if (input.empty()) {
      throw std::invalid_argument("flatten: x has shape " + to_string(input) +
                                  ", expected a batch axis");
    }
    return {input[0], element_count(Shape(input.begin() + 1, input.end()))};
  }
  std::unique_ptr<const BoundOp> bind(const Shape&) const override { return nullptr; }
  bool runs_in_bfloat16(const Shape&) const override { return true; }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  BoundToBytes bind_to_bytes(const std::vector<Shape>&, const std::vector<Quantization>& formats,
                             const Fusion&) const override {
    return {nullptr, formats[0]};
  }
};

std::unique_ptr<const Op> make_flatten(const CheckedSettings&) {
  return std::make_unique<FlattenOp>();
}

constexpr LayerDescription kFlattenLayers[] = {
    LayerDescription("flatten", "an image as one list of numbers", make_flatten),
};

}  // namespace

ConstantArray<LayerDescription> flatten_layers() { return kFlattenLayers; }

}  // namespace cnnx::ops
