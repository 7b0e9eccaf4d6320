// The bound layer, and the calls of the public functions, of conv2d and conv_transpose2d.
#include "ops/conv2d_execution.h"

#include <algorithm>
#include <utility>

#include "kernels/max_pool2x2.h"
#include "ops/activations.h"
#include "ops/add.h"
#include "ops/bfloat16.h"
#include "ops/conv2d_bfloat16.h"
#include "ops/conv2d_bfloat16_weight.h"
#include "ops/pool2d.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx::ops {
namespace {

// Floats of the weights that a pass packs for one run.
int64_t own_packed_floats(const Conv2dPass& pass) {
  return pass.packs_in_parts() ? 0 : runtime::round_up_to_line(pass.packed_floats());
}

int64_t pack_and_run_floats(const Conv2dPass& pass, int threads) {
  return own_packed_floats(pass) + pass.scratch_floats(threads);
}

// Runs a pass whose weights are not packed yet. `scratch` holds pack_and_run_floats.
void pack_and_run(const Conv2dPass& pass, const float* source, const float* weight,
                  const Epilogue& epilogue, int threads, float* scratch, float* target) {
  const bool whole = !pass.packs_in_parts();
  if (whole) pass.pack_weights(weight, threads, scratch);
  pass.run(source, weight, whole ? scratch : nullptr, epilogue, threads,
           scratch + own_packed_floats(pass), target);
}

class BoundConvolution final : public BoundOp {
 public:
  BoundConvolution(const ConvolutionLayer& layer, Conv2dPlan plan, const Fusion& fusion)
      : geometry_(layer.geometry),
        output_(layer.transposed ? geometry_.input_shape() : geometry_.output_shape()),
        plan_(std::move(plan)),
        transposed_(layer.transposed),
        bias_(layer.bias),
        fusion_(fusion) {}

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    if (plan_.forward->adds_in_place()) traits.runs_in_place = InputSet::only(1);
    // The fused ReLU's mask is read from its output.
    traits.changes_grad_output = has_relu() && !fusion_.max_pool;
    traits.backward_reads_output = traits.changes_grad_output;
    traits.passes_gradient = InputSet::only(1);
    traits.applies_relu_mask = true;
    traits.every_forward_saves = true;
    if (has_large_weights()) traits.weights_for_batch = element_count(geometry_.weight_shape());
    return traits;
  }
  int64_t packed_floats() const override {
    return folded_floats() + plan_.forward->packed_floats();
  }
  void pack_weights(const float* const* parameters, const float* const* buffers, int threads,
                    float* packed) const override {
    if (fusion_.batch_norm) {
      fold(parameters, buffers, threads, packed);
    } else {
      plan_.forward->pack_weights(parameters[0], threads, packed);
    }
  }
  int64_t multiply_adds() const override {
    const Shape weight = geometry_.weight_shape();
    return geometry_.batch * geometry_.out_height * geometry_.out_width * element_count(weight);
  }
  int64_t saved_bytes() const override {
    return fusion_.max_pool ? pooled_pixels() * argmax_step(output_[3]) : 0;
  }
  int64_t scratch_floats(int threads) const override {
    const int64_t normalised =
        fusion_.normalises_input ? plan_.forward->normalised_floats(threads) : 0;
    return normalised + (fusion_.batch_norm ? plan_.forward->scratch_floats(threads)
                                            : pack_and_run_floats(*plan_.forward, threads));
  }
  int64_t backward_scratch_floats(int threads) const override {
    const int64_t normalised =
        fusion_.normalises_input ? plan_.weight_gradient->normalised_floats(threads) : 0;
    return unpooled_floats() + rounded_floats() +
           std::max(pack_and_run_floats(*plan_.input_gradient, threads),
                    normalised + plan_.weight_gradient->scratch_floats(threads));
  }

  void forward(const ForwardArguments& a) const override {
    const Conv2dPass& pass = *plan_.forward;
    Epilogue epilogue(
        ForwardEpilogue{bias_ ? a.parameters[1] : nullptr, has_relu(), fusion_.max_pool, a.saved});
    epilogue.ceiling = ceiling();
    epilogue.normalisation = a.normalisation;
    const bool adds_after = fusion_.add && !pass.adds();
    if (adds_after) {
      epilogue.relu = false;
      epilogue.ceiling = kNoCeiling;
    } else if (fusion_.add) {
      epilogue.addend = a.inputs[1];
    }
    if (fusion_.batch_norm) {
      epilogue.bias = a.packed;
      pass.run(a.inputs[0], a.packed + bias_floats(), a.packed + folded_floats(), epilogue,
               a.threads, a.scratch, a.output);
    } else if (a.packed) {
      pass.run(a.inputs[0], a.parameters[0], a.packed, epilogue, a.threads, a.scratch, a.output);
    } else {
      pack_and_run(pass, a.inputs[0], a.parameters[0], epilogue, a.threads, a.scratch, a.output);
    }
    if (adds_after)
      add_arrays(a.output, a.inputs[1], element_count(output_), fusion_.relu, a.threads, a.output);
    if (adds_after && fusion_.relu6)
      apply_relu(a.output, ceiling(), element_count(output_), a.threads);
  }

