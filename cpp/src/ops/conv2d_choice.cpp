// The choice of conv2d's algorithm, for each of its three directions.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>

#include "ops/conv2d_algorithm.h"
#include "ops/shares.h"

namespace cnnx::ops {
namespace {

// Whether vectors run along the channels of all groups, in a direction that reads `inputs` channels
// of a group and makes `outputs`: where one group's outputs do not fill a vector, and few inputs
// have to be spread over it.
bool wants_lanes(const Conv2dGeometry& g, int64_t inputs, int64_t outputs) {
  constexpr int64_t kLeastOutputs = 8, kMostInputs = 8;
  if (g.groups == 1 || (inputs > 1 && g.dilation.width > 1)) return false;
  return outputs < kLeastOutputs && inputs <= kMostInputs;
}

// Whether a vector holds several whole groups, each of which reads as many channels as it makes.
bool fills_lanes(const Conv2dGeometry& g) {
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  return g.groups > 1 && inputs == outputs && (inputs == 2 || inputs == 4 || inputs == 8);
}

// Several groups only where none shares a vector of the widest instruction set with another.
bool fits_winograd(const Conv2dGeometry& g) {
  const auto equals = [](Pair pair, int64_t side) {
    return pair.height == side && pair.width == side;
  };
  constexpr int64_t kWholeVectors = 16;
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  return equals(g.kernel_size, 3) && equals(g.stride, 1) && equals(g.dilation, 1) &&
         (g.groups == 1 || (inputs % kWholeVectors == 0 && outputs % kWholeVectors == 0));
}

// Inference has a forward of its own, because there a single image counts too.
enum class Direction { inference, forward, input_gradient, weight_gradient };

// (output, tap) pairs of one axis that meet the image.
int64_t pairs_inside(int64_t in, int64_t out, int64_t before) {
  int64_t pairs = 0;
  for (int64_t tap = 0; tap < 3; ++tap) {
    const int64_t first = std::max<int64_t>(0, before - tap);
    const int64_t last = std::min(out, in + before - tap);
    pairs += std::max<int64_t>(0, last - first);
  }
  return pairs;
}

// Whether the transformed weights, with those of other layers, do not stay in a second-level cache.
bool has_many_weights(const Conv2dGeometry& g) {
  constexpr int64_t kManyWeights = 64 * 64;  // per tap
  return g.in_channels / g.groups * g.out_channels >= kManyWeights;
}

// What fetching many weights takes as long as. A single image reads each for itself alone: from a
// third-level cache, in the time of some ten multiplications. In a batch it costs nothing. Between
// the two, with six, 8x8 maps of 64 channels take tiles of 4x4, which are the faster for both.
int64_t fetch_products(const Conv2dGeometry& g, Direction direction, int64_t points) {
  constexpr int64_t kProductsPerWeight = 6;
  if (direction != Direction::inference || !has_many_weights(g)) return 0;
  return kProductsPerWeight * points * g.in_channels / g.groups * g.out_channels;
}

// Multiplications of one image by the direct method. Rows of a window beyond the image are
// skipped; the weight gradient skips columns too.
int64_t direct_products(const Conv2dGeometry& g, Direction direction) {
  const int64_t rows = pairs_inside(g.in_height, g.out_height, g.top);
  const int64_t columns =
      direction == Direction::inference || direction == Direction::forward ? 3 * g.out_width
      : direction == Direction::input_gradient ? 3 * g.in_width
                                               : pairs_inside(g.in_width, g.out_width, g.left);
  constexpr int64_t kTaps = 9;
  return rows * columns * g.in_channels / g.groups * g.out_channels +
         fetch_products(g, direction, kTaps);
}

// As many multiplications as take as long as Winograd's method, or INT64_MAX where it is not
// wanted. benchmarks/winograd_choice.py says what this costs against always taking the fastest.
int64_t winograd_products(const Conv2dGeometry& g, Direction direction, WinogradTile tile) {
  const bool to_input = direction == Direction::input_gradient;
  const int64_t side = static_cast<int64_t>(tile), points = (side + 2) * (side + 2);
  const int64_t tiles = divide_up(to_input ? g.in_height : g.out_height, side) *
                        divide_up(to_input ? g.in_width : g.out_width, side);
  // Of few weights too, a single image reads each for its tiles alone.
  constexpr int64_t kLeastTilesForward = 4;
  if (direction == Direction::inference && !has_many_weights(g) && tiles < kLeastTilesForward)
    return INT64_MAX;
  const int64_t point_products = points * g.in_channels / g.groups * g.out_channels;
  // What the transforms of one channel, in or out, of one tile take as long as.
  const int64_t transform = tile == WinogradTile::four ? 256 : 88;
  return tiles * (point_products + transform * (g.in_channels + g.out_channels)) +
         fetch_products(g, direction, points);
}

Conv2dMethod choose(const Conv2dGeometry& g, Direction direction) {
  // Below, half of each vector and most of the products are lost.
  constexpr int64_t kLeastChannels = 8, kLeastProducts = 8 * 16;
  if (!fits_winograd(g) || std::min(g.in_channels, g.out_channels) < kLeastChannels ||
      g.in_channels * g.out_channels < kLeastProducts) {
    return Conv2dMethod::direct;
  }
  // Chains of eight products end before they pay for their transforms, unless they are many.
  constexpr int64_t kLeastSource = 12, kLeastTarget = 32;
  const bool to_input = direction == Direction::input_gradient;
  const int64_t source = to_input ? g.out_channels : g.in_channels;
  const int64_t target = to_input ? g.in_channels : g.out_channels;
  if (source < kLeastSource && target < kLeastTarget) return Conv2dMethod::direct;
  const int64_t direct = direct_products(g, direction);
  const int64_t two = winograd_products(g, direction, WinogradTile::two);
  const int64_t four = winograd_products(g, direction, WinogradTile::four);
  if (direct <= std::min(two, four)) return Conv2dMethod::direct;
  return two <= four ? Conv2dMethod::winograd2x2 : Conv2dMethod::winograd4x4;
}

// Each direction by an algorithm of its own.
class ComposedAlgorithm final : public Conv2dAlgorithm {
 public:
  using Part = std::shared_ptr<const Conv2dAlgorithm>;
  ComposedAlgorithm(Part forward, Part input_gradient, Part weight_gradient)
      : forward_(std::move(forward)),
        input_gradient_(std::move(input_gradient)),
        weight_gradient_(std::move(weight_gradient)) {}

