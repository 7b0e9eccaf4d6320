// The kinds of layers that a program has registered.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "cnnx/custom_layer.h"
#include "ops/op.h"

namespace cnnx::ops {

// A description with texts of its own, which are never freed.
struct RegisteredKind {
  LayerKind kind;
  MakeCustomLayer make;

  std::unique_ptr<const Op> make_op(const Layer& layer) const;

  // What `kind` views.
  std::deque<std::string> texts;
  std::deque<std::vector<const char*>> choices;
  std::vector<SettingInfo> settings;
  std::vector<LayerArray> parameters;

  const RegisteredKind* next = nullptr;  // the one registered before
};

// Null for an unknown kind.
const RegisteredKind* find_registered_kind(const std::string& name);

}  // namespace cnnx::ops
