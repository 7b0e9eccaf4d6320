// A layer as a file or another language writes it down: its kind and settings, without weights and
// without knowing its input. A C++ program writes Conv2d(32, 3), as cnnx/layers.h says.
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

// kind        settings
// conv2d      out_channels, kernel_size, stride, padding, dilation, groups, bias
// conv_transpose2d  out_channels, kernel_size, stride, padding, output_padding, dilation, groups,
//             bias
// dense       out_features, bias
// max_pool2d  kernel_size, stride, padding
// avg_pool2d  kernel_size, stride, padding, count_include_pad
// adaptive_avg_pool2d  output_size
// zero_pad2d  padding
// upsample2d  scale_factor, mode: "nearest" or "bilinear"
// leaky_relu  negative_slope
// prelu       initial: what its slopes begin at, 0.25 if missing; a model forgets it
// batch_norm2d  momentum, epsilon, affine
// group_norm  groups, epsilon
// layer_norm  epsilon
// dropout     rate
// flatten, relu, relu6, sigmoid, tanh, gelu, silu, hard_swish, softmax, global_avg_pool2d, add,
// multiply, concat: none
//
// Blocks, which a model writes out as the layers within them:
// residual    none; branches: the body, and the way around it, which may be empty
// parallel    merge: "concat" or "add"; branches: two or more
//
// kernel_size, stride, dilation and other sizes are lists {height, width}; padding is "valid",
// "same" or a list {top, bottom, left, right}; every setting of the kind is given, but for
// `initial`. An empty name becomes the kind and its ordinal in the model: "conv2d_1".
//
// `inputs` names what a layer reads: layers before it, or "input", the image itself; empty, it is
// the layer before. A block's name is that of its result and begins the names of the layers within
// it, "residual_1.conv2d_1", which read one another in order. A layer that is not `trainable` keeps
// its parameters in training, and a batch norm its statistics, with which it then normalises.
struct Layer {
  std::string kind;
  Settings settings;
  std::string name;
  std::vector<std::string> inputs;
  bool trainable = true;
  std::vector<std::vector<Layer>> branches = {};  // of a block: the layers within
};

// Throws std::invalid_argument, naming the setting, what came and what was expected.
CNNX_API void check_layer(const Layer& layer);

}  // namespace cnnx
