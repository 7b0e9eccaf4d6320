// The weight gradients of depthwise convolutions and of narrow groups: sums in the layout of the
// weights, over chunks of output rows, and the sum of the chunks.
#pragma once

#include <algorithm>
#include <cstdint>

#include "ops/conv2d_chunks.h"
#include "ops/conv2d_plan.h"
#include "ops/shares.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

class LaneGradient {
 public:
  explicit LaneGradient(const Conv2dGeometry& g)
      : g_(g), chunks_(g, chunk_floats(), kLeastChunkPixels) {}

  int64_t weight_floats() const {
    return g_.kernel_size.height * g_.kernel_size.width * (g_.in_channels / g_.groups) *
           g_.out_channels;
  }
  int64_t scratch_floats() const { return chunks_.count() * chunk_floats(); }

  // add(image, its gradient, first, last, slot, sums) adds output rows [first, last), at most
  // `most_rows`, to the weight's sums. A thread has at least `grain_multiply_adds`.
  template <class Add>
  void run(const WeightGradientArguments& arguments, int64_t most_rows, int64_t grain_multiply_adds,
           const Add& add) const {
    const auto image_rows = [&](int64_t image, int64_t, int64_t, int) {
      return arguments.grad_output + image * g_.out_height * g_.out_width * g_.out_channels;
    };
    run(arguments, most_rows, grain_multiply_adds, image_rows, add);
  }
  // rows(image, first, last, slot) is row 0 of a gradient of which these rows exist.
  template <class Rows, class Add>
  void run(const WeightGradientArguments& arguments, int64_t most_rows, int64_t grain_multiply_adds,
           const Rows& rows, const Add& add) const;

 private:
  // Each sum belongs to one channel, so sums are few and cheap.
  static constexpr int64_t kLeastChunkPixels = 64;

  int64_t chunk_floats() const {
    return runtime::round_up_to_line(weight_floats()) + bias_sums_floats(g_.out_channels);
  }

  Conv2dGeometry g_;
  GradientChunks chunks_;
};

template <class Rows, class Add>
void LaneGradient::run(const WeightGradientArguments& a, int64_t most_rows,
                       int64_t grain_multiply_adds, const Rows& rows, const Add& add) const {
  const Conv2dGradientKernels& sums_of = *a.kernels->conv2d;
  const int64_t row_floats = g_.out_width * g_.out_channels;
  const int64_t bias_place = runtime::round_up_to_line(weight_floats());
  std::fill_n(a.scratch, scratch_floats(), 0.0f);
  const int64_t multiply_adds =
      g_.batch * g_.out_height * g_.out_width * weight_floats() / chunks_.count();
  const int64_t grain = grain_multiply_adds / (multiply_adds + 1) + 1;
  runtime::parallel_for(
      a.threads, chunks_.count(), grain, [&](int64_t begin, int64_t end, int slot) {
        for (int64_t chunk = begin; chunk < end; ++chunk) {
          float* const sums = a.scratch + chunk * chunk_floats();
          const int64_t last_row = chunks_.first_row(chunk + 1);
          for (int64_t row = chunks_.first_row(chunk); row < last_row;) {
            const int64_t image = row / g_.out_height, first = row % g_.out_height;
            const int64_t last =
                std::min({g_.out_height, first + most_rows, first + last_row - row});
            const float* gradient = rows(image, first, last, slot);
            if (a.grad_weight) add(image, gradient, first, last, slot, sums);
            if (a.grad_bias) {
              sums_of.add_bias_gradient(gradient + first * row_floats, last - first, g_.out_width,
                                        g_.out_channels, sums + bias_place);
            }
            row += last - first;
          }
        }
      });
  if (a.grad_weight) {
    a.kernels->depthwise->reduce(a.scratch, chunks_.count(), chunk_floats(), weight_floats(),
                                 a.accumulate, a.grad_weight);
  }
  if (a.grad_bias) {
    sums_of.reduce_bias_gradient(a.scratch + bias_place, chunks_.count(), chunk_floats(),
                                 g_.out_channels, a.accumulate, a.grad_bias);
  }
}

}  // namespace cnnx::ops
