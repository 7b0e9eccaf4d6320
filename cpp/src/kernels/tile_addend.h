// The epilogue of a tile with an addend: a loop over sums that the tile has just stored, because
// its code would be long in every tile. For kernel files only.
#pragma once

#include "kernels/tile.h"

namespace cnnx {
namespace CNNX_ISA {
namespace {

// Before the tile runs.
CNNX_INLINE void fetch_addend(const Product& p, int64_t rows, const float* output) {
  const float* addend = p.addend + (output - p.output);
  for (int64_t r = 0; r < rows; ++r, addend += p.output_step) {
    for (int64_t c = 0; c < p.columns; c += kLanes) __builtin_prefetch(addend + c, 0, 3);
  }
}

// Afterwards.
CNNX_INLINE void add_to_tile(const Product& p, int64_t rows, float* output) {
  const float* addend = p.addend + (output - p.output);
  const Vector floor = relu_floor(p.relu), ceiling = broadcast(p.ceiling);
  const int64_t whole = p.columns / kLanes * kLanes, rest = p.columns - whole;
  for (int64_t r = 0; r < rows; ++r, output += p.output_step, addend += p.output_step) {
    for (int64_t c = 0; c < whole; c += kLanes) {
      const Vector sum = load(output + c) + load(addend + c);
      store(output + c, at_most(ceiling, at_least(floor, sum)));
    }
    if (rest == 0) continue;
    const Vector sum = load_partial(output + whole, rest) + load_partial(addend + whole, rest);
    store_partial(output + whole, at_most(ceiling, at_least(floor, sum)), rest);
  }
}

}  // namespace
}  // namespace CNNX_ISA
}  // namespace cnnx