  void backward(const BackwardArguments& a) const override {
    float* const scratch = a.scratch + unpooled_floats() + rounded_floats();
    const float* gradient = a.grad_output;
    if (fusion_.float_output) {
      round_gradient(a);
      gradient = a.scratch;
    } else if (fusion_.max_pool) {
      unpool(a.grad_output, a.saved, a.threads, a.scratch);
      gradient = a.scratch;
    } else if (has_relu() && !a.grad_output_relu_masked) {
      mask(a.grad_output, a.output, a.threads);
    }
    float* const grad_bias = bias_ ? a.grad_parameters[1] : nullptr;
    if (a.grad_parameters[0] || grad_bias) {
      plan_.weight_gradient->run({a.kernels, a.inputs[0], gradient, a.accumulate_parameters,
                                  a.threads, scratch, a.grad_parameters[0], grad_bias,
                                  a.normalisation});
    }
    const InputGradient& input = a.grad_inputs[0];
    if (input.values) {
      const Epilogue epilogue({input.accumulate, input.relu_masked ? a.inputs[0] : nullptr},
                              a.kernels);
      pack_and_run(*plan_.input_gradient, gradient, a.parameters[0], epilogue, a.threads, scratch,
                   input.values);
    }
    // Last, because the addend may be the input itself.
    if (fusion_.add) pass_to_addend(gradient, a.grad_inputs[1], a.threads);
  }

 private:
  // Whether reading the weights from memory for every image takes a good part of the time.
  bool has_large_weights() const {
    constexpr int64_t kLargeWeights = 2048 * 1024, kLargeWeightsOfBfloat16 = 512 * 1024;
    const int64_t weights = element_count(geometry_.weight_shape());
    const int64_t images =
        element_count(geometry_.input_shape()) + element_count(geometry_.output_shape());
    return weights >= (fusion_.bfloat16 ? kLargeWeightsOfBfloat16 : kLargeWeights) &&
           weights > images / std::max<int64_t>(geometry_.batch, 1);
  }
  bool has_relu() const { return fusion_.relu || fusion_.relu6; }
  float ceiling() const { return fusion_.relu6 ? kRelu6Ceiling : kNoCeiling; }
  // The gradient before the fused ReLU.
  void mask(float* gradient, const float* output, int threads) const {
    const int64_t count = element_count(output_);
    if (fusion_.bfloat16) {
      relu_gradient(bfloat16_of(gradient), bfloat16_of(output), count, threads, ceiling());
    } else {
      relu_gradient(gradient, output, count, threads, ceiling());
    }
  }
  // The gradient of an output in floats.
  int64_t rounded_floats() const {
    return fusion_.float_output
               ? runtime::round_up_to_line(floats_of_bfloat16(element_count(output_)))
               : 0;
  }
  void round_gradient(const BackwardArguments& a) const {
    const int64_t count = element_count(output_);
    if (has_relu() && !a.grad_output_relu_masked)
      relu_gradient(a.grad_output, a.output, count, a.threads, ceiling());
    round_to_bfloat16(a.grad_output, count, a.threads, bfloat16_of(a.scratch));
  }
  void pass_to_addend(const float* gradient, const InputGradient& addend, int threads) const {
    const int64_t count = element_count(output_);
    if (fusion_.bfloat16) {
      pass_gradient(bfloat16_of(gradient), addend, count, threads);
    } else {
      pass_gradient(gradient, addend, count, threads);
    }
  }
  // A fused batch norm: a bias, and scaled weights if the pass reads them unpacked. Both are part
  // of the packed weights.
  int64_t bias_floats() const { return runtime::round_up_to_line(output_[3]); }
  int64_t folded_floats() const {
    if (!fusion_.batch_norm) return 0;
    const int64_t weight = element_count(geometry_.weight_shape());
    return bias_floats() +
           (plan_.forward->packed_floats() > 0 ? 0 : runtime::round_up_to_line(weight));
  }
  void fold(const float* const* parameters, const float* const* buffers, int threads,
            float* packed) const;
  // The output channel of a weight, by its indices along the last two axes.
  int64_t out_channel(int64_t row, int64_t column) const {
    if (!transposed_) return column;
    const int64_t group = column / (geometry_.out_channels / geometry_.groups);
    return group * (geometry_.in_channels / geometry_.groups) + row;
  }
  int64_t pooled_pixels() const { return output_[0] * (output_[1] / 2) * (output_[2] / 2); }
  // The gradient of the map before pooling.
  int64_t unpooled_floats() const {
    return fusion_.max_pool ? runtime::round_up_to_line(element_count(output_)) : 0;
  }
  void unpool(const float* grad_output, const uint8_t* argmax, int threads, float* target) const;

