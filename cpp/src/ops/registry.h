// Finds a kind of layer by name, of the library or registered, and makes its op.
#pragma once

#include <memory>
#include <string>

#include "cnnx/layer_kinds.h"
#include "ops/op.h"
#include "ops/settings.h"

namespace cnnx::ops {

// Null for an unknown kind.
const LayerKind* find_layer_kind(const std::string& name);
// Of a layer that has an op.
const LayerKind& kind_of(const Layer& layer);

// Throws std::invalid_argument for an unknown kind or a setting it cannot honour.
std::unique_ptr<const Op> make_op(const Layer& layer, Limits limits = Limits::checked);

}  // namespace cnnx::ops
