// group_norm and layer_norm: checks, the public functions and the layer kinds.
#include "ops/group_norm.h"

#include <cmath>
#include <stdexcept>
#include <string>

#include "ops/image_shape.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "ops/pixel_chunks.h"
#include "ops/single_call.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {
namespace {

constexpr const char* kGroupNorm = "group_norm";
constexpr const char* kLayerNorm = "layer_norm";

std::unique_ptr<const GroupNorm> norm_of(const GroupNormGeometry& g) {
  return g.pixels == 1 ? group_norm_of_rows(g) : group_norm_of_images(g);
}

int64_t statistics_floats(const GroupNormGeometry& g) {
  return runtime::round_up_to_line(2 * g.images * g.groups);
}

int64_t sums_floats(const GroupNormGeometry& g, const GroupNorm& norm) {
  return 2 * norm.parts() * runtime::round_up_to_line(g.channels);
}

// Adds up the sums of the chunks, in order; either gradient may be null.
void add_up(const GroupNormGeometry& g, const GroupNorm& norm, const float* sums, bool accumulate,
            float* grad_weight, float* grad_bias) {
  const int64_t line = runtime::round_up_to_line(g.channels);
  const auto into = [&](float* gradient, const float* first) {
    if (gradient) add_up_chunks(first, norm.parts(), 2 * line, g.channels, accumulate, gradient);
  };
  into(grad_bias, sums);
  into(grad_weight, sums + line);
}

class BoundGroupNorm final : public BoundOp {
 public:
  explicit BoundGroupNorm(const GroupNormGeometry& geometry)
      : g_(geometry), norm_(norm_of(geometry)) {}

  int64_t scratch_floats(int threads) const override {
    return statistics_floats(g_) + norm_->scratch_floats(threads);
  }
  int64_t backward_scratch_floats(int threads) const override {
    return sums_floats(g_, *norm_) + norm_->scratch_floats(threads);
  }
  int64_t saved_bytes() const override {
    return statistics_floats(g_) * static_cast<int64_t>(sizeof(float));
  }
  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    traits.backward_reads_output = false;
    return traits;
  }

  void forward(const ForwardArguments& a) const override {
    GroupNormArguments to = {};
    to.x = a.inputs[0];
    to.weight = a.parameters[0];
    to.bias = a.parameters[1];
    to.statistics = a.saved ? reinterpret_cast<float*>(a.saved) : a.scratch;
    to.output = a.output;
    to.scratch = a.scratch + statistics_floats(g_);
    to.threads = a.threads;
    norm_->forward(to);
  }
  void save(const ForwardArguments& a) const override {
    GroupNormArguments to = {};
    to.x = a.inputs[0];
    to.statistics = reinterpret_cast<float*>(a.saved);
    to.scratch = a.scratch + statistics_floats(g_);
    to.threads = a.threads;
    norm_->measure(to);
  }
  void backward(const BackwardArguments& a) const override {
    const bool trains = a.grad_parameters[0] || a.grad_parameters[1];
    GroupNormArguments to = {};
    to.x = a.inputs[0];
    to.weight = a.parameters[0];
    to.statistics = reinterpret_cast<float*>(const_cast<uint8_t*>(a.saved));
    to.kernels = a.kernels;
    to.grad_output = a.grad_output;
    to.accumulate = a.grad_inputs[0].accumulate;
    to.grad_input = a.grad_inputs[0].values;
    to.sums = trains ? a.scratch : nullptr;
    to.scratch = a.scratch + sums_floats(g_, *norm_);
    to.threads = a.threads;
    norm_->backward(to);
    if (!trains) return;
    add_up(g_, *norm_, a.scratch, a.accumulate_parameters, a.grad_parameters[0],
           a.grad_parameters[1]);
  }

 private:
  GroupNormGeometry g_;
  std::unique_ptr<const GroupNorm> norm_;
};

class NormOp : public Op {
 public:
  Shape output_shape(const Shape& input) const override { return geometry(input), input; }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    return {{"weight", {input.back()}, 0, 1.0f}, {"bias", {input.back()}, 0, 0.0f}};
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return std::make_unique<BoundGroupNorm>(geometry(input));
  }

 private:
  virtual GroupNormGeometry geometry(const Shape& input) const = 0;
};

class GroupNormOp final : public NormOp {
 public:
  GroupNormOp(int64_t groups, float epsilon) : groups_(groups), epsilon_(epsilon) {}

