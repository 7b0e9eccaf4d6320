// The algorithm of conv2d for groups that fill lanes: several groups in a vector, or whole vectors
// of a group, directly from the image. Repeated because every algorithm ends in its two factories.
#include <algorithm>
#include <memory>

#include "kernels/activations.h"
#include "kernels/conv2d_lane_groups.h"
#include "ops/conv2d_algorithms.h"
#include "ops/conv2d_lane_gradient.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Rows of the target, or of its phases, in a band: few, so that the epilogue finds the rows that
// were just written in a first-level cache.
constexpr int64_t kRowsAtOnce = 4;

class LaneGroupsConvolution final : public Conv2dPass {
 public:
  LaneGroupsConvolution(const Conv2dGeometry& geometry, PassDirection direction)
      : g_(pass_geometry(geometry, direction)), group_{g_.group_inputs, g_.group_outputs} {}

  int64_t packed_floats() const override {
    const int64_t taps = g_.kernel_size.height * g_.kernel_size.width;
    return runtime::round_up_to_line(panel_floats_of(taps));
  }
  void pack_weights(const float* weight, int threads, float* packed) const override;
  void run(const float* source, const float* weight, const float* packed, const Epilogue& epilogue,
           int threads, float* scratch, float* target) const override;

 private:
  int64_t panel_floats_of(int64_t taps) const {
    return lane_groups_panel_floats(group_, g_.groups, taps);
  }
  void convolve(LaneGroupsPass pass, const float* source, float* target, int64_t first,
                int64_t last) const;
  template <class Body>
  void for_each_band(int64_t rows, int threads, const Body& body) const;

  PassGeometry g_;
  GroupChannels group_;
};

// Panels of all pairs of phases, in their order.
void LaneGroupsConvolution::pack_weights(const float* weight, int threads, float* panels) const {
  const auto pack_tap = CNNX_KERNELS(lane_groups_kernels).pack_tap;
  const int64_t grain = kGrainPacked / g_.tap_floats() + 1;
  LaneGroupsTap tap = {};
  tap.group = group_;
  tap.groups = g_.groups;
  tap.group_step = g_.flipped ? group_.inputs : group_.outputs;
  tap.input_step = g_.flipped ? 1 : g_.target_channels;
  tap.output_step = g_.flipped ? g_.source_channels : 1;
  for (const Phase& v : g_.vertical) {
    for (const Phase& h : g_.horizontal) {
      tap.rows = v.window.taps;
      tap.columns = h.window.taps;
      const int64_t count = tap.rows * tap.columns;
      runtime::parallel_for(threads, count, grain, [&](int64_t begin, int64_t end, int) {
        LaneGroupsTap one = tap;
        for (int64_t i = begin; i < end; ++i) {
          one.row = i / one.columns;
          one.column = i % one.columns;
          const int64_t row = v.kernel_first + one.row * v.kernel_step;
          const int64_t column = h.kernel_first + one.column * h.kernel_step;
          one.weight = weight + (row * g_.kernel_size.width + column) * g_.tap_floats();
          pack_tap(one, panels);
        }
      });
      panels += panel_floats_of(count);
    }
  }
}

void LaneGroupsConvolution::run(const float* source, const float*, const float* panels,
                                const Epilogue& epilogue, int threads, float*,
                                float* target) const {
  const auto mask = CNNX_KERNELS(activation_kernels).relu_gradient;
  LaneGroupsPass pass = {};
  pass.panels = panels;
  pass.bias = epilogue.bias;
  pass.accumulate = epilogue.accumulate;
  pass.relu = epilogue.relu;
  pass.ceiling = epilogue.ceiling;
  const bool clears = g_.has_gaps() && !epilogue.accumulate;
  const int64_t row_floats = g_.target_row_floats();
  const int64_t units = divide_up(g_.target_height, g_.step.height);
  for_each_band(units, threads, [&](int64_t image, int64_t first, int64_t last) {
    float* const rows = target + image * g_.target_floats();
    const int64_t begin = first * g_.step.height * row_floats;
    const int64_t end = std::min(last * g_.step.height, g_.target_height) * row_floats;
    if (clears) {
      fill_unseen(rows + begin, rows + end, epilogue.bias, epilogue.relu, epilogue.ceiling,
                  g_.target_channels);
    }
    convolve(pass, source + image * g_.source_floats(), rows, first, last);
    if (!epilogue.relu_output) return;
    const float* relu_output = epilogue.relu_output + (rows - target);
    mask(rows + begin, relu_output + begin, end - begin, {kNoCeiling}, false, rows + begin);
  });
}

