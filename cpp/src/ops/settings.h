// A layer's settings, checked against the description of its kind.
#pragma once

#include <cstdint>
#include <string>

#include "cnnx/layer_kinds.h"

namespace cnnx::ops {

// Whether sizes must lie within the limits of their settings. Those of a call with arrays are left
// to the op, which checks them together with the arrays' shapes.
enum class Limits { checked, unchecked };

// The constructor refuses missing, wrong and unknown settings, in one sentence: "conv2d: stride is
// (0, 1), expected two integers >= 1 (height, width)". Afterwards every setting is present in its
// type; a missing optional one has its default.
class CheckedSettings {
 public:
  // Kind and settings must outlive it.
  CheckedSettings(const LayerKind& kind, const Settings& settings, Limits limits);

  const LayerKind& kind() const { return kind_; }
  int64_t integer(const char* name) const { return std::get<int64_t>(value(name)); }
  float real(const char* name) const { return std::get<float>(value(name)); }
  bool boolean(const char* name) const { return std::get<bool>(value(name)); }
  Pair pair(const char* name) const;
  Padding padding(const char* name) const;  // also of sides
  std::string choice(const char* name) const { return std::get<std::string>(value(name)); }

 private:
  Setting value(const char* name) const;

  const LayerKind& kind_;
  const Settings& settings_;
};

}  // namespace cnnx::ops
