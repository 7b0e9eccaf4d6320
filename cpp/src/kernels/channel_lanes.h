// Vectors of a pixel's channels, the last of which may be partial. For kernel files only.
#pragma once

#include <stdint.h>

#include "kernels/simd.h"

// On a lambda: inlines it into the calling loop, where its arguments are constants.
#define CNNX_INLINED __attribute__((always_inline))

namespace {

// A whole vector of channels, the first `count` channels of one, or a single channel.
struct AllLanes {
  CNNX_INLINE Vector load(const float* source) const { return ::load(source); }
  CNNX_INLINE void store(float* target, Vector value) const { ::store(target, value); }
};
struct FirstLanes {
  int64_t count;
  CNNX_INLINE Vector load(const float* source) const { return load_partial(source, count); }
  CNNX_INLINE void store(float* target, Vector value) const { store_partial(target, value, count); }
};
struct OneLane {
  CNNX_INLINE Vector load(const float* source) const { return Vector{*source}; }
  CNNX_INLINE void store(float* target, Vector value) const { *target = value[0]; }
};

// Calls body(first channel, lanes) for every vector of channels.
template <class Body>
CNNX_INLINE void for_channel_vectors(int64_t channels, const Body& body) {
  int64_t channel = 0;
  for (; channel + kLanes <= channels; channel += kLanes) body(channel, AllLanes{});
#if defined(__AVX2__)
  if (channel < channels) body(channel, FirstLanes{channels - channel});
#else
  // Without masked loads, up to three single channels are faster.
  for (; channel < channels; ++channel) body(channel, OneLane{});
#endif
}

}  // namespace
