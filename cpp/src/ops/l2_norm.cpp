// l2_norm and rms_norm: the layer kinds, whose rows of channels are divided by their norms, or by
// the roots of the means of their squares.
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
constexpr const char* kRmsNorm = "rms_norm";

class BoundL2Norm final : public BoundOp {
 public:
  BoundL2Norm(const Shape& x, const RootFormula& formula, bool weighted)
      : rows_(rows_of_channels(x)),
        channels_(x.back()),
        formula_(formula),
        weighted_(weighted),
        line_(runtime::round_up_to_line(channels_)),
        chunks_(rows_, channels_) {}

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_output = false;
    return traits;
  }
  int64_t scratch_floats(int) const override { return runtime::round_up_to_line(rows_); }
  int64_t backward_scratch_floats(int) const override {
    return weighted_ ? chunks_.count() * line_ : 0;
  }
  int64_t saved_bytes() const override { return rows_ * static_cast<int64_t>(sizeof(float)); }

  void save(const ForwardArguments& a) const override {
    const L2NormKernels& kernels = CNNX_KERNELS(l2_norm_kernels);
    chunks_.for_each(a.threads, [&](int64_t first, int64_t count, int64_t) {
      kernels.roots(rows(a.inputs[0], nullptr, roots(a), first, count));
    });
  }
  void forward(const ForwardArguments& a) const override {
    const L2NormKernels& kernels = CNNX_KERNELS(l2_norm_kernels);
    const float* const weight = weighted_ ? a.parameters[0] : nullptr;
    chunks_.for_each(a.threads, [&](int64_t first, int64_t count, int64_t) {
      const L2NormRows chunk = rows(a.inputs[0], weight, roots(a), first, count);
      kernels.roots(chunk);
      kernels.forward(chunk, a.output + first * channels_);
    });
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    const L2NormGradientKernels& kernels = *a.kernels->l2_norm;
    float* const roots = reinterpret_cast<float*>(const_cast<uint8_t*>(a.saved));
    const float* const weight = weighted_ ? a.parameters[0] : nullptr;
    float* const grad_weight = weighted_ ? a.grad_parameters[0] : nullptr;
    chunks_.for_each(a.threads, [&](int64_t first, int64_t count, int64_t chunk) {
      const int64_t offset = first * channels_;
      const L2NormRows part = rows(a.inputs[0], weight, roots, first, count);
      const float* const grad = a.grad_output + offset;
      // First, because it reads memory in order; the sums then find everything in a cache.
      if (gradient.values) {
        kernels.backward(part, grad, gradient.accumulate, gradient.values + offset);
      }
      if (grad_weight) kernels.sums(part, grad, a.scratch + chunk * line_);
    });
    if (!grad_weight) return;
    add_up_chunks(a.scratch, chunks_.count(), line_, channels_, a.accumulate_parameters,
                  grad_weight);
  }

 private:
  float* roots(const ForwardArguments& a) const {
    return a.saved ? reinterpret_cast<float*>(a.saved) : a.scratch;
  }
  L2NormRows rows(const float* x, const float* weight, float* roots, int64_t first,
                  int64_t count) const {
    return {x + first * channels_, count, channels_, formula_, weight, roots + first};
  }

  int64_t rows_, channels_;
  RootFormula formula_;
  bool weighted_;
  int64_t line_;
  PixelChunks chunks_;
};

// Refuses arrays without a batch or a channel.
void check_rows(const char* kind, const Shape& x) {
  if (x.size() < 2) refuse_shape(kind, "x", x, "(batch, ..., channels)");
  if (x.back() < 1) refuse_shape(kind, "x", x, "at least one channel in the last axis");
  element_count(x);
}

class L2NormOp final : public Op {
 public:
  explicit L2NormOp(float epsilon) : epsilon_(epsilon) {}
  Shape output_shape(const Shape& input) const override {
    check_rows(kL2Norm, input);
    return input;
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return std::make_unique<BoundL2Norm>(input, RootFormula{1.0f, 0.0f, epsilon_}, false);
  }

 private:
  float epsilon_;
};

class RmsNormOp final : public Op {
 public:
  RmsNormOp(float epsilon, bool affine) : epsilon_(epsilon), affine_(affine) {}
  Shape output_shape(const Shape& input) const override {
    check_rows(kRmsNorm, input);
    return input;
  }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    if (!affine_) return {};
    return {{"weight", {input.back()}, 0, 1.0f}};
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    const RootFormula formula{static_cast<float>(input.back()), epsilon_, 0.0f};
    return std::make_unique<BoundL2Norm>(input, formula, affine_);
  }

 private:
  float epsilon_;
  bool affine_;
};

std::unique_ptr<const Op> make_l2_norm(const CheckedSettings& settings) {
  return std::make_unique<L2NormOp>(settings.real("epsilon"));
}

std::unique_ptr<const Op> make_rms_norm(const CheckedSettings& settings) {
  return std::make_unique<RmsNormOp>(settings.real("epsilon"), settings.boolean("affine"));
}

constexpr SettingInfo kL2NormSettings[] = {
    real("epsilon", "least divisor").otherwise(1e-12).above(0)};
constexpr SettingInfo kRmsNormSettings[] = {
    real("epsilon", "added to the mean of the squares").otherwise(1e-6).above(0),
    boolean("affine", "whether a weight is trained").otherwise(true)};
constexpr LayerArray kRmsNormParameters[] = {{"weight", "affine"}};
constexpr LayerDescription kL2NormLayers[] = {
    LayerDescription(kL2Norm, "divides the channels of each pixel by their norm", make_l2_norm)
        .with_settings(kL2NormSettings),
    LayerDescription(kRmsNorm, "divides the channels of each pixel by their root mean square",
                     make_rms_norm)
        .with_settings(kRmsNormSettings)
        .with_parameters(kRmsNormParameters),
};

}  // namespace

ConstantArray<LayerDescription> l2_norm_layers() { return kL2NormLayers; }

}  // namespace cnnx::ops
