// How an array between the steps of a chain is held in memory: in floats, in bfloat16 or in bytes.
#pragma once

#include <cstdint>

#include "ops/bfloat16.h"
#include "ops/op.h"
#include "ops/quantization.h"

namespace cnnx::graph {

struct Storage {
  ops::Format bytes;  // those of a quantized network
  bool bfloat16 = false;

  bool in_floats() const { return !bytes && !bfloat16; }
  int64_t element_bytes() const { return bytes ? 1 : bfloat16 ? 2 : 4; }
  // The memory of an array.
  int64_t floats(int64_t elements) const {
    if (bfloat16) return ops::floats_of_bfloat16(elements);
    return bytes ? ops::floats_of_bytes(elements) : elements;
  }
};

}  // namespace cnnx::graph
