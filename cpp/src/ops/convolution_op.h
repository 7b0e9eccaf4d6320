// The settings and parameters shared by the layer kinds conv2d and conv_transpose2d.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "ops/conv2d_checks.h"
#include "ops/layer_description.h"
#include "ops/op.h"

namespace cnnx::ops {

// `Options` are those of the public functions.
template <class Options>
class ConvolutionOp : public Op {
 public:
  explicit ConvolutionOp(const CheckedSettings& settings)
      : kind_(settings.kind().name),
        out_channels_(settings.integer("out_channels")),
        kernel_size_(settings.pair("kernel_size")),
        bias_(settings.boolean("bias")),
        method_(settings.choice("algorithm") == "direct" ? Conv2dMethod::direct
                                                         : Conv2dMethod::chosen) {
    options_.stride = settings.pair("stride");
    options_.padding = settings.padding("padding");
    options_.dilation = settings.pair("dilation");
    options_.groups = settings.integer("groups");
  }
  std::unique_ptr<const BoundOp> bind(const Shape& input) const final {
    return bind_fused(input, {});
  }

 protected:
  // The channels of the input. An input of another rank gets any number: the geometry refuses it
  // afterwards.
  int64_t in_channels(const Shape& input) const {
    const int64_t channels = input.size() == 4 ? input[3] : options_.groups;
    check_layer_groups(kind_, options_.groups, channels, out_channels_);
    return channels;
  }
  Shape weight_shape(int64_t rows, int64_t columns) const {
    return {kernel_size_.height, kernel_size_.width, rows, columns};
  }
  std::vector<ParameterSpec> with_bias(const ParameterSpec& weight) const {
    std::vector<ParameterSpec> specs = {weight};
    if (bias_) specs.push_back({"bias", {out_channels_}, 0});
    return specs;
  }

  const char* kind_;
  int64_t out_channels_;
  Pair kernel_size_;
  Options options_;
  bool bias_;
  Conv2dMethod method_;
};

// The last setting of both kinds.
constexpr const char* kConvolutionAlgorithms[] = {"auto", "direct"};
constexpr SettingInfo kConvolutionAlgorithm =
    choice("algorithm", kConvolutionAlgorithms,
           "method of computation, chosen by the shapes or direct")
        .otherwise(0)
        .omit_default();

}  // namespace cnnx::ops
