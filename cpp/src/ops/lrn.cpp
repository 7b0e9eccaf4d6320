// lrn: the layer kind, local response normalisation over the channels of each pixel (Krizhevsky,
// Sutskever, Hinton 2012), in ONNX's form.
#include "kernels/lrn.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "ops/channelwise.h"
#include "ops/gradient_kernels.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// About 20 microseconds of logarithms and exponentials.
constexpr int64_t kLrnGrainFloats = 4 * 1024;

class BoundLrn final : public BoundOp {
 public:
  BoundLrn(const LrnWindow& window, int64_t pixels) : window_(window), pixels_(pixels) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_place = InputSet::all();
    traits.gradient_runs_in_place = true;
    traits.backward_reads_output = false;
    return traits;
  }
  int64_t scratch_floats(int threads) const override { return threads * thread_floats(); }
  int64_t backward_scratch_floats(int threads) const override { return scratch_floats(threads); }
  void forward(const ForwardArguments& a) const override {
    const auto kernel = CNNX_KERNELS(lrn_kernels).forward;
    for_pixels(a.threads, [&](int64_t offset, int64_t pixels, int thread) {
      kernel(window_, a.inputs[0] + offset, pixels, a.scratch + thread * thread_floats(),
             a.output + offset);
    });
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!gradient.values) return;
    const auto kernel = a.kernels->lrn->backward;
    for_pixels(a.threads, [&](int64_t offset, int64_t pixels, int thread) {
      kernel(window_, a.grad_output + offset, a.inputs[0] + offset, pixels, gradient.accumulate,
             a.scratch + thread * thread_floats(), gradient.values + offset);
    });
  }

 private:
  int64_t thread_floats() const { return 4 * window_.line; }

  // Calls body(offset of the first pixel, pixels, thread).
  template <class Body>
  void for_pixels(int threads, const Body& body) const {
    runtime::parallel_for(threads, pixels_, kLrnGrainFloats / window_.channels + 1,
                          [&](int64_t begin, int64_t end, int thread) {
                            body(begin * window_.channels, end - begin, thread);
                          });
  }

  LrnWindow window_;
  int64_t pixels_;
};

class LrnOp final : public Op {
 public:
  explicit LrnOp(const CheckedSettings& settings)
      : size_(settings.integer("size")),
        alpha_(settings.real("alpha")),
        beta_(settings.real("beta")),
        k_(settings.real("k")) {}
  Shape output_shape(const Shape& input) const override {
    check_last_axis("lrn", input);
    if (size_ < 1) {
      throw std::invalid_argument("lrn: size is " + std::to_string(size_) +
                                  ", expected an integer >= 1");
    }
    return input;
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    const int64_t channels = input.back();
    LrnWindow window{};
    window.channels = channels;
    window.before = std::min((size_ - 1) / 2, channels - 1);
    window.after = std::min(size_ / 2, channels - 1);
    window.line = runtime::round_up_to_line(channels + window.before + window.after);
    window.scale = alpha_ / static_cast<float>(size_);
    window.beta = beta_;
    window.k = k_;
    return std::make_unique<BoundLrn>(window, element_count(input) / channels);
  }

 private:
  int64_t size_;
  float alpha_, beta_, k_;
};

std::unique_ptr<const Op> make_lrn(const CheckedSettings& settings) {
  return std::make_unique<LrnOp>(settings);
}

constexpr SettingInfo kLrnSettings[] = {
    integer("size", 1, "neighbouring channels whose squares are added"),
    real("alpha", "factor of the mean of the squares").otherwise(1e-4).from(0),
    real("beta", "exponent of the divisor").otherwise(0.75),
    real("k", "what the mean is added to").otherwise(1).above(0)};
constexpr LayerDescription kLrnLayers[] = {
    LayerDescription("lrn", "x / (k + alpha / size * sum of neighbouring x^2)^beta", make_lrn)
        .with_settings(kLrnSettings),
};

}  // namespace

ConstantArray<LayerDescription> lrn_layers() { return kLrnLayers; }

}  // namespace cnnx::ops
