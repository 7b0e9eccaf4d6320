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

// Input `input` of every group spread over the group's lanes, of which there are kGroup, or 0 where
// a group fills vectors: from its pixel's inputs of the vector's groups.
template <int kGroup>
class Spread {
 public:
  CNNX_INLINE explicit Spread(int64_t input) : input_(input) {
#if defined(__AVX2__)
    memcpy(&from_, kLaneNumbers, sizeof(from_));
    from_ = (from_ & -kGroup) + static_cast<int32_t>(input);
#endif
  }

  template <class Lanes>
  CNNX_INLINE Vector of(const float* pixel, bool outside, Lanes lanes) const {
    if constexpr (kGroup == 0) {
      return broadcast(*(outside ? kZeros : pixel + input_));
    } else {
      return permute(lanes.load(outside ? kZeros : pixel));
    }
  }

  CNNX_INLINE Vector permute(Vector value) const {
#if defined(__AVX512F__)
    return reinterpret_cast<Vector>(
        _mm512_permutexvar_ps(reinterpret_cast<__m512i>(from_), reinterpret_cast<__m512>(value)));
#elif defined(__AVX2__)
    return reinterpret_cast<Vector>(
        _mm256_permutevar_ps(reinterpret_cast<__m256>(value), reinterpret_cast<__m256i>(from_)));
#else
    static_assert(kGroup == 0 || kGroup == 2, "four lanes");
    return Vector{value[input_], value[input_], value[2 + input_], value[2 + input_]};
#endif
  }

 private:
  int64_t input_;
#if defined(__AVX2__)
  IntVector from_;
#endif
};

// body(first channel, lanes) for every vector of channels.
template <class Body>
CNNX_INLINE void for_vectors(int64_t channels, const Body& body) {
  int64_t channel = 0;
  for (; channel + kLanes <= channels; channel += kLanes) body(channel, AllLanes{});
  if (channel < channels) body(channel, FirstLanes{channels - channel});
}

// Where the inputs of a vector's groups begin.
template <int kGroup>
CNNX_INLINE int64_t first_input(const cnnx::GroupChannels& group, int64_t channel) {
  return kGroup > 0 ? channel : channel / group.outputs * group.inputs;
}

// call(group) with the constant group.lanes: of a group in a vector, or 0 where groups fill
// vectors.
template <int kGroup>
struct GroupLanes {
  static constexpr int lanes = kGroup < kLanes ? kGroup : 0;
};
template <class Call>
CNNX_INLINE void with_group_lanes(const cnnx::GroupChannels& group, const Call& call) {
  switch (group.outputs) {
    case 2:
      return call(GroupLanes<2>{});
    case 4:
      return call(GroupLanes<4>{});
    case 8:
      return call(GroupLanes<8>{});
    default:
      return call(GroupLanes<kLanes>{});
  }
}

}  // namespace