 private:
  GroupNormGeometry geometry(const Shape& input) const override {
    return group_norm_geometry(input, groups_, epsilon_);
  }

  int64_t groups_;
  float epsilon_;
};

class LayerNormOp final : public NormOp {
 public:
  explicit LayerNormOp(float epsilon) : epsilon_(epsilon) {}

 private:
  GroupNormGeometry geometry(const Shape& input) const override {
    return layer_norm_geometry(input, epsilon_);
  }

  float epsilon_;
};

// Returns `epsilon`, which keeps a norm's quotient finite, or throws std::invalid_argument.
float checked_epsilon(const char* function, float epsilon) {
  if (epsilon > 0 && !std::isinf(epsilon)) return epsilon;
  throw std::invalid_argument(std::string(function) + ": epsilon is " + std::to_string(epsilon) +
                              ", expected a finite number > 0");
}

std::unique_ptr<const Op> make_group_norm(const CheckedSettings& settings) {
  return std::make_unique<GroupNormOp>(settings.integer("groups"), settings.real("epsilon"));
}

std::unique_ptr<const Op> make_layer_norm(const CheckedSettings& settings) {
  return std::make_unique<LayerNormOp>(settings.real("epsilon"));
}

constexpr SettingInfo kEpsilon = real("epsilon", "added to the variance").otherwise(1e-5).above(0);
constexpr SettingInfo kGroupNormSettings[] = {
    integer("groups", 1, "groups of neighbouring channels"), kEpsilon};
constexpr SettingInfo kLayerNormSettings[] = {kEpsilon};
constexpr LayerArray kGroupNormParameters[] = {{"weight"}, {"bias"}};
constexpr LayerDescription kGroupNormLayers[] = {
    LayerDescription(kGroupNorm, "normalises each group of channels of an image", make_group_norm)
        .with_settings(kGroupNormSettings)
        .with_parameters(kGroupNormParameters),
    LayerDescription(kLayerNorm, "normalises the channels of each pixel", make_layer_norm)
        .with_settings(kLayerNormSettings)
        .with_parameters(kGroupNormParameters),
};

}  // namespace

ConstantArray<LayerDescription> group_norm_layers() { return kGroupNormLayers; }

}  // namespace ops

GroupNormGeometry group_norm_geometry(const Shape& x, int64_t groups, float epsilon) {
  const char* const name = ops::kGroupNorm;
  if (x.size() == 4) {
    ops::check_image_shape(name, x);
  } else if (x.size() != 2) {
    ops::refuse_shape(name, "x", x, "(batch, height, width, channels) or (batch, features)");
  } else if (x[0] < 0 || x[1] < 1) {
    ops::refuse_shape(name, "x", x, "at least one feature");
  }
  const int64_t channels = x.back();
  if (groups < 1 || channels % groups != 0) {
    throw std::invalid_argument(std::string(name) + ": groups is " + std::to_string(groups) +
                                ", expected a divisor of the " + std::to_string(channels) +
                                " channels");
  }
  element_count(x);
  const int64_t pixels = x.size() == 4 ? x[1] * x[2] : 1;
  return {x[0], pixels, channels, groups, ops::checked_epsilon(name, epsilon)};
}

GroupNormGeometry layer_norm_geometry(const Shape& x, float epsilon) {
  const char* const name = ops::kLayerNorm;
  if (x.size() < 2) ops::refuse_shape(name, "x", x, "(batch, ..., channels)");
  const int64_t channels = x.back();
  if (channels < 1) ops::refuse_shape(name, "x", x, "at least one channel in the last axis");
  return {element_count(x) / channels, 1, channels, 1, ops::checked_epsilon(name, epsilon)};
}

void group_norm(const GroupNormGeometry& geometry, const float* x, const float* weight,
                const float* bias, float* output) {
  ops::call_forward(ops::BoundGroupNorm(geometry), {x, weight, bias, output});
}

void group_norm_backward(const GroupNormGeometry& geometry, const float* grad_output,
                         const float* x, const float* weight, float* grad_input, float* grad_weight,
                         float* grad_bias, bool accumulate) {
  ops::call_backward(ops::BoundGroupNorm(geometry),
                     {grad_output, x, weight, grad_input, grad_weight, grad_bias, accumulate});
}

}  // namespace cnnx
