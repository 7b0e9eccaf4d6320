// conv2d: the public functions and the layer kind.
#include "cnnx/conv2d.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "kernels/max_pool2x2.h"
#include "ops/activations.h"
#include "ops/attributes.h"
#include "ops/conv2d_algorithm.h"
#include "ops/op.h"
#include "ops/pool2d.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {

namespace {

class BoundConv2d final : public BoundOp {
 public:
  BoundConv2d(const Conv2dGeometry& geometry, bool bias, const Fusion& fusion)
      : geometry_(geometry),
        algorithm_(choose_conv2d_algorithm(geometry, Conv2dMethod::chosen, fusion.training)),
        bias_(bias),
        fusion_(fusion) {}

  int64_t derived_floats() const override { return folded_floats() + algorithm_->derived_floats(); }
  void derive(const float* const* parameters, const float* const* buffers, int threads,
              float* derived) const override {
    if (fusion_.batch_norm) {
      fold(parameters, buffers, threads, derived);
    } else {
      algorithm_->derive(parameters[0], threads, derived);
    }
  }
  int64_t products() const override {
    const Shape weight = geometry_.weight_shape();
    return geometry_.batch * geometry_.out_height * geometry_.out_width * element_count(weight);
  }
  int64_t kept_bytes() const override {
    return fusion_.max_pool ? pooled_pixels() * winner_step(geometry_.out_channels) : 0;
  }
  int64_t scratch_floats(int threads) const override {
    return own_derived_floats() + algorithm_->forward_scratch_floats(threads);
  }
  int64_t backward_scratch_floats(int threads) const override {
    return unpooled_floats() + std::max(algorithm_->input_gradient_scratch_floats(threads),
                                        algorithm_->weight_gradient_scratch_floats(threads));
  }
  // The ReLU's mask is read off its own output.
  bool backward_reads_output() const override { return changes_grad_output(); }
  bool changes_grad_output() const override { return fusion_.relu && !fusion_.max_pool; }
  bool passes_through_relu() const override { return true; }

  void forward(const ForwardArguments& a) const override {
    const float* weight = a.parameters[0];
    const float* bias = bias_ ? a.parameters[1] : nullptr;
    const float* derived = a.derived;
    if (fusion_.batch_norm) {
      bias = derived;
      weight = derived + bias_floats();
      derived += folded_floats();
    } else if (!derived && !algorithm_->derives_in_parts()) {
      algorithm_->derive(weight, a.threads, a.scratch);
      derived = a.scratch;
    }
    algorithm_->forward(a.input, weight, derived, {bias, fusion_.relu, fusion_.max_pool, a.kept},
                        a.threads, a.scratch + own_derived_floats(), a.output);
  }

  void backward(const BackwardArguments& a) const override {
    float* const scratch = a.scratch + unpooled_floats();
    const float* gradient = a.grad_output;
    if (fusion_.max_pool) {
      unpool(a.grad_output, a.kept, a.threads, a.scratch);
      gradient = a.scratch;
    } else if (fusion_.relu && !a.grad_output_through) {
      relu_gradient(a.grad_output, a.output, element_count(geometry_.output_shape()), a.threads);
    }
    if (a.grad_parameters[0]) {
      algorithm_->weight_gradient(a.input, gradient, /*accumulate=*/false, a.threads, scratch,
                                  a.grad_parameters[0], bias_ ? a.grad_parameters[1] : nullptr);
    }
    if (!a.grad_input) return;
    algorithm_->input_gradient(gradient, a.parameters[0],
                               {a.accumulate, a.grad_input_through ? a.input : nullptr}, a.threads,
                               scratch, a.grad_input);
  }

