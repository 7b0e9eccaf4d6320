// The algorithm of conv2d for groups that fill lanes: several groups in a vector, or whole vectors
// of a group, straight from the image.
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

  int64_t packed_floats() const override { return panels_floats(group_); }
  void pack_weights(const float* weight, int threads, float* packed) const override {
    const int64_t tap_step = group_.inputs * g_.out_channels;
    pack(forward_vertical_, forward_horizontal_, tap_step,
         {group_, g_.groups, weight, group_.outputs, g_.out_channels, 1, 0, 0, 0, 0}, threads,
         packed);
  }
  bool pools() const override { return false; }
  int64_t forward_scratch_floats(int) const override { return 0; }
  int64_t gradient_packed_floats() const override { return panels_floats(gradient_group_); }
  void pack_for_gradient(const float* weight, int threads, float* packed) const override {
    const int64_t tap_step = group_.inputs * g_.out_channels;
    pack(vertical_, horizontal_, tap_step,
         {gradient_group_, g_.groups, weight, group_.outputs, 1, g_.out_channels, 0, 0, 0, 0},
         threads, packed);
  }
  int64_t input_gradient_scratch_floats(int) const override { return 0; }
  int64_t weight_gradient_scratch_floats(int) const override { return gradient_.scratch_floats(); }

  void forward(const float* x, const float*, const float* packed, const Epilogue& epilogue,
               int threads, float*, float* output) const override {
    run({g_.in_height, g_.in_width, group_, forward_vertical_, forward_horizontal_, g_.out_height,
         g_.out_width, Pair{}},
        x, packed, epilogue, threads, output);
  }

  void input_gradient(const float* grad_output, const float*, const float* packed,
                      const Epilogue& epilogue, int threads, float*,
                      float* grad_input) const override {
    run({g_.out_height, g_.out_width, gradient_group_, vertical_, horizontal_, g_.in_height,
         g_.in_width, g_.stride},
        grad_output, packed, epilogue, threads, grad_input);
  }

  void weight_gradient(const GradientKernels& kernels, const float* x, const float* grad_output,
                       bool accumulate, int threads, float* scratch, float* grad_weight,
                       float* grad_bias) const override;

 private:
  int64_t taps() const { return g_.kernel_size.height * g_.kernel_size.width; }
  int64_t panels_floats(const GroupChannels& group) const {
    return runtime::round_up_to_line(lane_groups_panel_floats(group, g_.groups, taps()));
  }
  void pack(const std::vector<Phase>& vertical, const std::vector<Phase>& horizontal,
            int64_t tap_step, LaneGroupsTap tap, int threads, float* panels) const;
  // Windows over a source that make a target, one way or the other.
  struct Way {
    int64_t source_height, source_width;
    GroupChannels group;
    const std::vector<Phase>&vertical, &horizontal;
    int64_t target_height, target_width;
    Pair step;  // between the outputs of a phase
  };
  void run(const Way& way, const float* source, const float* panels, const Epilogue& epilogue,
           int threads, float* target) const;
  void convolve(const Way& way, LaneGroupsPass pass, const float* source, float* target,
                int64_t first, int64_t last) const;
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

void LaneGroups::run(const Way& way, const float* source, const float* panels,
                     const Epilogue& epilogue, int threads, float* target) const {
  const auto mask = CNNX_KERNELS(activation_kernels).relu->backward;
  LaneGroupsPass pass = {};
  pass.panels = panels;
  pass.bias = epilogue.bias;
  pass.accumulate = epilogue.accumulate;
  pass.relu = epilogue.relu;
  const bool gaps =
      covered(way.vertical) < way.target_height || covered(way.horizontal) < way.target_width;
  const int64_t channels = g_.groups * way.group.outputs, row_floats = way.target_width * channels;
  const int64_t source_floats = way.source_height * way.source_width * g_.groups * way.group.inputs;
  const int64_t units = divide_up(way.target_height, way.step.height);
  for_each_band(units, threads, [&](int64_t image, int64_t first, int64_t last) {
    float* const rows = target + image * way.target_height * row_floats;
    const int64_t begin = first * way.step.height * row_floats;
    const int64_t end = std::min(last * way.step.height, way.target_height) * row_floats;
    if (gaps && !epilogue.accumulate) {
      fill_unseen(rows + begin, rows + end, epilogue.bias, epilogue.relu, channels);
    }
    convolve(way, pass, source + image * source_floats, rows, first, last);
    if (!epilogue.relu_output) return;
    const float* relu_output = epilogue.relu_output + (rows - target);
    mask(rows + begin, relu_output + begin, end - begin, 0.0f, false, rows + begin);
  });
}

// Rows [first, last) of every pass over one image; `pass` lacks what differs between them.
void LaneGroups::convolve(const Way& way, LaneGroupsPass pass, const float* source, float* target,
                          int64_t first, int64_t last) const {
  const auto kernel = CNNX_KERNELS(lane_groups_kernels).convolve;
  const int64_t channels = g_.groups * way.group.outputs;
  pass.group = way.group;
  pass.height = way.source_height;
  pass.width = way.source_width;
  pass.groups = g_.groups;
  pass.source = source;
  pass.row_step = way.step.height * way.target_width * channels;
  pass.column_step = way.step.width * channels;
  for (const Phase& v : way.vertical) {
    for (const Phase& h : way.horizontal) {
      pass.vertical = v.window;
      pass.horizontal = h.window;
      pass.columns = h.count;
      pass.target = target + (v.first * way.target_width + h.first) * channels;
      const int64_t end = std::min(last, v.count);
      if (first < end) kernel(pass, first, end);
      pass.panels += lane_groups_panel_floats(pass.group, g_.groups, v.window.taps * h.window.taps);
    }
  }
}

// body(image, first, last) covers `rows` rows of each image once, a band at a time.
template <class Body>
void LaneGroups::for_each_band(int64_t rows, int threads, const Body& body) const {
  const int64_t products = g_.out_height * g_.out_width * gradient_.weight_floats() / rows;
  const int64_t grain = kGrainProducts / (products + 1) + 1;
  runtime::parallel_for(threads, g_.batch * rows, grain, [&](int64_t begin, int64_t end, int) {
    while (begin < end) {
      const int64_t image = begin / rows, first = begin % rows;
      const int64_t last = std::min({rows, first + kRowsAtOnce, first + end - begin});
      body(image, first, last);
      begin += last - first;
    }
  });
}

void LaneGroups::weight_gradient(const GradientKernels& kernels, const float* x,
                                 const float* grad_output, bool accumulate, int threads,
                                 float* scratch, float* grad_weight, float* grad_bias) const {
  const auto add = kernels.lane_groups->add;
  gradient_.run(
      kernels, grad_output, accumulate, g_.out_height, kGrainProducts, threads, scratch,
      grad_weight, grad_bias,
      [&](int64_t image, const float* gradient, int64_t first, int64_t last, int, float* sums) {
        add({forward_vertical_.front().window, forward_horizontal_.front().window, group_,
             g_.groups, g_.out_width, g_.in_height, g_.in_width,
             x + image * g_.in_height * g_.in_width * g_.in_channels, gradient, first, last, sums});
      });
}

}  // namespace

std::unique_ptr<const Conv2dAlgorithm> make_conv2d_lane_groups(const Conv2dGeometry& geometry) {
  return std::make_unique<LaneGroups>(geometry);
}

}  // namespace cnnx::ops
