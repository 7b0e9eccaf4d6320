// The ceiling of a ReLU that other kernels fuse: x < 0 ? 0 : x > ceiling ? ceiling : x.
#pragma once

namespace cnnx {

// That of ReLU itself: every comparison with it is false.
constexpr float kNoCeiling = __builtin_nanf("");
constexpr float kRelu6Ceiling = 6.0f;

}  // namespace cnnx
