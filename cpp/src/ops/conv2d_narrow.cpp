// The input gradient for few input channels: packs the weights, shares out rows.
#include "ops/conv2d_narrow.h"

#include <algorithm>

#include "kernels/activations.h"
#include "ops/conv2d_phases.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {

NarrowInputGradient::NarrowInputGradient(const Conv2dGeometry& g)
    : geometry_(g),
      shape_{{g.top - (g.kernel_size.height - 1) * g.dilation.height, 1, g.kernel_size.height,
              g.dilation.height},
             g.out_height,
             g.out_width,
             g.out_channels,
             g.kernel_size.width,
             g.left,
             g.in_width,
             g.in_channels} {}

bool NarrowInputGradient::suits(const Conv2dGeometry& g) {
  constexpr int64_t kMostChannels = 8, kLeastTaps = 3, kLeastDepth = 28;
  return g.groups == 1 && g.stride.height == 1 && g.stride.width == 1 && g.dilation.width == 1 &&
         g.in_channels <= kMostChannels && g.kernel_size.width >= kLeastTaps &&
         g.kernel_size.height * g.out_channels >= kLeastDepth;
}

int64_t NarrowInputGradient::panel_size() const {
  return runtime::round_up_to_line(panel_floats(shape_.vertical.taps * shape_.channels,
                                                shape_.taps_wide * shape_.target_channels));
}

int64_t NarrowInputGradient::slot_floats() const {
  return runtime::round_up_to_line(narrow_scratch_floats(shape_));
}

int64_t NarrowInputGradient::scratch_floats(int threads) const { return threads * slot_floats(); }

void NarrowInputGradient::pack(const float* weight, float* panel) const {
  const Conv2dKernels& kernels = CNNX_KERNELS(conv2d_kernels);
  const Conv2dGeometry& g = geometry_;
  const int64_t columns = shape_.taps_wide * shape_.target_channels, taps = shape_.vertical.taps;
  // A row of taps is packed as if it were one tap with so many outputs.
  for (int64_t tap = 0; tap < taps; ++tap) {
    kernels.pack_tap({weight + (taps - 1 - tap) * columns * g.out_channels, tap, taps,
                      g.out_channels, 1, columns, g.out_channels},
                     0, kernels.blocks(columns), panel);
  }
}

void NarrowInputGradient::run(const float* grad_output, const float* panel,
                              const Epilogue& epilogue, int threads, float* scratch,
                              float* grad_input) const {
  const auto add = CNNX_KERNELS(narrow_gradient_kernels).add;
  const ActivationKernels& relu_kernels = *CNNX_KERNELS(activation_kernels).relu;
  const auto relu = relu_kernels.forward;
  const auto mask = relu_kernels.backward;
  const Conv2dGeometry& g = geometry_;
  const int64_t columns = shape_.taps_wide * shape_.target_channels, taps = shape_.vertical.taps;
  const int64_t source_floats = g.out_height * g.out_width * g.out_channels;
  const int64_t row_floats = g.in_width * g.in_channels;
  const int64_t products = taps * g.out_channels * g.out_width * columns;
  runtime::parallel_for(
      threads, g.batch * g.in_height, kGrainProducts / products + 1,
      [&](int64_t begin, int64_t end, int slot) {
        while (begin < end) {
          const int64_t image = begin / g.in_height, first = begin % g.in_height;
          const int64_t last = std::min(g.in_height, first + end - begin);
          float* target = grad_input + image * g.in_height * row_floats;
          const int64_t from = first * row_floats, to = last * row_floats;
          // Sums that begin at a bias are added to it.
          if (epilogue.bias) {
            fill_unseen(target + from, target + to, epilogue.bias, false, g.in_channels);
          }
          add(shape_,
              {grad_output + image * source_floats, panel, epilogue.accumulate || epilogue.bias,
               first, last, scratch + slot * slot_floats(), target});
          if (epilogue.relu) relu(target + from, to - from, 0.0f, target + from);
          if (epilogue.relu_output) {
            mask(target + from, epilogue.relu_output + (target - grad_input) + from, to - from,
                 0.0f, false, target + from);
          }
          begin += last - first;
        }
      });
}

}  // namespace cnnx::ops
