// Flatten: (batch, height, width, channels) to (batch, features) in H, W, C order: the same memory,
// another shape.
#include "ops/op.h"
#include "ops/settings.h"

namespace cnnx::ops {
namespace {

class FlattenOp final : public Op {
 public:
  Shape output_shape(const Shape& input) const override {
    return {input.at(0), element_count(Shape(input.begin() + 1, input.end()))};
  }
  std::unique_ptr<const BoundOp> bind(const Shape&) const override { return nullptr; }
};

}  // namespace

std::unique_ptr<const Op> make_flatten(const Settings& settings) {
  SettingsReader("flatten", settings).finish();
  return std::make_unique<FlattenOp>();
}

}  // namespace cnnx::ops