// Rows [first, last) of every pair of phases over one image; `pass` lacks the fields that differ
// between them.
void LaneGroupsConvolution::convolve(LaneGroupsPass pass, const float* source, float* target,
                                     int64_t first, int64_t last) const {
  const auto kernel = CNNX_KERNELS(lane_groups_kernels).convolve;
  pass.group = group_;
  pass.height = g_.source_height;
  pass.width = g_.source_width;
  pass.groups = g_.groups;
  pass.source = source;
  pass.row_step = g_.step.height * g_.target_row_floats();
  pass.column_step = g_.step.width * g_.target_channels;
  for (const Phase& v : g_.vertical) {
    for (const Phase& h : g_.horizontal) {
      pass.vertical = v.window;
      pass.horizontal = h.window;
      pass.columns = h.count;
      pass.target = target + (v.first * g_.target_width + h.first) * g_.target_channels;
      const int64_t end = std::min(last, v.count);
      if (first < end) kernel(pass, first, end);
      pass.panels += panel_floats_of(v.window.taps * h.window.taps);
    }
  }
}

// Calls body(image, first, last) to cover `rows` rows of each image once, a band at a time.
template <class Body>
void LaneGroupsConvolution::for_each_band(int64_t rows, int threads, const Body& body) const {
  const int64_t grain = kGrainMultiplyAdds / (g_.image_multiply_adds() / rows + 1) + 1;
  runtime::parallel_for(threads, g_.batch * rows, grain, [&](int64_t begin, int64_t end, int) {
    while (begin < end) {
      const int64_t image = begin / rows, first = begin % rows;
      const int64_t last = std::min({rows, first + kRowsAtOnce, first + end - begin});
      body(image, first, last);
      begin += last - first;
    }
  });
}

class LaneGroupsWeightGradient final : public Conv2dWeightGradient {
 public:
  explicit LaneGroupsWeightGradient(const Conv2dGeometry& geometry)
      : g_(pass_geometry(geometry, PassDirection::forward)), gradient_(geometry) {}

  int64_t scratch_floats(int) const override { return gradient_.scratch_floats(); }
  void run(const WeightGradientArguments& a) const override {
    const auto add = a.kernels->lane_groups->add;
    gradient_.run(
        a, g_.target_height, kGrainMultiplyAdds,
        [&](int64_t image, const float* gradient, int64_t first, int64_t last, int, float* sums) {
          add({g_.vertical.front().window,
               g_.horizontal.front().window,
               {g_.group_inputs, g_.group_outputs},
               g_.groups,
               g_.target_width,
               g_.source_height,
               g_.source_width,
               a.x + image * g_.source_floats(),
               gradient,
               first,
               last,
               sums});
        });
  }

 private:
  PassGeometry g_;
  LaneGradient gradient_;
};

}  // namespace

std::unique_ptr<const Conv2dPass> make_lane_groups_pass(const Conv2dGeometry& geometry,
                                                        PassDirection direction) {
  return std::make_unique<LaneGroupsConvolution>(geometry, direction);
}

std::unique_ptr<const Conv2dWeightGradient> make_lane_groups_weight_gradient(
    const Conv2dGeometry& geometry) {
  return std::make_unique<LaneGroupsWeightGradient>(geometry);
}

}  // namespace cnnx::ops
