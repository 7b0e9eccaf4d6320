// Convolutions and dense layers with int8 weights whose input is in bytes.
#pragma once

#include <memory>
#include <vector>

#include "cnnx/conv2d.h"
#include "ops/layer_description.h"
#include "ops/op.h"
#include "ops/quantized_layer.h"

namespace cnnx::ops {

// The setting of such a layer, and its buffer.
inline constexpr SettingInfo kInt8Weight =
    boolean("int8_weight", "whether a weight is a whole number from -128 to 127 times weight_scale")
        .otherwise(false)
        .omit_default();
inline constexpr LayerArray kWeightScale[] = {{"weight_scale", "int8_weight"}};
inline std::vector<ParameterSpec> weight_scale(int64_t out_channels) {
  return {{"weight_scale", {out_channels}, 0, 1.0f}};
}

inline bool is_fused_in_bytes(Fusable successor) {
  return successor == Fusable::add || successor == Fusable::relu || successor == Fusable::relu6 ||
         successor == Fusable::quantize;
}

// Whether there is such a layer of this geometry: one without groups, or depthwise.
bool reads_bytes(const Conv2dGeometry& geometry);

// A dense layer is a convolution of images of one pixel. Its parameters are
// weight and bias, its only buffer the scale of the weights of each output channel.
std::unique_ptr<const BoundOp> bind_quantized_convolution(const Conv2dGeometry& geometry, bool bias,
                                                          const std::vector<Quantization>& inputs,
                                                          const Fusion& fusion);

}  // namespace cnnx::ops
