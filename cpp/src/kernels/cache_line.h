// The size of a cache line, the same on all CPUs that kernels are written for.
#pragma once

#include <stdint.h>

namespace cnnx {

// In elements.
template <class Element>
constexpr int64_t kCacheLine = 64 / sizeof(Element);

}  // namespace cnnx
