// The algorithm of conv2d for groups that fill lanes: several groups in a vector, or whole vectors
// of a group, straight from the picture.
#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/activations.h"
#include "kernels/conv2d_lane_groups.h"
#include "ops/conv2d_algorithm.h"
#include "ops/conv2d_lane_gradient.h"
#include "ops/conv2d_phases.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Rows of the target, or of its phases, in a band: few, so that what is done to rows that were just
// written finds them in a first-level cache.
constexpr int64_t kRowsAtOnce = 4;

class LaneGroups final : public Conv2dAlgorithm {
 public:
  explicit LaneGroups(const Conv2dGeometry& g)
      : g_(g),
        group_{g.in_channels / g.groups, g.out_channels / g.groups},
        gradient_group_{group_.outputs, group_.inputs},
        forward_vertical_({forward_phase(g.out_height, g.top, g.stride.height, g.kernel_size.height,
                                         g.dilation.height)}),
        forward_horizontal_({forward_phase(g.out_width, g.left, g.stride.width, g.kernel_size.width,
                                           g.dilation.width)}),
        vertical_(gradient_phases(g.in_height, g.top, g.stride.height, g.kernel_size.height,
                                  g.dilation.height)),
        horizontal_(gradient_phases(g.in_width, g.left, g.stride.width, g.kernel_size.width,
                                    g.dilation.width)),
        gradient_(g) {}

  int64_t derived_floats() const override { return panels_floats(group_); }
  void derive(const float* weight, int threads, float* derived) const override {
    const int64_t tap_step = group_.inputs * g_.out_channels;
    pack(forward_vertical_, forward_horizontal_, tap_step,
         {group_, g_.groups, weight, group_.outputs, g_.out_channels, 1, 0, 0, 0, 0}, threads,
         derived);
  }
  bool pools() const override { return false; }
  int64_t forward_scratch_floats(int) const override { return 0; }
  int64_t input_gradient_scratch_floats(int) const override {
    return panels_floats(gradient_group_);
  }
  int64_t weight_gradient_scratch_floats(int) const override { return gradient_.scratch_floats(); }

  void forward(const float* x, const float*, const float* derived, const ForwardEpilogue& epilogue,
               int threads, float*, float* output) const override {
    LaneGroupsPass pass = {};
    pass.group = group_;
    pass.height = g_.in_height;
    pass.width = g_.in_width;
    pass.panels = derived;
    pass.bias = epilogue.bias;
    pass.relu = epilogue.relu;
    const int64_t source_floats = g_.in_height * g_.in_width * g_.in_channels;
    const int64_t target_floats = g_.out_height * g_.out_width * g_.out_channels;
    for_each_band(g_.out_height, threads, [&](int64_t picture, int64_t first, int64_t last) {
      convolve(pass, forward_vertical_, forward_horizontal_, {1, 1}, g_.out_width,
               x + picture * source_floats, output + picture * target_floats, first, last);
    });
  }

  void input_gradient(const float* grad_output, const float* weight,
                      const GradientEpilogue& epilogue, int threads, float* scratch,
                      float* grad_input) const override {
    const auto mask = CNNX_KERNELS(activation_kernels).backward[static_cast<int>(Activation::relu)];
    const int64_t tap_step = group_.inputs * g_.out_channels;
    pack(vertical_, horizontal_, tap_step,
         {gradient_group_, g_.groups, weight, group_.outputs, 1, g_.out_channels, 0, 0, 0, 0},
         threads, scratch);
    LaneGroupsPass pass = {};
    pass.group = gradient_group_;
    pass.height = g_.out_height;
    pass.width = g_.out_width;
    pass.panels = scratch;
    pass.accumulate = epilogue.accumulate;
    const bool gaps = covered(vertical_) < g_.in_height || covered(horizontal_) < g_.in_width;
    const int64_t row_floats = g_.in_width * g_.in_channels;
    const int64_t source_floats = g_.out_height * g_.out_width * g_.out_channels;
    const int64_t units = divide_up(g_.in_height, g_.stride.height);
    for_each_band(units, threads, [&](int64_t picture, int64_t first, int64_t last) {
      float* const target = grad_input + picture * g_.in_height * row_floats;
      const int64_t begin = first * g_.stride.height * row_floats;
      const int64_t end = std::min(last * g_.stride.height, g_.in_height) * row_floats;
      if (gaps && !epilogue.accumulate) std::fill(target + begin, target + end, 0.0f);
      convolve(pass, vertical_, horizontal_, g_.stride, g_.in_width,
               grad_output + picture * source_floats, target, first, last);
      if (!epilogue.relu_output) return;
      const float* relu_output = epilogue.relu_output + (target - grad_input);
      mask(target + begin, relu_output + begin, end - begin, 0.0f, false, target + begin);
    });
  }

  void weight_gradient(const float* x, const float* grad_output, bool accumulate, int threads,
                       float* scratch, float* grad_weight, float* grad_bias) const override;

