// The choice of conv2d's algorithm, for each of its three directions.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>

#include "ops/conv2d_algorithms.h"
#include "ops/conv2d_bfloat16_weight.h"
#include "ops/conv2d_phases.h"
#include "ops/shares.h"

namespace cnnx::ops {
namespace {

enum class Algorithm {
  direct,
  narrow,
  depthwise,
  lane_groups,
  winograd2x2,
  winograd4x4,
  overlapping
};

// Inference has its own forward, because the time of a single image counts too.
enum class Direction { inference, forward, input_gradient, weight_gradient };

// Whether an input gradient has too few input channels to fill vectors, several columns of taps
// that fill them, and sums long enough to pay for adding their overlaps.
bool fits_narrow(const Conv2dGeometry& g) {
  constexpr int64_t kMostChannels = 8, kLeastTaps = 3, kLeastDepth = 28;
  return g.groups == 1 && g.stride.height == 1 && g.stride.width == 1 && g.dilation.width == 1 &&
         g.in_channels <= kMostChannels && g.kernel_size.width >= kLeastTaps &&
         g.kernel_size.height * g.out_channels >= kLeastDepth;
}

// Whether vectors run along the channels of all groups, in a direction that reads `inputs` channels
// of a group and makes `outputs`: the outputs of one group do not fill a vector, and few inputs are
// spread over it.
bool wants_lanes(const Conv2dGeometry& g, int64_t inputs, int64_t outputs) {
  constexpr int64_t kLeastOutputs = 8, kMostInputs = 8;
  if (g.groups == 1 || (inputs > 1 && g.dilation.width > 1)) return false;
  return outputs < kLeastOutputs && inputs <= kMostInputs;
}

// Whether a vector holds several whole groups, each with the same number of inputs and outputs.
bool fills_lanes(const Conv2dGeometry& g) {
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  return g.groups > 1 && inputs == outputs && (inputs == 2 || inputs == 4 || inputs == 8);
}

// Without Winograd.
Algorithm choose_direct(const Conv2dGeometry& g, Direction direction) {
  if (fills_lanes(g)) return Algorithm::lane_groups;
  const bool to_input = direction == Direction::input_gradient;
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  if (to_input ? wants_lanes(g, outputs, inputs) : wants_lanes(g, inputs, outputs))
    return Algorithm::depthwise;
  return to_input && fits_narrow(g) ? Algorithm::narrow : Algorithm::direct;
}

bool equals(Pair pair, int64_t side) { return pair.height == side && pair.width == side; }

// The sides of Winograd's tiles with stride 1: those of 4x4 outputs divide a kernel of 7x7 into
// parts.
bool has_tile(const Conv2dGeometry& g, int64_t outputs) {
  return equals(g.kernel_size, 3) || (equals(g.kernel_size, 5) && outputs == 2) ||
         (equals(g.kernel_size, 7) && outputs == 4 && g.groups == 1);
}

// The same with stride 2.
bool has_strided_tile(const Conv2dGeometry& g, int64_t outputs) {
  const bool fits =
      equals(g.kernel_size, 3) || equals(g.kernel_size, 5) || equals(g.kernel_size, 7);
  return fits && outputs == 4 && g.groups == 1;
}

// Several groups only where none shares a vector of the widest instruction set with another.
bool fits_winograd(const Conv2dGeometry& g, int64_t tile_outputs) {
  constexpr int64_t kWholeVectors = 16;
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  const bool one = equals(g.stride, 1);
  const bool fits =
      one ? has_tile(g, tile_outputs) : equals(g.stride, 2) && has_strided_tile(g, tile_outputs);
  return fits && g.dilation.height == g.dilation.width && (one || equals(g.dilation, 1)) &&
         (g.groups == 1 || (inputs % kWholeVectors == 0 && outputs % kWholeVectors == 0));
}

// (output, tap) pairs of one axis that meet the image.
int64_t pairs_inside(int64_t in, int64_t out, int64_t before, int64_t taps, int64_t stride,
                     int64_t dilation) {
  int64_t pairs = 0;
  for (int64_t tap = 0; tap < taps; ++tap) {
    const int64_t begin = tap * dilation - before;
    const int64_t first = divide_up(std::max<int64_t>(0, -begin), stride);
    const int64_t last = std::min(out, divide_up(std::max<int64_t>(0, in - begin), stride));
    pairs += std::max<int64_t>(0, last - first);
  }
  return pairs;
}

// Whether the transformed weights, with those of other layers, exceed a second-level cache.
bool has_many_weights(const Conv2dGeometry& g) {
  constexpr int64_t kManyWeights = 64 * 64;  // per tap
  return g.in_channels / g.groups * g.out_channels >= kManyWeights;
}

bool has_small_groups(const Conv2dGeometry& g) {
  constexpr int64_t kSmall = 128;
  return g.groups > 1 && g.out_channels / g.groups < kSmall;
}

// Multiplications that take as long as fetching many weights. A single image reads each weight for
// itself alone, from a third-level cache, in the time of about ten multiplications. In a batch that
// costs nothing. The factor of six lies between the two: with it 8x8 maps of 64 channels get tiles
// of 4x4, which are faster for both. Weights that fit no cache take the time of thirty. Those of
// small groups, which every block of tiles reads anew for few products, take that of sixty.
int64_t fetch_multiply_adds(const Conv2dGeometry& g, Direction direction, int64_t points) {
  constexpr int64_t kMostCached = 16 * 1024 * 1024;
  if (direction != Direction::inference || !has_many_weights(g)) return 0;
  const int64_t weights = points * g.in_channels / g.groups * g.out_channels;
  if (has_small_groups(g)) return 60 * weights;
  return (weights > kMostCached ? 30 : 6) * weights;
}

// (output, tap) pairs of the columns that the direct method multiplies.
int64_t column_pairs(const Conv2dGeometry& g, Direction direction) {
  if (direction == Direction::weight_gradient) {
    return pairs_inside(g.in_width, g.out_width, g.left, g.kernel_size.width, g.stride.width,
                        g.dilation.width);
  }
  const PassGeometry pass =
      pass_geometry(g, direction == Direction::input_gradient ? PassDirection::input_gradient
                                                              : PassDirection::forward);
  int64_t pairs = 0;
  for (const Phase& phase : pass.horizontal) {
    for (const Segment& segment : column_segments(phase, pass.source_width))
      pairs += segment.count * segment.taps;
  }
  return pairs;
}

// Multiply-adds of one image by the direct method. Rows of a window beyond the image are skipped;
// the weight gradient skips columns too, and few outputs take it a third longer than their share.
int64_t direct_multiply_adds(const Conv2dGeometry& g, Direction direction) {
  const auto [high, wide] = g.kernel_size;
  const int64_t rows =
      pairs_inside(g.in_height, g.out_height, g.top, high, g.stride.height, g.dilation.height);
  constexpr int64_t kFewOutputs = 12;
  const bool slow = direction == Direction::weight_gradient && g.out_channels < kFewOutputs;
  const int64_t multiply_adds =
      rows * column_pairs(g, direction) * g.in_channels / g.groups * g.out_channels;
  return (slow ? multiply_adds * 4 / 3 : multiply_adds) +
         fetch_multiply_adds(g, direction, high * wide);
}

// A single image also reads few weights for its tiles alone.
bool has_too_few_tiles(const Conv2dGeometry& g, Direction direction, int64_t tiles) {
  constexpr int64_t kLeastTilesForward = 4;
  return direction == Direction::inference && !has_many_weights(g) && tiles < kLeastTilesForward;
}

// Whether the values of a single image's tiles, of all groups at once, exceed a second-level cache
// for few products.
bool has_too_wide_tiles(const Conv2dGeometry& g, Direction direction) {
  constexpr int64_t kMostChannels = 384;
  return direction == Direction::inference && has_small_groups(g) && g.out_channels > kMostChannels;
}

// Multiplications that take as long as the transforms of one tile: of `from` channels that it reads
// and `to` channels that it writes. Few channels of a part take as long as a vector.
int64_t transform_multiply_adds(const WinogradTile& tile, int64_t from, int64_t to) {
  constexpr int64_t kLanes = 16;
  if (tile.parts() == 1) {
    const int64_t reading = tile.points() == 36 ? 256 : 88;
    const int64_t writing = tile.outputs == 4 ? 256 : tile.points() == 36 ? 128 : 88;
    return reading * from + writing * to;
  }
  const int64_t reading = tile.side() == 5 ? 192 : tile.side() == 6 ? 256 : 336;
  const int64_t writing = tile.side() == 7 ? 600 : 256;
  return tile.parts() * reading * divide_up(from, kLanes) * kLanes + writing * to;
}

// Whether a kernel of several parts has weights, or sums, that take longer to transform in a step,
// or to fetch for an image, than they save.
bool has_too_many_weights(Direction direction, const WinogradTile& tile, int64_t tiles,
                          int64_t weights) {
  constexpr int64_t kMostStrided = 1024 * 1024;
  constexpr int64_t kMostPerTile = 256 * 1024, kMostFetched = 4 * 1024 * 1024;
  if (tile.parts() == 1) return false;
  const bool transforms = direction != Direction::inference;
  if (tile.stride == 2) return transforms && weights > kMostStrided;
  return weights > (transforms ? kMostPerTile * tiles : kMostFetched);
}

// Whether rounding errors would exceed 6e-6 of the largest output. They grow with the products in a
// chain, over the inputs of all parts; chains of 7x7 points are divided.
bool has_too_long_chains(const WinogradTile& tile, int64_t from) {
  constexpr int64_t kLongestChainOfParts = 9 * 32;
  return tile.parts() > 1 && tile.taps == 3 && tile.parts() * from > kLongestChainOfParts;
}

// Multiplications that take as long as Winograd's method, or INT64_MAX where it is excluded.
// benchmarks/winograd_choice.py compares this choice with the fastest method.
int64_t winograd_multiply_adds(const Conv2dGeometry& g, Direction direction, int64_t outputs) {
  if (!fits_winograd(g, outputs)) return INT64_MAX;
  const bool to_input = direction == Direction::input_gradient;
  const bool to_weight = direction == Direction::weight_gradient;
  const WinogradTile tile = winograd_tile(g, outputs);
  if (tile.stride == 2 && to_input) return INT64_MAX;
  const int64_t tiles =
      winograd_tile_count(to_input ? g.in_height : g.out_height,
                          to_input ? g.in_width : g.out_width, outputs, g.dilation.height);
  const int64_t from = to_input ? g.out_channels : g.in_channels;
  const int64_t to = to_input ? g.in_channels : g.out_channels;
  const int64_t weights = tile.products() * g.in_channels / g.groups * g.out_channels;
  if (has_too_few_tiles(g, direction, tiles) || has_too_wide_tiles(g, direction) ||
      has_too_many_weights(direction, tile, tiles, weights) ||
      (!to_weight && has_too_long_chains(tile, from))) {
    return INT64_MAX;
  }
  // The sums of all parts exceed a second-level cache.
  const int64_t sums = to_weight && tile.parts() > 1 ? weights / 3 : 0;
  return tiles * (weights + sums + transform_multiply_adds(tile, from, to)) +
         fetch_multiply_adds(g, direction, tile.products());
}

// Whether half of each vector or most products would be lost, or larger kernels have such short
// chains that their transforms take longer than these save.
bool has_too_few_channels(const Conv2dGeometry& g, Direction direction) {
  constexpr int64_t kLeastChannels = 8, kStridedParts = 4;
  const int64_t inputs = g.in_channels * (g.stride.height == 2 ? kStridedParts : 1);
  if (std::min(inputs, g.out_channels) < kLeastChannels) return true;
  if (equals(g.kernel_size, 3)) return false;
  constexpr int64_t kLeastMultiplyAdds = 8 * 16, kLeastSource = 12, kLeastTarget = 32;
  const bool to_input = direction == Direction::input_gradient;
  const int64_t source = to_input ? g.out_channels : inputs;
  const int64_t target = to_input ? g.in_channels : g.out_channels;
  return inputs * g.out_channels < kLeastMultiplyAdds ||
         (source < kLeastSource && target < kLeastTarget);
}

Algorithm choose(const Conv2dGeometry& g, Direction direction) {
  if (has_too_few_channels(g, direction)) return choose_direct(g, direction);
  const int64_t direct = direct_multiply_adds(g, direction);
  // Tiles of 2x2 take as long as the narrow method or longer.
  const bool narrow = direction == Direction::input_gradient && fits_narrow(g);
  const int64_t two = narrow ? INT64_MAX : winograd_multiply_adds(g, direction, 2);
  const int64_t four = winograd_multiply_adds(g, direction, 4);
  if (direct <= std::min(two, four)) return choose_direct(g, direction);
  return two <= four ? Algorithm::winograd2x2 : Algorithm::winograd4x4;
}

Algorithm choose(const Conv2dGeometry& g, Direction direction, Conv2dMethod method) {
  switch (method) {
    case Conv2dMethod::direct:
      return choose_direct(g, direction);
    case Conv2dMethod::winograd2x2:
      return Algorithm::winograd2x2;
    case Conv2dMethod::winograd4x4:
      return Algorithm::winograd4x4;
    default:
      return choose(g, direction);
  }
}

// Whether an input gradient by tiles of grad_output, which overlap, takes less time than by tiles
// of grad_input.
bool prefers_overlapping(const Conv2dGeometry& g) {
  constexpr int64_t kTile = 2, kPoints = 36, kMostWeights = 1024 * 1024;
  if (!equals(g.kernel_size, 5) || !equals(g.dilation, 1) || g.groups > 1) return false;
  if (kPoints * g.in_channels * g.out_channels > kMostWeights) return false;
  // Multiplications that take as long as the transform of one channel of one tile.
  constexpr int64_t kReading = 128, kWriting = 400;
  const int64_t tiles = divide_up(g.out_height, kTile) * divide_up(g.out_width, kTile);
  return tiles * (kPoints * g.in_channels * g.out_channels + kReading * g.out_channels +
                  kWriting * g.in_channels) <
         winograd_multiply_adds(g, Direction::input_gradient, kTile);
}

Algorithm choose_input_gradient(const Conv2dGeometry& g, Conv2dMethod method, Conv2dUse use) {
  if (g.stride.height > 1) return choose_direct(g, Direction::input_gradient);
  const Algorithm algorithm = choose(g, Direction::input_gradient, method);
  const bool overlapping =
      algorithm == Algorithm::winograd2x2 && use != Conv2dUse::transposed && prefers_overlapping(g);
  return overlapping ? Algorithm::overlapping : algorithm;
}

std::unique_ptr<const Conv2dPass> make_pass(const Conv2dGeometry& g, Algorithm algorithm,
                                            PassDirection direction) {
  switch (algorithm) {
    case Algorithm::narrow:
      return make_narrow_input_gradient(g);
    case Algorithm::depthwise:
      return make_depthwise_pass(g, direction);
    case Algorithm::lane_groups:
      return make_lane_groups_pass(g, direction);
    case Algorithm::winograd2x2:
      return make_winograd_pass(g, 2, direction);
    case Algorithm::winograd4x4:
      return make_winograd_pass(g, 4, direction);
    case Algorithm::overlapping:
      return make_winograd_overlapping_gradient(g);
    default:
      return make_direct_pass(g, direction);
  }
}

std::unique_ptr<const Conv2dWeightGradient> make_weight_gradient(const Conv2dGeometry& g,
                                                                 Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::depthwise:
      return make_depthwise_weight_gradient(g);
    case Algorithm::lane_groups:
      return make_lane_groups_weight_gradient(g);
    case Algorithm::winograd2x2:
      return make_winograd_weight_gradient(g, 2);
    case Algorithm::winograd4x4:
      return make_winograd_weight_gradient(g, 4);
    default:
      return make_direct_weight_gradient(g);
  }
}

}  // namespace

