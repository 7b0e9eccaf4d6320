// global_avg_pool2d: the layer kind, (batch, height, width, channels) to the mean of every
// picture's channels, (batch, channels).
#include <stdexcept>
#include <string>

#include "kernels/global_avg_pool2d.h"
#include "ops/attributes.h"
#include "ops/op.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Memory-bound: below this a second thread costs more than it brings.
constexpr int64_t kGrain = 32 * 1024;

class BoundGlobalAvgPool2d final : public BoundOp {
 public:
  BoundGlobalAvgPool2d(int64_t pictures, int64_t pixels, int64_t channels)
      : pictures_(pictures), pixels_(pixels), channels_(channels) {}
  int64_t scratch_floats(int) const override { return 0; }
  int64_t backward_scratch_floats(int) const override { return 0; }
  bool backward_reads_input() const override { return false; }
  bool backward_reads_output() const override { return false; }

  void forward(const ForwardArguments& a) const override {
    const auto kernel = CNNX_KERNELS(global_avg_pool2d_kernels).forward;
    for_pictures(a.threads, [&](int64_t map, int64_t means) {
      kernel(a.input + map, pixels_, channels_, a.output + means);
    });
  }
  void backward(const BackwardArguments& a) const override {
    if (!a.grad_input) return;
    const auto kernel = CNNX_KERNELS(global_avg_pool2d_kernels).backward;
    for_pictures(a.threads, [&](int64_t map, int64_t means) {
      kernel(a.grad_output + means, pixels_, channels_, a.accumulate, a.grad_input + map);
    });
  }

 private:
  // body(offset of a picture's map, offset of its means)
  template <class Body>
  void for_pictures(int threads, const Body& body) const {
    const int64_t floats = pixels_ * channels_;
    runtime::parallel_for(threads, pictures_, kGrain / (floats + 1) + 1,
                          [&](int64_t begin, int64_t end, int) {
                            for (int64_t i = begin; i < end; ++i) body(i * floats, i * channels_);
                          });
  }

  int64_t pictures_, pixels_, channels_;
};

class GlobalAvgPool2dOp final : public Op {
 public:
  Shape output_shape(const Shape& input) const override {
    if (input.size() != 4) {
      throw std::invalid_argument("global_avg_pool2d: x has shape " + to_string(input) +
                                  ", expected (batch, height, width, channels)");
    }
    return {input[0], input[3]};
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return std::make_unique<BoundGlobalAvgPool2d>(input[0], input[1] * input[2], input[3]);
  }
};

}  // namespace

std::unique_ptr<const Op> make_global_avg_pool2d(const Attributes& attributes) {
  AttributeReader("global_avg_pool2d", attributes).finish();
  return std::make_unique<GlobalAvgPool2dOp>();
}

}  // namespace cnnx::ops
