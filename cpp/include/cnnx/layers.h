// Builders of layers for C++ programs, with the names and defaults of the Python classes.
//
//   using namespace cnnx::layers;
//   const cnnx::Model model({Conv2d(16, 3).padding(cnnx::Padding::same), ReLU(), MaxPool2d(2),
//                            Flatten(), Dense(10)}, {28, 28, 1});
//
// Required settings are constructor arguments; the others have defaults and are set by name. A
// builder converts to a Layer (cnnx/layer.h). Layers that do not follow one another are connected
// by names:
//
//   Conv2d(16, 3).name("stem"), ReLU(), Conv2d(16, 1), Add().inputs({"conv2d_2", "stem"})
//
// or by a block: Residual, Parallel. The model's constructor checks the settings and throws
// std::invalid_argument: "layer stem: conv2d: stride is (0, 0), expected two integers >= 1 (height,
// width)". The formulas are in the header of each op, cnnx/conv2d.h and so on.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cnnx/conv2d.h"
#include "cnnx/layer.h"
#include "cnnx/layer_builder.h"
#include "cnnx/shape.h"
#include "cnnx/shape_layers.h"

namespace cnnx {

// How the outputs of branches are combined.
enum class Merge {
  concat,  // side by side along the channels
  add,
};

// The forms of GELU.
enum class GeluApproximation {
  none,  // x times the standard normal distribution of x
  tanh,
};

// The input of a MatMul whose matrices are transposed before the product.
enum class Transposed { none, first, second };

inline namespace layers {

// Convolutions.

template <class Kind>
class ConvolutionBuilder : public LayerBuilder<Kind> {
 public:
  Kind& stride(Pair stride) { return this->set("stride", stride); }
  Kind& padding(const Padding& padding) { return this->set("padding", padding); }
  Kind& dilation(Pair dilation) { return this->set("dilation", dilation); }
  Kind& groups(int64_t groups) { return this->set("groups", Setting(groups)); }
  Kind& bias(bool bias) { return this->set("bias", Setting(bias)); }
  Kind& algorithm(ConvolutionAlgorithm algorithm) {
    const bool direct = algorithm == ConvolutionAlgorithm::direct;
    return this->set("algorithm", Setting(std::string(direct ? "direct" : "auto")));
  }

 protected:
  ConvolutionBuilder(const char* kind, int64_t out_channels, Pair kernel_size)
      : LayerBuilder<Kind>(kind) {
    this->set("out_channels", Setting(out_channels));
    this->set("kernel_size", kernel_size);
    stride(1);
    padding(0);
    dilation(1);
    groups(1);
    bias(true);
  }
};

class Conv2d : public ConvolutionBuilder<Conv2d> {
 public:
  Conv2d(int64_t out_channels, Pair kernel_size)
      : ConvolutionBuilder("conv2d", out_channels, kernel_size) {}
  Conv2d& int8_weight(bool is_int8) { return set("int8_weight", Setting(is_int8)); }
};

class ConvTranspose2d : public ConvolutionBuilder<ConvTranspose2d> {
 public:
  ConvTranspose2d(int64_t out_channels, Pair kernel_size)
      : ConvolutionBuilder("conv_transpose2d", out_channels, kernel_size) {
    output_padding(0);
  }
  ConvTranspose2d& output_padding(Pair more) { return set("output_padding", more); }
};

class Dense : public LayerBuilder<Dense> {
 public:
  explicit Dense(int64_t out_features) : LayerBuilder("dense") {
    set("out_features", Setting(out_features));
    bias(true);
  }
  Dense& bias(bool bias) { return set("bias", Setting(bias)); }
  Dense& int8_weight(bool is_int8) { return set("int8_weight", Setting(is_int8)); }
};

// The nearest of 256 values, scale * (0...255 - zero_point).
class Quantize : public LayerBuilder<Quantize> {
 public:
  explicit Quantize(double scale, int64_t zero_point = 0) : LayerBuilder("quantize") {
    set_real("scale", scale);
    set("zero_point", Setting(zero_point));
  }
};

// Pooling.

template <class Kind>
class PoolingBuilder : public LayerBuilder<Kind> {
 public:
  Kind& stride(Pair stride) { return this->set("stride", stride); }  // default: the window
  Kind& padding(const Padding& padding) { return this->set("padding", padding); }
  Kind& dilation(Pair dilation) { return this->set("dilation", dilation); }
  Kind& ceil_mode(bool ceil_mode) { return this->set("ceil_mode", Setting(ceil_mode)); }

 protected:
  PoolingBuilder(const char* kind, Pair kernel_size) : LayerBuilder<Kind>(kind) {
    this->set("kernel_size", kernel_size);
    stride(kernel_size);
    padding(0);
  }
};

class MaxPool2d : public PoolingBuilder<MaxPool2d> {
 public:
  explicit MaxPool2d(Pair kernel_size) : PoolingBuilder("max_pool2d", kernel_size) {}
};

class AvgPool2d : public PoolingBuilder<AvgPool2d> {
 public:
  explicit AvgPool2d(Pair kernel_size) : PoolingBuilder("avg_pool2d", kernel_size) {
    count_include_pad(true);
  }
  AvgPool2d& count_include_pad(bool count) { return set("count_include_pad", Setting(count)); }
};

class AdaptiveAvgPool2d : public LayerBuilder<AdaptiveAvgPool2d> {
 public:
  explicit AdaptiveAvgPool2d(Pair output_size) : LayerBuilder("adaptive_avg_pool2d") {
    set("output_size", output_size);
  }
};

class GlobalAvgPool2d : public LayerBuilder<GlobalAvgPool2d> {
 public:
  GlobalAvgPool2d() : LayerBuilder("global_avg_pool2d") {}
};

// Norms and dropout.

class BatchNorm2d : public LayerBuilder<BatchNorm2d> {
 public:
  BatchNorm2d() : LayerBuilder("batch_norm2d") {
    momentum(0.1);
    epsilon(1e-5);
    affine(true);
  }
  BatchNorm2d& momentum(double momentum) { return set_real("momentum", momentum); }
  BatchNorm2d& epsilon(double epsilon) { return set_real("epsilon", epsilon); }
  BatchNorm2d& affine(bool affine) { return set("affine", Setting(affine)); }
};

class GroupNorm : public LayerBuilder<GroupNorm> {
 public:
  explicit GroupNorm(int64_t groups) : LayerBuilder("group_norm") {
    set("groups", Setting(groups));
    epsilon(1e-5);
  }
  GroupNorm& epsilon(double epsilon) { return set_real("epsilon", epsilon); }
};

class LayerNorm : public LayerBuilder<LayerNorm> {
 public:
  LayerNorm() : LayerBuilder("layer_norm") { epsilon(1e-5); }
  LayerNorm& epsilon(double epsilon) { return set_real("epsilon", epsilon); }
};

class GlobalResponseNorm : public LayerBuilder<GlobalResponseNorm> {
 public:
  GlobalResponseNorm() : LayerBuilder("global_response_norm") { epsilon(1e-6); }
  GlobalResponseNorm& epsilon(double epsilon) { return set_real("epsilon", epsilon); }
};

class L2Norm : public LayerBuilder<L2Norm> {
 public:
  L2Norm() : LayerBuilder("l2_norm") { epsilon(1e-12); }
  L2Norm& epsilon(double epsilon) { return set_real("epsilon", epsilon); }
};

class RMSNorm : public LayerBuilder<RMSNorm> {
 public:
  RMSNorm() : LayerBuilder("rms_norm") {
    epsilon(1e-6);
    affine(true);
  }
  RMSNorm& epsilon(double epsilon) { return set_real("epsilon", epsilon); }
  RMSNorm& affine(bool affine) { return set("affine", Setting(affine)); }
};

class LocalResponseNorm : public LayerBuilder<LocalResponseNorm> {
 public:
  explicit LocalResponseNorm(int64_t size) : LayerBuilder("lrn") {
    set("size", Setting(size));
    alpha(1e-4);
    beta(0.75);
    k(1);
  }
  LocalResponseNorm& alpha(double alpha) { return set_real("alpha", alpha); }
  LocalResponseNorm& beta(double beta) { return set_real("beta", beta); }
  LocalResponseNorm& k(double k) { return set_real("k", k); }
};

class Scale2d : public LayerBuilder<Scale2d> {
 public:
  Scale2d() : LayerBuilder("scale2d") { bias(true); }
  Scale2d& bias(bool bias) { return set("bias", Setting(bias)); }
};

class Dropout : public LayerBuilder<Dropout> {
 public:
  explicit Dropout(double rate = 0.5) : LayerBuilder("dropout") { set_real("rate", rate); }
};

// Activations.

class ReLU : public LayerBuilder<ReLU> {
 public:
  ReLU() : LayerBuilder("relu") {}
};

class ReLU6 : public LayerBuilder<ReLU6> {
 public:
  ReLU6() : LayerBuilder("relu6") {}
};

class LeakyReLU : public LayerBuilder<LeakyReLU> {
 public:
  explicit LeakyReLU(double negative_slope = 0.01) : LayerBuilder("leaky_relu") {
    set_real("negative_slope", negative_slope);
  }
};

class ELU : public LayerBuilder<ELU> {
 public:
  explicit ELU(double alpha = 1.0) : LayerBuilder("elu") { set_real("alpha", alpha); }
};

class SELU : public LayerBuilder<SELU> {
 public:
  SELU() : LayerBuilder("selu") {}
};

class PReLU : public LayerBuilder<PReLU> {
 public:
  explicit PReLU(double initial = 0.25) : LayerBuilder("prelu") { set_real("initial", initial); }
};

class Sigmoid : public LayerBuilder<Sigmoid> {
 public:
  Sigmoid() : LayerBuilder("sigmoid") {}
};

class Tanh : public LayerBuilder<Tanh> {
 public:
  Tanh() : LayerBuilder("tanh") {}
};

class Softsign : public LayerBuilder<Softsign> {
 public:
  Softsign() : LayerBuilder("softsign") {}
};

class Reciprocal : public LayerBuilder<Reciprocal> {
 public:
  Reciprocal() : LayerBuilder("reciprocal") {}
};

class GELU : public LayerBuilder<GELU> {
 public:
  GELU() : LayerBuilder("gelu") {}
  GELU& approximate(GeluApproximation form) {
    return set("approximate",
               Setting(std::string(form == GeluApproximation::tanh ? "tanh" : "none")));
  }
};

class SiLU : public LayerBuilder<SiLU> {
 public:
  SiLU() : LayerBuilder("silu") {}
};

class Mish : public LayerBuilder<Mish> {
 public:
  Mish() : LayerBuilder("mish") {}
};

class HardSwish : public LayerBuilder<HardSwish> {
 public:
  HardSwish() : LayerBuilder("hard_swish") {}
};

class HardSigmoid : public LayerBuilder<HardSigmoid> {
 public:
  HardSigmoid() : LayerBuilder("hard_sigmoid") {}
  HardSigmoid& slope(double slope) { return set_real("slope", slope); }      // default: 1 / 6
  HardSigmoid& offset(double offset) { return set_real("offset", offset); }  // default: 0.5
};

class HardShrink : public LayerBuilder<HardShrink> {
 public:
  explicit HardShrink(double threshold = 0.5) : LayerBuilder("hard_shrink") {
    set_real("threshold", threshold);
  }
};

class SoftShrink : public LayerBuilder<SoftShrink> {
 public:
  explicit SoftShrink(double threshold = 0.5) : LayerBuilder("soft_shrink") {
    set_real("threshold", threshold);
  }
};

class Clip : public LayerBuilder<Clip> {
 public:
  Clip(double minimum, double maximum) : LayerBuilder("clip") {
    set_real("minimum", minimum);
    set_real("maximum", maximum);
  }
};

class Softplus : public LayerBuilder<Softplus> {
 public:
  Softplus() : LayerBuilder("softplus") {}
};

class Softmax : public LayerBuilder<Softmax> {
 public:
  Softmax() : LayerBuilder("softmax") {}
};

class LogSoftmax : public LayerBuilder<LogSoftmax> {
 public:
  LogSoftmax() : LayerBuilder("log_softmax") {}
};

// Merging several arrays.

class Add : public LayerBuilder<Add> {
 public:
  Add() : LayerBuilder("add") {}
};

class Multiply : public LayerBuilder<Multiply> {
 public:
  Multiply() : LayerBuilder("multiply") {}
};

class Maximum : public LayerBuilder<Maximum> {
 public:
  Maximum() : LayerBuilder("maximum") {}
};

class MatMul : public LayerBuilder<MatMul> {
 public:
  MatMul() : LayerBuilder("matmul") { transposed(Transposed::none); }
  MatMul& transposed(Transposed input) {
    return set("transposed", Setting(std::string(input == Transposed::first    ? "first"
                                                 : input == Transposed::second ? "second"
                                                                               : "none")));
  }
};

class Concat : public LayerBuilder<Concat> {
 public:
  Concat() : LayerBuilder("concat") {}
};

// body(x) + shortcut(x); without a shortcut body(x) + x.
class ResidualBlock : public LayerBuilder<ResidualBlock> {
 public:
  ResidualBlock(std::vector<Layer> body, std::vector<Layer> shortcut) : LayerBuilder("residual") {
    layer_.branches = {std::move(body), std::move(shortcut)};
  }
};
// A function, because a constructor would take Residual({Residual({...})}) for a copy.
inline ResidualBlock Residual(std::vector<Layer> body, std::vector<Layer> shortcut = {}) {
  return ResidualBlock(std::move(body), std::move(shortcut));
}

// Branches that read the same input; an empty branch is the input itself.
class ParallelBlock : public LayerBuilder<ParallelBlock> {
 public:
  ParallelBlock(std::vector<std::vector<Layer>> branches, Merge merge) : LayerBuilder("parallel") {
    layer_.branches = std::move(branches);
    set("merge", Setting(std::string(merge == Merge::concat ? "concat" : "add")));
  }
};
inline ParallelBlock Parallel(std::vector<std::vector<Layer>> branches,
                              Merge merge = Merge::concat) {
  return ParallelBlock(std::move(branches), merge);
}

}  // namespace layers
}  // namespace cnnx
