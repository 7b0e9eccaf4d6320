// Bands of rows, copied with their padding, row after row of outputs.
#include "ops/conv2d_quantized_depthwise.h"

#include <algorithm>

#include "kernels/quantized_depthwise.h"
#include "ops/quantization.h"
#include "ops/quantized_rows.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Copied rows stay in a first-level cache.
constexpr int64_t kDepthwiseBandBytes = 24 * 1024;
// Outputs that take about 20 microseconds.
constexpr int64_t kGrainOutputs = 64 * 1024;

class BoundQuantizedDepthwise final : public InferenceOp {
 public:
  BoundQuantizedDepthwise(const Conv2dGeometry& geometry, const QuantizedLayer& layer)
      : g_(geometry), copy_(geometry), layer_(layer) {}

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    if (layer_.makes_bytes()) traits.runs_in_place = InputSet::only(1);
    return traits;
  }
  int64_t packed_floats() const override {
    return kernels().packed_bytes(g_.kernel_size.height, g_.kernel_size.width, g_.out_channels) /
               kBytesOfFloat +
           1;
  }
  void pack_weights(const float* const* parameters, const float* const* buffers, int,
                    float* packed) const override {
    const Pair taps = g_.kernel_size;
    const QuantizedArrays arrays =
        layer_.arrays(parameters, buffers, taps.height * taps.width, g_.out_channels);
    kernels().pack({taps.height, taps.width, g_.out_channels, arrays.weights.data(),
                    arrays.bias.data(), arrays.multiplier.data(), layer_.makes_plain_bytes()},
                   packed);
  }
  int64_t scratch_floats(int threads) const override {
    return threads * slot_bytes() / kBytesOfFloat;
  }
  void forward(const ForwardArguments& a) const override {
    const int64_t rows = band_rows(), bands = divide_up(g_.out_height, rows);
    const int64_t grain = kGrainOutputs / (rows * g_.out_width * g_.out_channels) + 1;
    runtime::parallel_for(
        a.threads, g_.batch * bands, grain, [&](int64_t begin, int64_t end, int slot) {
          for (int64_t band = begin; band < end; ++band) {
            const int64_t first = band % bands * rows;
            run_band(a, band / bands, first, std::min(first + rows, g_.out_height),
                     bytes_of(a.scratch) + slot * slot_bytes());
          }
        });
  }

 private:
  static const QuantizedDepthwiseKernels& kernels() {
    return CNNX_INTEGER_KERNELS(quantized_depthwise_kernels);
  }
  int64_t band_rows() const {
    const int64_t for_cache =
        (kDepthwiseBandBytes - copy_.bytes(0)) / copy_.row_bytes() / g_.stride.height;
    return std::clamp<int64_t>(for_cache, 1, g_.out_height);
  }
  // The offsets of the rows of taps, the gathered pixels of a row, the copied rows.
  int64_t offsets_bytes() const { return in_lines(2 * g_.kernel_size.height); }
  int64_t gathered_bytes() const {
    return in_lines(
        kernels().scratch_integers(g_.kernel_size.height, copy_.row_windows() * g_.stride.width));
  }
  int64_t slot_bytes() const {
    constexpr int64_t kSlack = 64;
    const int64_t copied = (copy_.bytes(band_rows()) + kSlack) / kBytesOfFloat + 1;
    return offsets_bytes() + gathered_bytes() + in_lines(copied);
  }
  static int64_t in_lines(int64_t floats) {
    return runtime::round_up_to_line(floats) * kBytesOfFloat;
  }

  void run_band(const ForwardArguments& a, int64_t image, int64_t first, int64_t last,
                uint8_t* slot) const {
    int64_t* const offsets = reinterpret_cast<int64_t*>(slot);
    uint8_t* const rows = slot + offsets_bytes() + gathered_bytes();
    for (int64_t tap = 0; tap < g_.kernel_size.height; ++tap)
      offsets[tap] = copy_.offset(tap, last - first);
    copy_.copy(bytes_of(a.inputs[0]) + image * g_.in_height * g_.in_width * g_.in_channels, first,
               last, layer_.input_zero(), rows);
    QuantizedDepthwiseRow row = {};
    row.rows = offsets;
    row.row_count = g_.kernel_size.height;
    row.taps = g_.kernel_size.width;
    row.tap_step = g_.dilation.width;
    row.outputs = g_.out_width;
    row.output_step = g_.stride.width;
    row.channels = g_.out_channels;
    row.packed = a.packed;
    row.scratch = reinterpret_cast<int32_t*>(slot + offsets_bytes());
    for (int64_t y = first; y < last; ++y) {
      row.source = rows + (y - first) * copy_.row_bytes();
      row.epilogue =
          layer_.epilogue(a, (image * g_.out_height + y) * g_.out_width * g_.out_channels);
      kernels().run(row);
    }
  }

  Conv2dGeometry g_;
  RowCopy copy_;
  QuantizedLayer layer_;
};

}  // namespace

std::unique_ptr<const BoundOp> bind_quantized_depthwise(const Conv2dGeometry& geometry,
                                                        const QuantizedLayer& layer) {
  return std::make_unique<BoundQuantizedDepthwise>(geometry, layer);
}

}  // namespace cnnx::ops
