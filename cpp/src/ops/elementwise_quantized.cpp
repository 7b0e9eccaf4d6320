// Parallel over elements, or over pixels.
#include "ops/elementwise_quantized.h"

#include <array>

#include "kernels/quantized_elementwise.h"
#include "ops/quantization.h"
#include "ops/quantized_output.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Computed in about 20 microseconds.
constexpr int64_t kElementwiseGrain = 128 * 1024;

class QuantizedSum final : public InferenceOp {
 public:
  QuantizedSum(int64_t count, const std::vector<Quantization>& inputs, const Fusion& fusion)
      : count_(count), inputs_(inputs), output_(fusion) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    if (output_.format()) traits.runs_in_place = InputSet::all();
    return traits;
  }
  void forward(const ForwardArguments& a) const override {
    const auto sum = CNNX_KERNELS(quantized_elementwise_kernels).sum;
    runtime::parallel_for(
        a.threads, count_, kElementwiseGrain, [&](int64_t begin, int64_t end, int) {
          std::array<QuantizedTerm, kMostInputs> terms;
          for (std::size_t i = 0; i < inputs_.size(); ++i) {
            terms[i] = {bytes_of(a.inputs[i]) + begin, static_cast<float>(inputs_[i].zero_point),
                        inputs_[i].scale / output_.unit()};
          }
          sum(terms.data(), static_cast<int64_t>(inputs_.size()), end - begin,
              output_.epilogue(a.output, begin));
        });
  }

 private:
  int64_t count_;
  std::vector<Quantization> inputs_;
  QuantizedOutput output_;
};

class QuantizedProduct2d final : public InferenceOp {
 public:
  QuantizedProduct2d(const ProductShape& shape, const std::vector<Quantization>& inputs,
                     const Fusion& fusion)
      : shape_(shape), map_(inputs[0]), factors_(inputs[1]), output_(fusion) {}
  void forward(const ForwardArguments& a) const override {
    const auto product = CNNX_KERNELS(quantized_elementwise_kernels).product;
    const double unit = static_cast<double>(map_.scale) * factors_.scale / output_.unit();
    QuantizedProducts all = {};
    all.map_zero_point = static_cast<float>(map_.zero_point);
    all.factor_zero_point = static_cast<float>(factors_.zero_point);
    all.multiplier = static_cast<float>(unit);
    all.channels = shape_.channels;
    all.per_pixel = shape_.per_pixel;
    const int64_t grain = kElementwiseGrain / shape_.channels + 1;
    const int64_t pixels = shape_.images * shape_.pixels;
    runtime::parallel_for(a.threads, pixels, grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t next; begin < end; begin = next) {
        // The end of the image: factors per channel are those of one image.
        const int64_t image = begin / shape_.pixels;
        next = std::min(end, (image + 1) * shape_.pixels);
        QuantizedProducts own = all;
        own.map = bytes_of(a.inputs[0]) + begin * shape_.channels;
        own.factors = bytes_of(a.inputs[1]) + (shape_.per_pixel ? begin : image * shape_.channels);
        own.pixels = next - begin;
        product(own, output_.epilogue(a.output, begin * shape_.channels));
      }
    });
  }

 private:
  ProductShape shape_;
  Quantization map_, factors_;
  QuantizedOutput output_;
};

}  // namespace

std::unique_ptr<const BoundOp> bind_quantized_sum(int64_t count,
                                                  const std::vector<Quantization>& inputs,
                                                  const Fusion& fusion) {
  return std::make_unique<QuantizedSum>(count, inputs, fusion);
}

std::unique_ptr<const BoundOp> bind_quantized_product(const ProductShape& shape,
                                                      const std::vector<Quantization>& inputs,
                                                      const Fusion& fusion) {
  return std::make_unique<QuantizedProduct2d>(shape, inputs, fusion);
}

}  // namespace cnnx::ops
