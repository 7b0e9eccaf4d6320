// The copy of a view, which is otherwise its input's memory.
#pragma once

#include <cstdint>
#include <memory>

#include "ops/op.h"

namespace cnnx::ops {

// Of so many floats: an array whose gradient is that of its own readers alone.
std::unique_ptr<const BoundOp> bind_copy(int64_t count);

}  // namespace cnnx::ops
