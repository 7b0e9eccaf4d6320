// The description of a layer, independent of language and file: its kind and settings, without
// weights and input shape. A C++ program writes Conv2d(32, 3); see cnnx/layers.h.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "cnnx/export.h"
#include "cnnx/shape.h"

namespace cnnx {

using Setting = std::variant<bool, int64_t, float, std::string, std::vector<int64_t>>;
using Settings = std::map<std::string, Setting>;

// The kinds of layers and their settings:
//
//   conv2d               out_channels, kernel_size, stride, padding, dilation, groups, bias
//   conv_transpose2d     out_channels, kernel_size, stride, padding, output_padding, dilation,
//                        groups, bias
//   dense                out_features, bias
//   max_pool2d           kernel_size, stride, padding
//   avg_pool2d           kernel_size, stride, padding, count_include_pad
//   adaptive_avg_pool2d  output_size
//   zero_pad2d           padding
//   upsample2d           scale_factor, mode: "nearest" or "bilinear"
//   leaky_relu           negative_slope
//   prelu                initial: the initial slope, 0.25 if missing; a model does not save it
//   batch_norm2d         momentum, epsilon, affine
//   group_norm           groups, epsilon
//   layer_norm           epsilon
//   dropout              rate
//   flatten, relu, relu6, sigmoid, tanh, gelu, silu, hard_swish, softmax, global_avg_pool2d, add,
//   multiply, concat     none
//
// Blocks, which a model replaces by the layers in them:
//
//   residual             none; branches: the body and the shortcut, which may be empty
//   parallel             merge: "concat" or "add"; branches: two or more
//
// kernel_size, stride, dilation and other sizes are lists {height, width}. padding is "valid",
// "same" or a list {top, bottom, left, right}. Every setting of the kind is required except
// `initial`. An empty name becomes the kind and its ordinal in the model: "conv2d_1".
//
// `inputs` names the layers that a layer reads: earlier layers, or "input", the image. If empty,
// the layer reads the one before it. A block's name is the name of its output and the prefix of the
// names of its layers, "residual_1.conv2d_1". The layers of a branch read one another in order.
// Training does not change the parameters of a layer that is not `trainable`. Such a batch norm
// does not update its running statistics and normalises with them.
struct Layer {
  std::string kind;
  Settings settings;
  std::string name;
  std::vector<std::string> inputs;
  bool trainable = true;
  std::vector<std::vector<Layer>> branches = {};  // of a block: the layers in it
};

// Throws std::invalid_argument, naming the setting, its value and the expected value.
CNNX_API void check_layer(const Layer& layer);

}  // namespace cnnx
