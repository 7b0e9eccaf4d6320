// Vectors of the argmax of max pooling, of which argmax_step leaves space for whole ones. For
// kernel files only.
#pragma once

#include <stdint.h>

#include "kernels/argmax.h"
#include "kernels/channel_lanes.h"
#include "kernels/simd.h"

namespace {

typedef uint8_t Bytes __attribute__((vector_size(kLanes)));
typedef uint8_t UnalignedBytes __attribute__((vector_size(kLanes), aligned(1), may_alias));

CNNX_INLINE IntVector load_argmax(const uint8_t* source) {
  return __builtin_convertvector(*reinterpret_cast<const UnalignedBytes*>(source), IntVector);
}

template <class Lanes>
CNNX_INLINE void store_argmax(uint8_t* target, IntVector argmax_index, Lanes) {
  *reinterpret_cast<UnalignedBytes*>(target) = __builtin_convertvector(argmax_index, Bytes);
}
CNNX_INLINE void store_argmax(uint8_t* target, IntVector argmax_index, OneLane) {
  *target = static_cast<uint8_t>(argmax_index[0]);
}

}  // namespace
