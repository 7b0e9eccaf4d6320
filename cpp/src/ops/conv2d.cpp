// conv2d: the public functions, the layer kind, and the choice of the algorithm.
#include "cnnx/conv2d.h"

#include <algorithm>
#include <stdexcept>
#include <string>

#include "cnnx/runtime.h"
#include "ops/attributes.h"
#include "ops/conv2d_algorithm.h"
#include "ops/op.h"
#include "runtime/memory.h"

namespace cnnx {
namespace ops {

std::unique_ptr<const Conv2dAlgorithm> choose_conv2d_algorithm(const Conv2dGeometry& geometry) {
  const bool own_channel_alone = geometry.groups > 1 && geometry.groups == geometry.in_channels &&
                                 geometry.in_channels == geometry.out_channels;
  return own_channel_alone ? make_conv2d_depthwise(geometry) : make_conv2d_direct(geometry);
}

namespace {

class BoundConv2d final : public BoundOp {
 public:
  BoundConv2d(const Conv2dGeometry& geometry, bool bias)
      : algorithm_(choose_conv2d_algorithm(geometry)), bias_(bias) {}
  int64_t scratch_floats(int threads) const override {
    return algorithm_->derived_floats() + algorithm_->forward_scratch_floats(threads);
  }
  int64_t backward_scratch_floats(int threads) const override {
    return std::max(algorithm_->input_gradient_scratch_floats(threads),
                    algorithm_->weight_gradient_scratch_floats(threads));
  }
  bool backward_reads_output() const override { return false; }
  void forward(const ForwardArguments& a) const override {
    float* const derived = a.scratch;
    algorithm_->derive(a.parameters[0], a.threads, derived);
    algorithm_->forward(a.input, a.parameters[0], derived,
                        {bias_ ? a.parameters[1] : nullptr, false, false, nullptr}, a.threads,
                        a.scratch + algorithm_->derived_floats(), a.output);
  }
  void backward(const BackwardArguments& a) const override {
    algorithm_->weight_gradient(a.input, a.grad_output, a.accumulate, a.threads, a.scratch,
                                a.grad_parameters[0], bias_ ? a.grad_parameters[1] : nullptr);
    if (!a.grad_input) return;
    algorithm_->input_gradient(a.grad_output, a.parameters[0], {a.accumulate, nullptr}, a.threads,
                               a.scratch, a.grad_input);
  }

 private:
  std::unique_ptr<const Conv2dAlgorithm> algorithm_;
  bool bias_;
};

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
    return std::make_unique<BoundConv2d>(geometry(input), bias_);
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

void conv2d(const Conv2dGeometry& geometry, const float* x, const float* weight, const float* bias,
            float* output) {
  const auto algorithm = ops::choose_conv2d_algorithm(geometry);
  const int threads = get_num_threads();
  runtime::AlignedBuffer derived(algorithm->derived_floats());
  runtime::AlignedBuffer scratch(algorithm->forward_scratch_floats(threads));
  algorithm->derive(weight, threads, derived.data());
  algorithm->forward(x, weight, derived.data(), {bias, false, false, nullptr}, threads,
                     scratch.data(), output);
}

void conv2d_backward(const Conv2dGeometry& geometry, const float* grad_output, const float* x,
                     const float* weight, float* grad_input, float* grad_weight, float* grad_bias,
                     bool accumulate) {
  const auto algorithm = ops::choose_conv2d_algorithm(geometry);
  const int threads = get_num_threads();
  if (grad_weight || grad_bias) {
    runtime::AlignedBuffer scratch(algorithm->weight_gradient_scratch_floats(threads));
    algorithm->weight_gradient(x, grad_output, accumulate, threads, scratch.data(), grad_weight,
                               grad_bias);
  }
  if (grad_input) {
    runtime::AlignedBuffer scratch(algorithm->input_gradient_scratch_floats(threads));
    algorithm->input_gradient(grad_output, weight, {accumulate, nullptr}, threads, scratch.data(),
                              grad_input);
  }
}

}  // namespace cnnx
