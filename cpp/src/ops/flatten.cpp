// flatten and reshape: the same memory, another shape.
#include "ops/flatten.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "ops/add.h"
#include "ops/layer_description.h"
#include "ops/op.h"

namespace cnnx::ops {
namespace {

constexpr const char* kFlattenName = "flatten";
constexpr const char* kReshapeName = "reshape";

// The numbers of one image.
int64_t numbers_of(const char* op, const Shape& input) {
  if (input.empty()) {
    throw std::invalid_argument(std::string(op) + ": x has shape " + to_string(input) +
                                ", expected a batch axis");
  }
  return element_count(Shape(input.begin() + 1, input.end()));
}

class ViewOp : public Op {
 public:
  std::unique_ptr<const BoundOp> bind(const Shape&) const override { return nullptr; }
  bool runs_in_bfloat16(const Shape&) const override { return true; }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  BoundToBytes bind_to_bytes(const std::vector<Shape>&, const std::vector<Quantization>& formats,
                             const Fusion&) const override {
    return {nullptr, formats[0]};
  }
};

class BoundCopy final : public BoundOp {
 public:
  explicit BoundCopy(int64_t count) : count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_input = false;
    traits.backward_reads_output = false;
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    std::copy_n(a.inputs[0], count_, a.output);
  }
  void backward(const BackwardArguments& a) const override {
    pass_gradient(a.grad_output, a.grad_inputs[0], count_, a.threads);
  }

 private:
  int64_t count_;
};

class FlattenOp final : public ViewOp {
 public:
  Shape output_shape(const Shape& input) const override {
    const int64_t numbers = numbers_of(kFlattenName, input);
    return {input[0], numbers};
  }
};

class ReshapeOp final : public ViewOp {
 public:
  ReshapeOp(Pair size, int64_t channels) : shape_{size.height, size.width, channels} {}
  Shape output_shape(const Shape& input) const override {
    const int64_t numbers = numbers_of(kReshapeName, input);
    int64_t count = 1;
    bool fits = true;
    for (const int64_t size : shape_) fits = fits && !__builtin_mul_overflow(count, size, &count);
    if (!fits || count != numbers) {
      throw std::invalid_argument(std::string(kReshapeName) + ": size and channels are " +
                                  to_string(shape_) + ", expected a shape of the " +
                                  std::to_string(numbers) + " numbers of an image of x, " +
                                  to_string(Shape(input.begin() + 1, input.end())));
    }
    return {input[0], shape_[0], shape_[1], shape_[2]};
  }

 private:
  Shape shape_;
};

std::unique_ptr<const Op> make_flatten(const CheckedSettings&) {
  return std::make_unique<FlattenOp>();
}

std::unique_ptr<const Op> make_reshape(const CheckedSettings& settings) {
  return std::make_unique<ReshapeOp>(settings.pair("size"), settings.integer("channels"));
}

constexpr SettingInfo kReshapeSettings[] = {
    pair("size", 1, "height and width of the image"),
    integer("channels", 1, "channels of the image"),
};
constexpr LayerDescription kFlattenLayers[] = {
    LayerDescription(kFlattenName, "an image as one list of numbers", make_flatten),
    LayerDescription(kReshapeName, "a list of numbers as an image, or an image in another shape",
                     make_reshape)
        .with_settings(kReshapeSettings),
};

}  // namespace

std::unique_ptr<const BoundOp> bind_copy(int64_t count) {
  return std::make_unique<BoundCopy>(count);
}

ConstantArray<LayerDescription> flatten_layers() { return kFlattenLayers; }

}  // namespace cnnx::ops