  Conv2dGeometry geometry_;
  Shape output_;
  Conv2dPlan plan_;
  bool transposed_, bias_;
  Fusion fusion_;
};

void BoundConvolution::fold(const float* const* parameters, const float* const* buffers,
                            int threads, float* packed) const {
  const int64_t channels = output_[3];
  const Shape shape = geometry_.weight_shape();
  runtime::AlignedBuffer scale(channels), weight(element_count(shape));
  // The batch norm's parameters come after the convolution's own.
  fusion_.batch_norm->scale_and_shift(parameters + (bias_ ? 2 : 1), buffers, channels, scale.data(),
                                      packed);
  for (int64_t c = 0; bias_ && c < channels; ++c) packed[c] += parameters[1][c] * scale.data()[c];
  const float* from = parameters[0];
  float* to = weight.data();
  for (int64_t tap = 0; tap < shape[0] * shape[1]; ++tap) {
    for (int64_t row = 0; row < shape[2]; ++row) {
      for (int64_t column = 0; column < shape[3]; ++column)
        *to++ = *from++ * scale.data()[out_channel(row, column)];
    }
  }
  if (plan_.forward->packed_floats() > 0) {
    plan_.forward->pack_weights(weight.data(), threads, packed + folded_floats());
  } else {
    std::copy_n(weight.data(), element_count(shape), packed + bias_floats());
  }
}

void BoundConvolution::unpool(const float* grad_output, const uint8_t* argmax, int threads,
                              float* target) const {
  const auto kernel = CNNX_KERNELS(max_pool2x2_kernels).backward;
  const int64_t height = output_[1], width = output_[2], channels = output_[3];
  const int64_t pairs = height / 2, row_floats = width * channels;
  parallel_for_rows(threads, output_[0], pairs, 3 * row_floats,
                    [&](int64_t image, int64_t first, int64_t last) {
                      const int64_t pixel = (image * pairs + first) * (width / 2);
                      float* const rows = target + image * height * row_floats;
                      kernel({last - first, width, channels}, grad_output + pixel * channels,
                             argmax + pixel * argmax_step(channels), rows + 2 * first * row_floats);
                      const bool odd = last == pairs && 2 * pairs < height;
                      if (odd) std::fill_n(rows + 2 * pairs * row_floats, row_floats, 0.0f);
                    });
}

Conv2dPlan bfloat16_plan(const Conv2dGeometry& g, TargetType output) {
  constexpr PassDirection kForward = PassDirection::forward, kBack = PassDirection::input_gradient;
  if (g.groups > 1) {
    return {make_bfloat16_depthwise_pass(g, kForward), make_bfloat16_depthwise_pass(g, kBack),
            choose_bfloat16_weight_gradient(g)};
  }
  return {make_bfloat16_pass(g, kForward, output), make_bfloat16_pass(g, kBack),
          choose_bfloat16_weight_gradient(g)};
}

}  // namespace

bool has_bfloat16_plan(const Conv2dGeometry& geometry) {
  return geometry.groups == 1 || is_depthwise(geometry);
}

std::unique_ptr<const BoundOp> bind_bfloat16_convolution(const Conv2dGeometry& geometry, bool bias,
                                                         const Fusion& fusion) {
  const TargetType output = fusion.float_output ? TargetType::float32 : TargetType::bfloat16;
  return bind_convolution({geometry, /*transposed=*/false, bias}, bfloat16_plan(geometry, output),
                          fusion);
}

std::unique_ptr<const BoundOp> bind_convolution(const ConvolutionLayer& layer, Conv2dPlan plan,
                                                const Fusion& fusion) {
  return std::make_unique<BoundConvolution>(layer, std::move(plan), fusion);
}

}  // namespace cnnx::ops
