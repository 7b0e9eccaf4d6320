// Vectors of a pixel's channels, the last of which may be partial. For kernel files only.
#pragma once

#include <stdint.h>

#include "kernels/bfloat16.h"
#include "kernels/simd.h"

namespace {

// A whole vector of channels, the first `count` channels of one, or a single channel. Elements are
// floats, or bfloat16 as uint16_t.
struct AllLanes {
  CNNX_INLINE Vector load(const float* source) const { return ::load(source); }
  CNNX_INLINE void store(float* target, Vector value) const { ::store(target, value); }
  CNNX_INLINE Vector load(const uint16_t* source) const { return load_bfloat16(source); }
  CNNX_INLINE void store(uint16_t* target, Vector value) const { store_bfloat16(target, value); }
};
struct FirstLanes {
  int64_t count;
  CNNX_INLINE Vector load(const float* source) const { return load_partial(source, count); }
  CNNX_INLINE void store(float* target, Vector value) const { store_partial(target, value, count); }
  CNNX_INLINE Vector load(const uint16_t* source) const {
    return load_some_bfloat16(source, count);
  }
  CNNX_INLINE void store(uint16_t* target, Vector value) const {
    store_some_bfloat16(target, value, count);
  }
};
struct OneLane {
  CNNX_INLINE Vector load(const float* source) const { return Vector{*source}; }
  CNNX_INLINE void store(float* target, Vector value) const { *target = value[0]; }
  CNNX_INLINE Vector load(const uint16_t* source) const { return widened(WordVector{*source}); }
  CNNX_INLINE void store(uint16_t* target, Vector value) const {
    *target = rounded_to_words(value)[0];
  }
};

// Each calls body(first channel, lanes): for every whole vector of channels, for the channels that
// remain, or for both.
struct WholeVectors {
  template <class Body>
  CNNX_INLINE static void for_each(int64_t channels, const Body& body) {
    for (int64_t channel = 0; channel + kLanes <= channels; channel += kLanes) {
      body(channel, AllLanes{});
    }
  }
};
struct RestOfChannels {
  template <class Body>
  CNNX_INLINE static void for_each(int64_t channels, const Body& body) {
    int64_t channel = channels / kLanes * kLanes;
#if defined(__AVX2__)
    if (channel < channels) body(channel, FirstLanes{channels - channel});
#else
    // Without masked loads, up to three single channels are faster.
    for (; channel < channels; ++channel) body(channel, OneLane{});
#endif
  }
};
struct EveryVector {
  template <class Body>
  CNNX_INLINE static void for_each(int64_t channels, const Body& body) {
    WholeVectors::for_each(channels, body);
    RestOfChannels::for_each(channels, body);
  }
};
template <class Body>
CNNX_INLINE void for_channel_vectors(int64_t channels, const Body& body) {
  EveryVector::for_each(channels, body);
}

// Calls body(offset, channel, lanes) for every pixel's vectors.
template <class Body>
CNNX_INLINE void for_pixel_vectors(int64_t pixels, int64_t channels, const Body& body) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    for_channel_vectors(channels, [&](int64_t channel, auto lanes) CNNX_INLINED {
      body(pixel * channels + channel, channel, lanes);
    });
  }
}

// EveryVector for a long body, of which a second copy for the channels that remain after whole
// vectors doubles the compile time. AVX-512 needs no copy, because its masked loads are as fast as
// others.
#if defined(__AVX512F__)
struct VectorsOfLongBody {
  template <class Body>
  CNNX_INLINE static void for_each(int64_t channels, const Body& body) {
    for (int64_t channel = 0; channel < channels; channel += kLanes) {
      body(channel, FirstLanes{channels - channel < kLanes ? channels - channel : kLanes});
    }
  }
};
#else
using VectorsOfLongBody = EveryVector;
#endif

// The vectors of a tile of several columns of such elements, and whether they leave the remaining
// channels to tiles of one column: so do those of the baseline, for CPUs from before 2013, and of
// bfloat16 without masked loads, whose copies would be most of a static program's depthwise
// kernels.
template <class Element>
struct TileVectorsOf {
#if defined(__AVX512F__)
  using Type = VectorsOfLongBody;
  static constexpr bool kLeaveRest = false;
#elif defined(CNNX_HAS_FMA)
  using Type = EveryVector;
  static constexpr bool kLeaveRest = false;
#else
  using Type = WholeVectors;
  static constexpr bool kLeaveRest = true;
#endif
};
#if defined(CNNX_HAS_FMA) && !defined(__AVX512F__)
template <>
struct TileVectorsOf<uint16_t> {
  using Type = WholeVectors;
  static constexpr bool kLeaveRest = true;
};
#endif
template <class Element>
CNNX_INLINE bool tiles_leave_rest(int64_t channels) {
  return TileVectorsOf<Element>::kLeaveRest && channels % kLanes != 0;
}

}  // namespace
