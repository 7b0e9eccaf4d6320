// Flatten: (batch, height, width, channels) to (batch, features) in H, W, C order. No arithmetic, one copy.
#include <algorithm>

#include "ops/attributes.h"
#include "ops/op.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Copies are memory-bound: below this a second thread costs more than it brings.
constexpr int64_t kGrain = 64 * 1024;

class BoundFlatten final : public BoundOp {
 public:
  explicit BoundFlatten(int64_t count) : count_(count) {}
  int64_t scratch_floats(int) const override { return 0; }
  int64_t backward_scratch_floats(int) const override { return 0; }
  void forward(const ForwardArguments& a) const override {
    runtime::parallel_for(a.threads, count_, kGrain, [&](int64_t begin, int64_t end, int) {
      std::copy(a.input + begin, a.input + end, a.output + begin);
    });
  }
  void backward(const BackwardArguments& a) const override {
    if (!a.grad_input) return;
    runtime::parallel_for(a.threads, count_, kGrain, [&](int64_t begin, int64_t end, int) {
      if (a.accumulate) {
        for (int64_t i = begin; i < end; ++i) a.grad_input[i] += a.grad_output[i];
      } else {
        std::copy(a.grad_output + begin, a.grad_output + end, a.grad_input + begin);
      }
    });
  }

 private:
  int64_t count_;
};

class FlattenOp final : public Op {
 public:
  Shape output_shape(const Shape& input) const override {
    return {input.at(0), element_count(Shape(input.begin() + 1, input.end()))};
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return std::make_unique<BoundFlatten>(element_count(input));
  }
};

}  // namespace

std::unique_ptr<const Op> make_flatten(const Attributes& attributes) {
  AttributeReader("flatten", attributes).finish();
  return std::make_unique<FlattenOp>();
}

}  // namespace cnnx::ops
