// The weight gradient of depthwise convolutions and of narrow groups with arrays of bfloat16, with
// the bits of the float32 layer. For groups of several channels rows are widened first.
#include <algorithm>
#include <cstdint>
#include <memory>

#include "kernels/bfloat16_arrays.h"
#include "kernels/conv2d_depthwise.h"
#include "ops/bfloat16.h"
#include "ops/conv2d_bfloat16_weight.h"
#include "ops/conv2d_lane_gradient.h"
#include "ops/conv2d_phases.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx::ops {
namespace {

class WidenedLaneGradient final : public Conv2dWeightGradient {
 public:
  WidenedLaneGradient(const Conv2dGeometry& geometry, LaneKernels kernels)
      : g_(pass_geometry(geometry, PassDirection::forward)),
        gradient_(geometry),
        narrow_groups_(kernels == LaneKernels::lane_groups),
        spreads_(!narrow_groups_ && (g_.group_inputs > 1 || g_.group_outputs > 1)) {
    const WindowAxis& window = vertical();
    const int64_t floats = window.stride * source_row_floats() + g_.target_row_floats();
    rows_ = std::clamp<int64_t>(kBandFloats / floats, 1, g_.target_height);
    const int64_t source_rows = std::min(spanned(window, rows_), g_.source_height);
    source_floats_ =
        reads_words() ? 0 : runtime::round_up_to_line(source_rows * source_row_floats());
    spread_floats_ =
        spreads_ ? runtime::round_up_to_line(source_rows * spread_row_floats() + kSpreadSlackFloats)
                 : 0;
    slot_floats_ =
        source_floats_ + spread_floats_ + runtime::round_up_to_line(rows_ * g_.target_row_floats());
  }

  int64_t scratch_floats(int threads) const override {
    return gradient_.scratch_floats() + threads * slot_floats_;
  }

  void run(const WeightGradientArguments& a) const override {
    float* const slots = a.scratch + gradient_.scratch_floats();
    const auto widen_gradient = [&](int64_t image, int64_t first, int64_t last, int slot) {
      const int64_t row_floats = g_.target_row_floats();
      float* const rows = slots + slot * slot_floats_ + source_floats_ + spread_floats_;
      if (!reads_words() || a.grad_bias)
        widen(a.grad_output, image * g_.target_height + first, last - first, row_floats, rows);
      return static_cast<const float*>(rows - first * row_floats);
    };
    const int64_t most_rows = reads_words() && !a.grad_bias ? g_.target_height : rows_;
    gradient_.run(a, most_rows, kGrainProducts, widen_gradient,
                  [&](int64_t image, const float* gradient, int64_t first, int64_t last, int slot,
                      float* sums) {
                    if (reads_words()) return add_words(a, image, first, last, sums);
                    const float* source =
                        widened_source(a.x, image, first, last, slots + slot * slot_floats_);
                    add(*a.kernels, source, gradient, first, last, sums);
                  });
  }

 private:
  // Rows of a band stay in a second-level cache.
  static constexpr int64_t kBandFloats = 64 * 1024;
  // Products that take about 20 microseconds, mostly for memory.
  static constexpr int64_t kGrainProducts = 256 * 1024;

  // Whether there is a kernel for images of bfloat16.
  bool reads_words() const { return !narrow_groups_ && !spreads_; }
  const WindowAxis& vertical() const { return g_.vertical.front().window; }
  int64_t source_row_floats() const { return g_.source_width * g_.source_channels; }
  int64_t spread_row_floats() const {
    return g_.source_width * g_.group_inputs * g_.target_channels;
  }
  static void widen(const float* array, int64_t first_row, int64_t rows, int64_t row_floats,
                    float* target) {
    CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels)
        .widen(bfloat16_of(array) + first_row * row_floats, rows * row_floats, target);
  }

  // Row 0 of an image of which exist the rows that outputs [first, last) read, spread over lanes
  // where the kernel needs that.
  const float* widened_source(const float* x, int64_t image, int64_t first, int64_t last,
                              float* scratch) const {
    const WindowAxis& window = vertical();
    const int64_t origin = window.origin + first * window.stride;
    const int64_t begin = std::clamp<int64_t>(origin, 0, g_.source_height);
    const int64_t end =
        std::clamp<int64_t>(origin + spanned(window, last - first), begin, g_.source_height);
    widen(x, image * g_.source_height + begin, end - begin, source_row_floats(), scratch);
    if (!spreads_) return scratch - begin * source_row_floats();
    float* const spread = scratch + source_floats_;
    CNNX_KERNELS(depthwise_kernels)
        .spread(scratch, (end - begin) * g_.source_width, g_.groups, g_.group_inputs,
                g_.group_outputs, spread);
    return spread - begin * spread_row_floats();
  }

  void add_words(const WeightGradientArguments& a, int64_t image, int64_t first, int64_t last,
                 float* sums) const {
    a.kernels->depthwise->add_bfloat16(
        {vertical(), g_.horizontal.front().window, g_.source_height, g_.source_width,
         g_.target_channels, g_.target_width, bfloat16_of(a.x) + image * g_.source_floats(),
         bfloat16_of(a.grad_output) + image * g_.target_floats(), first, last, sums});
  }

  void add(const GradientKernels& kernels, const float* source, const float* gradient,
           int64_t first, int64_t last, float* sums) const {
    const WindowAxis& h = g_.horizontal.front().window;
    const int64_t inputs = g_.group_inputs;
    if (narrow_groups_) {
      kernels.lane_groups->add({vertical(),
                                h,
                                {inputs, g_.group_outputs},
                                g_.groups,
                                g_.target_width,
                                g_.source_height,
                                g_.source_width,
                                source,
                                gradient,
                                first,
                                last,
                                sums});
    } else {
      const WindowAxis lanes = {h.origin * inputs, h.stride * inputs, h.taps * inputs, h.dilation};
      kernels.depthwise->add({vertical(), lanes, g_.source_height, g_.source_width * inputs,
                              g_.target_channels, g_.target_width, source, gradient, first, last,
                              sums});
    }
  }

  PassGeometry g_;
  LaneGradient gradient_;
  bool narrow_groups_, spreads_;
  int64_t rows_ = 1, source_floats_ = 0, spread_floats_ = 0, slot_floats_ = 0;
};

}  // namespace

std::unique_ptr<const Conv2dWeightGradient> make_bfloat16_lane_weight_gradient(
    const Conv2dGeometry& geometry, LaneKernels kernels) {
  return std::make_unique<WidenedLaneGradient>(geometry, kernels);
}

}  // namespace cnnx::ops
