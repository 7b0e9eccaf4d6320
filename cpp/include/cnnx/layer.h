// The description of a layer, independent of language and file: its kind and settings, without
// weights and input shape. A C++ program writes Conv2d(32, 3); see cnnx/layers.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "cnnx/export.h"
#include "cnnx/shape.h"

namespace cnnx {

class CustomLayer;

using Setting = std::variant<bool, int64_t, float, std::string, std::vector<int64_t>>;
using Settings = std::map<std::string, Setting>;

// cnnx/layer_kinds.h lists the kinds and their settings. A layer has every setting of its kind
// except those that only say how a parameter starts (prelu's `initial`): these are optional, and a
// model does not save them. Blocks are not kinds. A model replaces them by the layers in them:
//
//   residual             no settings; branches: the body and the shortcut, which may be empty
//   parallel             merge: "concat" or "add"; branches: two or more
//
// A layer of the kind "custom" has no settings and is computed by `custom`, functions of the
// program (cnnx/custom_layer.h); any other one has none.
//
// An empty name becomes the kind and its ordinal in the model: "conv2d_1".
//
// `inputs` names the layers that a layer reads: earlier layers, or "input", the image. If empty,
// the layer reads the one before it. A block's name is the name of its output and the prefix of the
// names of its layers, "residual_1.conv2d_1". The layers of a branch read one another in order.
// Training does not change the parameters of a layer that is not `trainable`. Such a batch norm
// does not update its running statistics and normalises with them.
struct Layer {
  std::string kind;
  Settings settings = {};
  std::string name = {};
  std::vector<std::string> inputs = {};
  bool trainable = true;
  std::vector<std::vector<Layer>> branches = {};  // of a block: the layers in it
  std::shared_ptr<const CustomLayer> custom = nullptr;
};

// Throws std::invalid_argument, naming the setting, its value and the expected value.
CNNX_API void check_layer(const Layer& layer);

}  // namespace cnnx
