// The base class of the builders of layers, cnnx/layers.h.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "cnnx/layer.h"
#include "cnnx/shape.h"

namespace cnnx {

inline namespace layers {

// Settings of every layer and block.
template <class Kind>
class LayerBuilder {
 public:
  // The name in files and errors; by default the kind and its ordinal, "conv2d_1".
  Kind& name(std::string name) {
    layer_.name = std::move(name);
    return self();
  }
  // The names of its inputs: earlier layers or blocks, or "input", the image; by default the layer
  // or block before it.
  Kind& inputs(std::vector<std::string> names) {
    layer_.inputs = std::move(names);
    return self();
  }
  // Whether training changes the layer, or the layers of the block; by default true.
  Kind& trainable(bool trainable) {
    layer_.trainable = trainable;
    return self();
  }

  operator Layer() const { return layer_; }

 protected:
  explicit LayerBuilder(const char* kind) { layer_.kind = kind; }

  Kind& set(const char* setting, Setting value) {
    layer_.settings[setting] = std::move(value);
    return self();
  }
  Kind& set(const char* setting, Pair value) {
    return set(setting, Setting(std::vector<int64_t>{value.height, value.width}));
  }
  Kind& set(const char* setting, const Padding& value) {
    if (value.rule == Padding::Rule::same) return set(setting, Setting(std::string("same")));
    if (value.rule == Padding::Rule::valid) return set(setting, Setting(std::string("valid")));
    return set(setting,
               Setting(std::vector<int64_t>{value.top, value.bottom, value.left, value.right}));
  }
  Kind& set_real(const char* setting, double value) {
    return set(setting, Setting(static_cast<float>(value)));
  }

  Layer layer_;

 private:
  Kind& self() { return static_cast<Kind&>(*this); }
};

}  // namespace layers
}  // namespace cnnx
