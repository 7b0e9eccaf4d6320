// The layer kinds by name; the list itself is cpp/CMakeLists.txt.
#pragma once

#include <memory>
#include <string>

#include "ops/op.h"
#include "ops/settings.h"

namespace cnnx::ops {

// Throws std::invalid_argument for an unknown kind or a setting it cannot honour.
std::unique_ptr<const Op> make_op(const std::string& kind, const Settings& settings);

}  // namespace cnnx::ops
