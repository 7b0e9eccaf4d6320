// dropout: the layer kind. In training every element is zero with probability `rate` and otherwise
// divided by 1 - rate (Srivastava et al. 2014); in inference the layer is the identity. The dropped
// elements are a function of the trainer's seed, the step, the layer and the element's index.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "ops/add.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "runtime/parallel.h"
#include "runtime/philox.h"

namespace cnnx::ops {
namespace {

// About 20 microseconds of random numbers.
constexpr int64_t kDropoutGrain = 4 * 1024;
constexpr int64_t kMostNodes =
    1 << 16;  // the random numbers of a step are its layers' side by side

class BoundDropout final : public BoundOp {
 public:
  BoundDropout(float rate, int64_t count) : rate_(rate), count_(count) {}
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.runs_in_place = InputSet::all();
    traits.gradient_runs_in_place = true;
    traits.backward_reads_input = false;
    traits.backward_reads_output = false;
    return traits;
  }

  void forward(const ForwardArguments& a) const override {
    if (a.training) {
      drop(a.inputs[0], *a.training, a.threads, false, a.output);
    } else if (a.output != a.inputs[0]) {
      std::copy_n(a.inputs[0], count_, a.output);
    }
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    if (!a.training) {
      pass_gradient(a.grad_output, gradient, count_, a.threads);
    } else if (gradient.values) {
      drop(a.grad_output, *a.training, a.threads, gradient.accumulate, gradient.values);
    }
  }

 private:
  void drop(const float* from, const TrainingStep& training, int threads, bool accumulate,
            float* to) const {
    const runtime::Philox random(training.seed, runtime::Stream::dropout,
                                 training.number * kMostNodes + training.node);
    const float scale = 1.0f / (1.0f - rate_);
    runtime::parallel_for(
        threads, (count_ + 3) / 4, kDropoutGrain / 4, [&](int64_t begin, int64_t end, int) {
          for (int64_t block = begin; block < end; ++block) {
            const auto words = random.block(static_cast<uint64_t>(block));
            const int64_t last = std::min(count_, 4 * block + 4);
            for (int64_t i = 4 * block; i < last; ++i) {
              const uint32_t word = words[static_cast<std::size_t>(i % 4)];
              const float saved = runtime::unit_float(word) < rate_ ? 0.0f : from[i] * scale;
              to[i] = accumulate ? to[i] + saved : saved;
            }
          }
        });
  }

  float rate_;
  int64_t count_;
};

class DropoutOp final : public Op {
 public:
  explicit DropoutOp(float rate) : rate_(rate) {}
  Shape output_shape(const Shape& input) const override { return input; }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return std::make_unique<BoundDropout>(rate_, element_count(input));
  }
  bool reads_bytes(const std::vector<Shape>&) const override { return true; }
  BoundToBytes bind_to_bytes(const std::vector<Shape>&, const std::vector<Quantization>& formats,
                             const Fusion&) const override {
    return {nullptr, formats[0]};
  }

 private:
  float rate_;
};

std::unique_ptr<const Op> make_dropout(const CheckedSettings& settings) {
  return std::make_unique<DropoutOp>(settings.real("rate"));
}

constexpr SettingInfo kDropoutSettings[] = {
    real("rate", "probability that an element becomes 0").otherwise(0.5).from(0).below(1)};
constexpr LayerDescription kDropoutLayers[] = {
    LayerDescription("dropout", "drops elements at random in training", make_dropout)
        .with_settings(kDropoutSettings),
};

}  // namespace

ConstantArray<LayerDescription> dropout_layers() { return kDropoutLayers; }

}  // namespace cnnx::ops