 private:
  // What forward derives when it is not given it.
  int64_t own_derived_floats() const {
    return algorithm_->derives_in_parts() || fusion_.batch_norm ? 0 : algorithm_->derived_floats();
  }
  // A batch norm that was taken in: a bias, and the weights where the algorithm reads them as they
  // are; a part of the derived weights.
  int64_t bias_floats() const { return runtime::round_up_to_line(geometry_.out_channels); }
  int64_t folded_floats() const {
    if (!fusion_.batch_norm) return 0;
    const int64_t weight = element_count(geometry_.weight_shape());
    return bias_floats() +
           (algorithm_->derived_floats() > 0 ? 0 : runtime::round_up_to_line(weight));
  }
  void fold(const float* const* parameters, const float* const* buffers, int threads,
            float* derived) const;
  int64_t pooled_pixels() const {
    return geometry_.batch * (geometry_.out_height / 2) * (geometry_.out_width / 2);
  }
  // The gradient of the map before it was pooled.
  int64_t unpooled_floats() const {
    return fusion_.max_pool ? runtime::round_up_to_line(element_count(geometry_.output_shape()))
                            : 0;
  }
  void unpool(const float* grad_output, const uint8_t* winners, int threads, float* target) const;

  Conv2dGeometry geometry_;
  std::shared_ptr<const Conv2dAlgorithm> algorithm_;
  bool bias_;
  Fusion fusion_;
};

void BoundConv2d::fold(const float* const* parameters, const float* const* buffers, int threads,
                       float* derived) const {
  const int64_t channels = geometry_.out_channels;
  const int64_t taps = element_count(geometry_.weight_shape()) / channels;
  runtime::AlignedBuffer scale(channels), weight(taps * channels);
  // The batch norm's parameters come after the convolution's own.
  fusion_.batch_norm->scale_and_shift(parameters + (bias_ ? 2 : 1), buffers, channels, scale.data(),
                                      derived);
  for (int64_t c = 0; bias_ && c < channels; ++c) derived[c] += parameters[1][c] * scale.data()[c];
  for (int64_t tap = 0; tap < taps; ++tap) {
    const float* const from = parameters[0] + tap * channels;
    float* const to = weight.data() + tap * channels;
    for (int64_t c = 0; c < channels; ++c) to[c] = from[c] * scale.data()[c];
  }
  if (algorithm_->derived_floats() > 0) {
    algorithm_->derive(weight.data(), threads, derived + folded_floats());
  } else {
    std::copy_n(weight.data(), taps * channels, derived + bias_floats());
  }
}

void BoundConv2d::unpool(const float* grad_output, const uint8_t* winners, int threads,
                         float* target) const {
  const Conv2dGeometry& g = geometry_;
  const auto kernel = CNNX_KERNELS(max_pool2x2_kernels).backward;
  const int64_t pairs = g.out_height / 2, row_floats = g.out_width * g.out_channels;
  parallel_for_rows(
      threads, g.batch, pairs, 3 * row_floats, [&](int64_t picture, int64_t first, int64_t last) {
        const int64_t pixel = (picture * pairs + first) * (g.out_width / 2);
        float* const rows = target + picture * g.out_height * row_floats;
        kernel({last - first, g.out_width, g.out_channels}, grad_output + pixel * g.out_channels,
               winners + pixel * winner_step(g.out_channels), rows + 2 * first * row_floats);
        const bool odd = last == pairs && 2 * pairs < g.out_height;
        if (odd) std::fill_n(rows + 2 * pairs * row_floats, row_floats, 0.0f);
      });
}

class Conv2dOp final : public Op {
 public:
  Conv2dOp(int64_t out_channels, Pair kernel_size, const Conv2dOptions& options, bool bias)
      : out_channels_(out_channels), kernel_size_(kernel_size), options_(options), bias_(bias) {}
  Shape output_shape(const Shape& input) const override { return geometry(input).output_shape(); }
  std::vector<ParameterSpec> parameters(const Shape& input) const override {
    const Shape weight = geometry(input).weight_shape();
    std::vector<ParameterSpec> specs = {{"weight", weight, weight[0] * weight[1] * weight[2]}};
    if (bias_) specs.push_back({"bias", {out_channels_}, 0});
    return specs;
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const override {
    return bind_fused(input, {});
  }
  bool takes_in(Follower follower, const Shape& input) const override {
    return follower == Follower::relu || follower == Follower::batch_norm ||
           (follower == Follower::max_pool_2x2 &&
            choose_conv2d_algorithm(geometry(input))->pools());
  }
  std::unique_ptr<const BoundOp> bind_fused(const Shape& input,
                                            const Fusion& fusion) const override {
    return std::make_unique<BoundConv2d>(geometry(input), bias_, fusion);
  }

 private:
  Conv2dGeometry geometry(const Shape& input) const {
    // What the input lacks is said by conv2d_geometry; the weight needs a number of channels before
    // that.
    const int64_t in_channels = input.size() == 4 ? input[3] : options_.groups;
    if (in_channels % options_.groups != 0 || out_channels_ % options_.groups != 0) {
      throw std::invalid_argument(
          "conv2d: groups is " + std::to_string(options_.groups) +
          ", expected a divisor of in_channels = " + std::to_string(in_channels) +
          " and of out_channels = " + std::to_string(out_channels_));
    }
    return conv2d_geometry(
        input,
        {kernel_size_.height, kernel_size_.width, in_channels / options_.groups, out_channels_},
        options_);
  }

  int64_t out_channels_;
  Pair kernel_size_;
  Conv2dOptions options_;
  bool bias_;
};

}  // namespace

std::unique_ptr<const Op> make_conv2d(const Attributes& attributes) {
  AttributeReader reader("conv2d", attributes);
  const int64_t out_channels = reader.integer("out_channels", 1);
  const Pair kernel_size = reader.pair("kernel_size", 1);
  Conv2dOptions options;
  options.stride = reader.pair("stride", 1);
  options.padding = reader.padding("padding");
  options.dilation = reader.pair("dilation", 1);
  options.groups = reader.integer("groups", 1);
  const bool bias = reader.boolean("bias");
  reader.finish();
  return std::make_unique<Conv2dOp>(out_channels, kernel_size, options, bias);
}

}  // namespace ops

