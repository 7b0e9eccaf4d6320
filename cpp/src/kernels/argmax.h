// How a max pooling saves for backward which pixel of each window is its maximum: a byte per
// output.
#pragma once

#include <stdint.h>

namespace cnnx {

// Bytes from one pixel's argmax to the next: whole vectors of the widest instruction set, so that
// no store needs a mask. The bytes between are undefined.
constexpr int64_t argmax_step(int64_t channels) { return (channels + 15) / 16 * 16; }

}  // namespace cnnx
