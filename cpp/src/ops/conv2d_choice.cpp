// The choice of conv2d's algorithm, for each of its three directions.
#include <algorithm>
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

bool fits_winograd(const Conv2dGeometry& g) {
  const auto equals = [](Pair pair, int64_t side) {
    return pair.height == side && pair.width == side;
  };
  return equals(g.kernel_size, 3) && equals(g.stride, 1) && equals(g.dilation, 1) && g.groups == 1;
}

// Pixels of the tiles that cover a map, over those of the map.
double waste(int64_t height, int64_t width, int64_t side) {
  return static_cast<double>(divide_up(height, side) * divide_up(width, side) * side * side) /
         static_cast<double>(height * width);
}

// For a direction whose tiles cover a map of height x width.
Conv2dMethod choose(const Conv2dGeometry& g, int64_t height, int64_t width) {
  constexpr int64_t kLeastChannels = 16;
  if (!fits_winograd(g) || std::min(g.in_channels, g.out_channels) < kLeastChannels) {
    return Conv2dMethod::direct;
  }
  return waste(height, width, 4) <= 2 ? Conv2dMethod::winograd4x4 : Conv2dMethod::direct;
}

// Each direction by an algorithm of its own.
class ComposedAlgorithm final : public Conv2dAlgorithm {
 public:
  using Part = std::shared_ptr<const Conv2dAlgorithm>;
  ComposedAlgorithm(Part forward, Part input_gradient, Part weight_gradient)
      : forward_(std::move(forward)),
        input_gradient_(std::move(input_gradient)),
        weight_gradient_(std::move(weight_gradient)) {}

  int64_t derived_floats() const override { return forward_->derived_floats(); }
  void derive(const float* weight, int threads, float* derived) const override {
    forward_->derive(weight, threads, derived);
  }
  int64_t forward_scratch_floats(int threads) const override {
    return forward_->forward_scratch_floats(threads);
  }
  void forward(const float* x, const float* weight, const float* derived,
               const ForwardEpilogue& epilogue, int threads, float* scratch,
               float* output) const override {
    forward_->forward(x, weight, derived, epilogue, threads, scratch, output);
  }
  bool pools() const override { return forward_->pools(); }
  int64_t input_gradient_scratch_floats(int threads) const override {
    return input_gradient_->input_gradient_scratch_floats(threads);
  }
  void input_gradient(const float* grad_output, const float* weight,
                      const GradientEpilogue& epilogue, int threads, float* scratch,
                      float* grad_input) const override {
    input_gradient_->input_gradient(grad_output, weight, epilogue, threads, scratch, grad_input);
  }
  int64_t weight_gradient_scratch_floats(int threads) const override {
    return weight_gradient_->weight_gradient_scratch_floats(threads);
  }
  void weight_gradient(const float* x, const float* grad_output, bool accumulate, int threads,
                       float* scratch, float* grad_weight, float* grad_bias) const override {
    weight_gradient_->weight_gradient(x, grad_output, accumulate, threads, scratch, grad_weight,
                                      grad_bias);
  }

 private:
  Part forward_, input_gradient_, weight_gradient_;
};

// Without Winograd.
std::shared_ptr<const Conv2dAlgorithm> make_direct(const Conv2dGeometry& g) {
  const int64_t inputs = g.in_channels / g.groups, outputs = g.out_channels / g.groups;
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
                                                               Conv2dMethod method) {
  if (method != Conv2dMethod::chosen) {
    if (method != Conv2dMethod::direct && !fits_winograd(g)) {
      throw std::invalid_argument(
          "conv2d: method is Winograd's, expected kernel size 3, stride 1, dilation 1 and groups 1 "
          "with it");
    }
    return make(g, method);
  }
  const Conv2dMethod forward = choose(g, g.out_height, g.out_width);
  const Conv2dMethod input_gradient = choose(g, g.in_height, g.in_width);
  const auto whole = make(g, forward);
  if (input_gradient == forward) return whole;
  return std::make_shared<ComposedAlgorithm>(whole, make(g, input_gradient), whole);
}

}  // namespace cnnx::ops