namespace {

// Algorithms write scratch before they read it.
runtime::AlignedBuffer scratch_memory(int64_t floats) {
  return runtime::AlignedBuffer(floats, runtime::AlignedBuffer::Contents::anything);
}

}  // namespace

void conv2d(const Conv2dGeometry& geometry, const float* x, const float* weight, const float* bias,
            float* output, Conv2dMethod method) {
  const auto algorithm = ops::choose_conv2d_algorithm(geometry, method);
  const int threads = get_num_threads();
  const bool whole = !algorithm->derives_in_parts();
  runtime::AlignedBuffer derived = scratch_memory(whole ? algorithm->derived_floats() : 0);
  runtime::AlignedBuffer scratch = scratch_memory(algorithm->forward_scratch_floats(threads));
  if (whole) algorithm->derive(weight, threads, derived.data());
  algorithm->forward(x, weight, whole ? derived.data() : nullptr, {bias, false, false, nullptr},
                     threads, scratch.data(), output);
}

void conv2d_backward(const Conv2dGeometry& geometry, const float* grad_output, const float* x,
                     const float* weight, float* grad_input, float* grad_weight, float* grad_bias,
                     bool accumulate, Conv2dMethod method) {
  const auto algorithm = ops::choose_conv2d_algorithm(geometry, method);
  const int threads = get_num_threads();
  if (grad_weight || grad_bias) {
    runtime::AlignedBuffer scratch =
        scratch_memory(algorithm->weight_gradient_scratch_floats(threads));
    algorithm->weight_gradient(x, grad_output, accumulate, threads, scratch.data(), grad_weight,
                               grad_bias);
  }
  if (grad_input) {
    runtime::AlignedBuffer scratch =
        scratch_memory(algorithm->input_gradient_scratch_floats(threads));
    algorithm->input_gradient(grad_output, weight, {accumulate, nullptr}, threads, scratch.data(),
                              grad_input);
  }
}

}  // namespace cnnx