  int64_t packed_floats() const override { return forward_->packed_floats(); }
  void pack_weights(const float* weight, int threads, float* packed) const override {
    forward_->pack_weights(weight, threads, packed);
  }
  bool packs_in_parts() const override { return forward_->packs_in_parts(); }
  int64_t forward_scratch_floats(int threads) const override {
    return forward_->forward_scratch_floats(threads);
  }
  void forward(const float* x, const float* weight, const float* packed, const Epilogue& epilogue,
               int threads, float* scratch, float* output) const override {
    forward_->forward(x, weight, packed, epilogue, threads, scratch, output);
  }
  bool pools() const override { return forward_->pools(); }
  bool adds() const override { return forward_->adds(); }
  int64_t gradient_packed_floats() const override {
    return input_gradient_->gradient_packed_floats();
  }
  void pack_for_gradient(const float* weight, int threads, float* packed) const override {
    input_gradient_->pack_for_gradient(weight, threads, packed);
  }
  bool gradient_packs_in_parts() const override {
    return input_gradient_->gradient_packs_in_parts();
  }
  int64_t input_gradient_scratch_floats(int threads) const override {
    return input_gradient_->input_gradient_scratch_floats(threads);
  }
  void input_gradient(const float* grad_output, const float* weight, const float* packed,
                      const Epilogue& epilogue, int threads, float* scratch,
                      float* grad_input) const override {
    input_gradient_->input_gradient(grad_output, weight, packed, epilogue, threads, scratch,
                                    grad_input);
  }
  int64_t weight_gradient_scratch_floats(int threads) const override {
    return weight_gradient_->weight_gradient_scratch_floats(threads);
  }
  void weight_gradient(const GradientKernels& kernels, const float* x, const float* grad_output,
                       bool accumulate, int threads, float* scratch, float* grad_weight,
                       float* grad_bias) const override {
    weight_gradient_->weight_gradient(kernels, x, grad_output, accumulate, threads, scratch,
                                      grad_weight, grad_bias);
  }

 private:
  Part forward_, input_gradient_, weight_gradient_;
};

// Without Winograd.
std::shared_ptr<const Conv2dAlgorithm> make_direct(const Conv2dGeometry& g) {
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
  if (fills_lanes(g)) return make_conv2d_lane_groups(g);
  const bool forward = wants_lanes(g, inputs, outputs), backward = wants_lanes(g, outputs, inputs);
  if (!forward && !backward) return make_conv2d_direct(g);
  const ComposedAlgorithm::Part lanes = make_conv2d_depthwise(g);
  if (forward && backward) return lanes;
  const ComposedAlgorithm::Part direct = make_conv2d_direct(g);
  return std::make_shared<ComposedAlgorithm>(forward ? lanes : direct, backward ? lanes : direct,
                                             forward ? lanes : direct);
}

std::shared_ptr<const Conv2dAlgorithm> make(const Conv2dGeometry& g, Conv2dMethod method) {
  switch (method) {
    case Conv2dMethod::winograd2x2:
      return make_conv2d_winograd(g, WinogradTile::two);
    case Conv2dMethod::winograd4x4:
      return make_conv2d_winograd(g, WinogradTile::four);
    default:
      return make_direct(g);
  }
}

}  // namespace

std::shared_ptr<const Conv2dAlgorithm> choose_conv2d_algorithm(const Conv2dGeometry& g,
                                                               Conv2dMethod method, bool training) {
  if (method != Conv2dMethod::chosen) {
    if (method != Conv2dMethod::direct && !fits_winograd(g)) {
      throw std::invalid_argument(
          "conv2d: method is Winograd's, expected kernel size 3, stride 1, dilation 1 and one "
          "group or groups of whole sixteens of channels with it");
    }
    return make(g, method);
  }
  const Conv2dMethod forward = choose(g, training ? Direction::forward : Direction::inference);
  const Conv2dMethod input_gradient = choose(g, Direction::input_gradient);
  const Conv2dMethod weight_gradient = choose(g, Direction::weight_gradient);
  const auto whole = make(g, forward);
  if (input_gradient == forward && weight_gradient == forward) return whole;
  return std::make_shared<ComposedAlgorithm>(whole, make(g, input_gradient),
                                             make(g, weight_gradient));
}

}  // namespace cnnx::ops
