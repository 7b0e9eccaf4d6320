// An input channel of every group spread over its group's lanes. For kernel files only, shared by
// the forward pass and the weight gradient.
#pragma once

#include <stdint.h>
#include <string.h>

#include "kernels/channel_lanes.h"
#include "kernels/conv2d_lane_groups.h"
#include "kernels/conv2d_rows.h"
#include "kernels/simd.h"

namespace {

alignas(64) constexpr int32_t kLaneNumbers[16] = {0, 1, 2,  3,  4,  5,  6,  7,
                                                  8, 9, 10, 11, 12, 13, 14, 15};
constexpr float kZeros[kLanes] = {};

// Input `input` of every group spread over the group's lanes, loaded from the pixel's inputs of the
// vector's groups. A vector holds several groups, or a group fills vectors.
template <bool kSeveralGroups>
class Spread {
 public:
  CNNX_INLINE Spread(const cnnx::GroupChannels& group, int64_t input) : input_(input) {
#if defined(__AVX2__)
    memcpy(&from_, kLaneNumbers, sizeof(from_));
    from_ = (from_ & -static_cast<int32_t>(group.outputs)) + static_cast<int32_t>(input);
#else
    static_cast<void>(group);
#endif
  }

  template <class Lanes>
  CNNX_INLINE Vector of(const float* pixel, bool outside, Lanes lanes) const {
    if constexpr (kSeveralGroups) {
      return permute(lanes.load(outside ? kZeros : pixel));
    } else {
      return broadcast(*(outside ? kZeros : pixel + input_));
    }
  }

  CNNX_INLINE Vector permute(Vector value) const {
#if defined(__AVX2__)
    return x86_permute(value, from_);
#else
    // Of four lanes, and therefore two groups of two.
    return Vector{value[input_], value[input_], value[2 + input_], value[2 + input_]};
#endif
  }

 private:
  int64_t input_;
#if defined(__AVX2__)
  IntVector from_;
#endif
};

// Calls body(first channel, lanes) for every vector of channels.
template <class Body>
CNNX_INLINE void for_vectors(int64_t channels, const Body& body) {
  int64_t channel = 0;
  for (; channel + kLanes <= channels; channel += kLanes) body(channel, AllLanes{});
  if (channel < channels) body(channel, FirstLanes{channels - channel});
}

// The start of the inputs of a vector's groups.
template <bool kSeveralGroups>
CNNX_INLINE int64_t first_input(const cnnx::GroupChannels& group, int64_t channel) {
  return kSeveralGroups ? channel : channel / group.outputs * group.inputs;
}

// Whether a vector holds several groups.
CNNX_INLINE bool several_groups(const cnnx::GroupChannels& group) { return group.outputs < kLanes; }

}  // namespace
