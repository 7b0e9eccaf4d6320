// The op of a layer that functions of the program compute.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cnnx/custom_layer.h"
#include "ops/op.h"

namespace cnnx::ops {

// The kind of layers with Layer::custom. It is not listed: it has no settings, and no file holds
// it.
inline constexpr LayerKind kCustomKind{"custom", "functions of the program",   {}, {}, {},
                                       1,        static_cast<int>(kMostInputs)};

// Of Layer::custom.
std::unique_ptr<const Op> make_custom_op(const Layer& layer);

// Of the functions that a registered kind made, whose parameters must have these names.
std::unique_ptr<const Op> make_custom_op(const Layer& layer,
                                         std::shared_ptr<const CustomLayer> functions,
                                         std::vector<std::string> parameters);

// Whether a text is a name of a kind, a setting or a parameter: 1 to 64 lower-case letters, digits
// and underscores, beginning with a letter.
bool is_name(const std::string& text);

}  // namespace cnnx::ops