Conv2dPlan choose_conv2d_plan(const Conv2dGeometry& g, Conv2dMethod method, Conv2dUse use) {
  const bool winograd = method == Conv2dMethod::winograd2x2 || method == Conv2dMethod::winograd4x4;
  if (winograd && !fits_winograd(g, method == Conv2dMethod::winograd2x2 ? 2 : 4)) {
    throw std::invalid_argument(
        "conv2d: method is Winograd's, expected kernel size 3, 5 with tiles of 2x2 or 7 with tiles "
        "of 4x4, stride 1, the same dilation both ways and one group or groups of whole sixteens "
        "of channels with it, or stride 2, dilation 1, kernel size 3, 5 or 7 with tiles of 4x4 and "
        "one group");
  }
  const Direction forward = use == Conv2dUse::inference ? Direction::inference : Direction::forward;
  return {make_pass(g, choose(g, forward, method), PassDirection::forward),
          make_pass(g, choose_input_gradient(g, method, use), PassDirection::input_gradient),
          make_weight_gradient(g, choose(g, Direction::weight_gradient, method))};
}

std::unique_ptr<const Conv2dWeightGradient> choose_bfloat16_weight_gradient(
    const Conv2dGeometry& g) {
  switch (choose_direct(g, Direction::weight_gradient)) {
    case Algorithm::depthwise:
      return make_bfloat16_lane_weight_gradient(g, LaneKernels::depthwise);
    case Algorithm::lane_groups:
      return make_bfloat16_lane_weight_gradient(g, LaneKernels::lane_groups);
    default:
      return make_bfloat16_weight_gradient(g);
  }
}

}  // namespace cnnx::ops
