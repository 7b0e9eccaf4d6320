// l2_norm: the layer kind, whose rows of channels are divided by their norms.
#include "kernels/l2_norm.h"

#include "ops/gradient_kernels.h"
#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "ops/pixel_chunks.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx::ops {
namespace {

constexpr const char* kL2Norm = "l2_norm";

class BoundL2Norm final : public BoundOp {
 public:
  BoundL2Norm(const Shape& x, const RootFormula& formula)
      : rows_(rows_of_channels(x)),
        channels_(x.back()),
        formula_(formula),
        chunks_(rows_, channels_) {}

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_output = false;
    return traits;
  }
  int64_t scratch_floats(int) const override { return runtime::round_up_to_line(rows_); }
  int64_t saved_bytes() const override { return rows_ * static_cast<int64_t>(sizeof(float)); }

  void save(const ForwardArguments& a) const override {
    const L2NormKernels& kernels = CNNX_KERNELS(l2_norm_kernels);
    chunks_.for_each(a.threads, [&](int64_t first, int64_t count, int64_t) {
      kernels.roots(rows(a.inputs[0], roots(a), first, count));
    });
  }
  void forward(const ForwardArguments& a) const override {
    const L2NormKernels& kernels = CNNX_KERNELS(l2_norm_kernels);
    chunks_.for_each(a.threads, [&](int64_t first, int64_t count, int64_t) {
      const L2NormRows chunk = rows(a.inputs[0], roots(a), first, count);
      kernels.roots(chunk);
      kernels.forward(chunk, a.output + first * channels_);
    });
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    const L2NormGradientKernels& kernels = *a.kernels->l2_norm;
    float* const roots = reinterpret_cast<float*>(const_cast<uint8_t*>(a.saved));
    chunks_.for_each(a.threads, [&](int64_t first, int64_t count, int64_t) {
      const int64_t offset = first * channels_;
      kernels.backward(rows(a.inputs[0], roots, first, count), a.grad_output + offset,
                       gradient.accumulate, gradient.values + offset);
    });
  }

 private:
  float* roots(const ForwardArguments& a) const {
    return a.saved ? reinterpret_cast<float*>(a.saved) : a.scratch;
  }
  L2NormRows rows(const float* x, float* roots, int64_t first, int64_t count) const {
    return {x + first * channels_, count, channels_, formula_, roots + first};
  }

  int64_t rows_, channels_;
  RootFormula formula_;
  PixelChunks chunks_;
};

class L2NormOp final : public Op {
 public:
  explicit L2NormOp(float epsilon) : epsilon_(epsilon) {}
  Shape output_shape(const Shape& input) const override {
    if (input.size() < 2) refuse_shape(kL2Norm, "x", input, "(batch, ..., channels)");
    if (input.back() < 1) {
      refuse_shape(kL2Norm, "x", input, "at least one channel in the last axis");
    }
    element_count(input);
    return input;
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return std::make_unique<BoundL2Norm>(input, RootFormula{1.0f, 0.0f, epsilon_});
  }

 private:
  float epsilon_;
};

std::unique_ptr<const Op> make_l2_norm(const CheckedSettings& settings) {
  return std::make_unique<L2NormOp>(settings.real("epsilon"));
}

constexpr SettingInfo kL2NormSettings[] = {
    real("epsilon", "least divisor").otherwise(1e-12).above(0)};
constexpr LayerDescription kL2NormLayers[] = {
    LayerDescription(kL2Norm, "divides the channels of each pixel by their norm", make_l2_norm)
        .with_settings(kL2NormSettings),
};

}  // namespace

ConstantArray<LayerDescription> l2_norm_layers() { return kL2NormLayers; }

}  // namespace cnnx::ops