 private:
  int64_t taps() const { return g_.kernel_size.height * g_.kernel_size.width; }
  int64_t panels_floats(const GroupChannels& group) const {
    return runtime::round_up_to_line(lane_groups_panel_floats(group, g_.groups, taps()));
  }
  void pack(const std::vector<Phase>& vertical, const std::vector<Phase>& horizontal,
            int64_t tap_step, LaneGroupsTap tap, int threads, float* panels) const;
  void convolve(LaneGroupsPass pass, const std::vector<Phase>& vertical,
                const std::vector<Phase>& horizontal, Pair step, int64_t target_width,
                const float* source, float* target, int64_t first, int64_t last) const;
  template <class Body>
  void for_each_band(int64_t rows, int threads, const Body& body) const;

  Conv2dGeometry g_;
  GroupChannels group_, gradient_group_;
  std::vector<Phase> forward_vertical_, forward_horizontal_;  // one each
  std::vector<Phase> vertical_, horizontal_;                  // of the input gradient
  LaneGradient gradient_;
};

// Panels of all passes, in the order of the phases; `tap` lacks the place.
void LaneGroups::pack(const std::vector<Phase>& vertical, const std::vector<Phase>& horizontal,
                      int64_t tap_step, LaneGroupsTap tap, int threads, float* panels) const {
  const auto pack_tap = CNNX_KERNELS(lane_groups_kernels).pack_tap;
  const int64_t grain = kGrainPacked / tap_step + 1;
  for (const Phase& v : vertical) {
    for (const Phase& h : horizontal) {
      const int64_t count = v.window.taps * h.window.taps;
      runtime::parallel_for(threads, count, grain, [&](int64_t begin, int64_t end, int) {
        LaneGroupsTap one = tap;
        one.rows = v.window.taps;
        one.columns = h.window.taps;
        for (int64_t i = begin; i < end; ++i) {
          one.row = i / one.columns;
          one.column = i % one.columns;
          const int64_t row = v.kernel_first + one.row * v.kernel_step;
          const int64_t column = h.kernel_first + one.column * h.kernel_step;
          one.weight = tap.weight + (row * g_.kernel_size.width + column) * tap_step;
          pack_tap(one, panels);
        }
      });
      panels += lane_groups_panel_floats(tap.group, g_.groups, count);
    }
  }
}

// Rows [first, last) of every pass over one picture; `pass` lacks what differs between them.
void LaneGroups::convolve(LaneGroupsPass pass, const std::vector<Phase>& vertical,
                          const std::vector<Phase>& horizontal, Pair step, int64_t target_width,
                          const float* source, float* target, int64_t first, int64_t last) const {
  const auto kernel = CNNX_KERNELS(lane_groups_kernels).convolve;
  const int64_t channels = g_.groups * pass.group.outputs;
  pass.groups = g_.groups;
  pass.source = source;
  pass.row_step = step.height * target_width * channels;
  pass.column_step = step.width * channels;
  for (const Phase& v : vertical) {
    for (const Phase& h : horizontal) {
      pass.vertical = v.window;
      pass.horizontal = h.window;
      pass.columns = h.count;
      pass.target = target + (v.first * target_width + h.first) * channels;
      const int64_t end = std::min(last, v.count);
      if (first < end) kernel(pass, first, end);
      pass.panels += lane_groups_panel_floats(pass.group, g_.groups, v.window.taps * h.window.taps);
    }
  }
}

// body(picture, first, last) covers `rows` rows of each picture once, a band at a time.
template <class Body>
void LaneGroups::for_each_band(int64_t rows, int threads, const Body& body) const {
  const int64_t products = g_.out_height * g_.out_width * gradient_.weight_floats() / rows;
  const int64_t grain = kGrainProducts / (products + 1) + 1;
  runtime::parallel_for(threads, g_.batch * rows, grain, [&](int64_t begin, int64_t end, int) {
    while (begin < end) {
      const int64_t picture = begin / rows, first = begin % rows;
      const int64_t last = std::min({rows, first + kRowsAtOnce, first + end - begin});
      body(picture, first, last);
      begin += last - first;
    }
  });
}

void LaneGroups::weight_gradient(const float* x, const float* grad_output, bool accumulate,
                                 int threads, float* scratch, float* grad_weight,
                                 float* grad_bias) const {
  const auto add_weight_gradient = CNNX_KERNELS(lane_groups_kernels).add_weight_gradient;
  gradient_.run(
      grad_output, accumulate, g_.out_height, kGrainProducts, threads, scratch, grad_weight,
      grad_bias,
      [&](int64_t picture, const float* gradient, int64_t first, int64_t last, int, float* sums) {
        add_weight_gradient({forward_vertical_.front().window, forward_horizontal_.front().window,
                             group_, g_.groups, g_.out_width, g_.in_height, g_.in_width,
                             x + picture * g_.in_height * g_.in_width * g_.in_channels, gradient,
                             first, last, sums});
      });
}

}  // namespace

std::unique_ptr<const Conv2dAlgorithm> make_conv2d_lane_groups(const Conv2dGeometry& geometry) {
  return std::make_unique<LaneGroups>(geometry);
}

}  // namespace cnnx::ops
