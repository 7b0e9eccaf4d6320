// The largest count up to which doubles hold every integer, as checkpoints and JSON do.
#pragma once

#include <cstdint>

namespace cnnx::runtime {

constexpr int64_t kMostExactCount = int64_t{1} << 53;

}  // namespace cnnx::runtime
