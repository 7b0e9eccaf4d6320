// dropout: the layer kind. In training every element is zero with probability `rate` and otherwise
// divided by 1 - rate (Srivastava et al. 2014); in inference the layer is the identity. The dropped
// elements are a function of the trainer's seed, the step, the layer and the element's index.
#include <algorithm>
#include <array>

#include "ops/add.h"
#include "ops/elements.h"
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

template <class Element>
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
    const Element* const x = elements_of<Element>(a.inputs[0]);
    Element* const output = elements_of<Element>(a.output);
    if (a.training) {
      drop(x, *a.training, a.threads, false, output);
    } else if (output != x) {
      std::copy_n(x, count_, output);
    }
  }
  void backward(const BackwardArguments& a) const override {
    const InputGradient& gradient = a.grad_inputs[0];
    const Element* const grad_output = elements_of<Element>(a.grad_output);
    if (!a.training) {
      pass_gradient(grad_output, gradient, count_, a.threads);
    } else if (gradient.values) {
      drop(grad_output, *a.training, a.threads, gradient.accumulate,
           elements_of<Element>(gradient.values));
    }
  }

 private:
  void drop(const Element* from, const TrainingStep& training, int threads, bool accumulate,
            Element* to) const {
    const runtime::Philox random(training.seed, runtime::Stream::dropout,
                                 training.number * kMostNodes + training.node);
    const float scale = 1.0f / (1.0f - rate_);
    // `first` is the first element of a block of four.
    const auto drop_floats = [&](const auto& inputs, int64_t first, int64_t count, float* target) {
      for (int64_t begin = 0; begin < count; begin += 4) {
        const auto words = random.block(static_cast<uint64_t>((first + begin) / 4));
        const int64_t last = std::min(count, begin + 4);
        for (int64_t i = begin; i < last; ++i) {
          const uint32_t word = words[static_cast<std::size_t>(i - begin)];
          const float saved = runtime::unit_float(word) < rate_ ? 0.0f : inputs[0][i] * scale;
          target[i] = accumulate ? target[i] + saved : saved;
        }
      }
    };
    const std::array<const Element*, 1> sources = {from};
    runtime::parallel_for(threads, (count_ + 3) / 4, kDropoutGrain / 4,
                          [&](int64_t begin, int64_t end, int) {
                            compute_in_floats(sources, 4 * begin, std::min(count_, 4 * end),
                                              accumulate, to, drop_floats);
                          });
  }

  float rate_;
  int64_t count_;
};

class DropoutOp final : public ElementsOp {
 public:
  explicit DropoutOp(float rate) : rate_(rate) {}
  Shape output_shape(const Shape& input) const override { return input; }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return bind_elements<BoundDropout>(fusion, rate_, element_count(input));
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
