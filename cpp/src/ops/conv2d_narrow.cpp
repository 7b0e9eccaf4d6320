// The input gradient for few input channels, which would leave vectors empty: packs the weights,
// distributes rows to threads.
#include <algorithm>
#include <memory>

#include "kernels/activations.h"
#include "kernels/conv2d_narrow.h"
#include "ops/conv2d_algorithms.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

class NarrowInputGradient final : public Conv2dPass {
 public:
  explicit NarrowInputGradient(const Conv2dGeometry& geometry);

  int64_t packed_floats() const override {
    return runtime::round_up_to_line(panel_floats(shape_.vertical.taps * shape_.channels,
                                                  shape_.taps_wide * shape_.target_channels));
  }
  void pack_weights(const float* weight, int threads, float* packed) const override;
  int64_t scratch_floats(int threads) const override { return threads * slot_floats(); }
  void run(const float* source, const float* weight, const float* packed, const Epilogue& epilogue,
           int threads, float* scratch, float* target) const override;

 private:
  int64_t slot_floats() const { return runtime::round_up_to_line(narrow_scratch_floats(shape_)); }

  Conv2dGeometry geometry_;
  NarrowGradient shape_;
};

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

void NarrowInputGradient::pack_weights(const float* weight, int, float* packed) const {
  const Conv2dKernels& kernels = CNNX_KERNELS(conv2d_kernels);
  const Conv2dGeometry& g = geometry_;
  const int64_t columns = shape_.taps_wide * shape_.target_channels, taps = shape_.vertical.taps;
  // A row of taps is packed like one tap with so many outputs.
  for (int64_t tap = 0; tap < taps; ++tap) {
    kernels.pack_tap({weight + (taps - 1 - tap) * columns * g.out_channels, tap, taps,
                      g.out_channels, 1, columns, g.out_channels},
                     0, kernels.blocks(columns), packed);
  }
}

void NarrowInputGradient::run(const float* source, const float*, const float* packed,
                              const Epilogue& epilogue, int threads, float* scratch,
                              float* target) const {
  const auto add = CNNX_KERNELS(narrow_gradient_kernels).add;
  const ActivationTable& activations = CNNX_KERNELS(activation_kernels);
  const Conv2dGeometry& g = geometry_;
  const int64_t columns = shape_.taps_wide * shape_.target_channels, taps = shape_.vertical.taps;
  const int64_t source_floats = g.out_height * g.out_width * g.out_channels;
  const int64_t row_floats = g.in_width * g.in_channels;
  const int64_t multiply_adds = taps * g.out_channels * g.out_width * columns;
  runtime::parallel_for(
      threads, g.batch * g.in_height, kGrainMultiplyAdds / multiply_adds + 1,
      [&](int64_t begin, int64_t end, int slot) {
        while (begin < end) {
          const int64_t image = begin / g.in_height, first = begin % g.in_height;
          const int64_t last = std::min(g.in_height, first + end - begin);
          float* const rows = target + image * g.in_height * row_floats;
          const int64_t from = first * row_floats, to = last * row_floats;
          // Sums that begin at a bias are added to it.
          if (epilogue.bias) {
            fill_unseen(rows + from, rows + to, epilogue.bias, false, kNoCeiling, g.in_channels);
          }
          add(shape_, {source + image * source_floats, packed, epilogue.accumulate || epilogue.bias,
                       first, last, scratch + slot * slot_floats(), rows});
          if (epilogue.relu) {
            activations.relu(rows + from, to - from, {epilogue.ceiling}, rows + from);
          }
          if (epilogue.relu_output) {
            activations.relu_gradient(rows + from, epilogue.relu_output + (rows - target) + from,
                                      to - from, {kNoCeiling}, false, rows + from);
          }
          begin += last - first;
        }
      });
}

}  // namespace

std::unique_ptr<const Conv2dPass> make_narrow_input_gradient(const Conv2dGeometry& geometry) {
  return std::make_unique<NarrowInputGradient>(geometry);
}

}  // namespace cnnx::ops
