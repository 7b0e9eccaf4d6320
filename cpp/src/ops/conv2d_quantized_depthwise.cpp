// Rows of the image are copied with their padding into a ring of those that the next rows of
// outputs read.
#include "ops/conv2d_quantized_depthwise.h"

#include <algorithm>

#include "kernels/quantized_depthwise.h"
#include "ops/conv2d_plan.h"
#include "ops/quantization.h"
#include "ops/quantized_rows.h"
#include "ops/shared_rows.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"
#include "runtime/prefetcher.h"

namespace cnnx::ops {
namespace {

// Outputs that take about 20 microseconds.
constexpr int64_t kGrainOutputs = 64 * 1024;

class BoundQuantizedDepthwise final : public InferenceOp {
 public:
  BoundQuantizedDepthwise(const Conv2dGeometry& geometry, const QuantizedLayer& layer)
      : g_(geometry),
        copy_(geometry),
        layer_(layer),
        prefetches_(!runtime::foresees_rows() && exceeds_cache()) {}

  BoundOpTraits traits() const override {
    BoundOpTraits traits;
    if (layer_.makes_bytes()) traits.runs_in_place = InputSet::only(1);
    return traits;
  }
  int64_t packed_floats() const override {
    return kernels().packed_bytes(shape()) / kBytesOfFloat + 1;
  }
  void pack_weights(const float* const* parameters, const float* const* buffers, int,
                    float* packed) const override {
    const Pair taps = g_.kernel_size;
    const QuantizedArrays arrays =
        layer_.arrays(parameters, buffers, taps.height * taps.width, g_.out_channels);
    kernels().pack({shape(), arrays.weights.data(), arrays.bias.data(), arrays.multiplier.data()},
                   packed);
  }
  int64_t scratch_floats(int threads) const override {
    return threads * slot_bytes() / kBytesOfFloat;
  }
  void forward(const ForwardArguments& a) const override {
    // Every band copies the rows above it again that the one before has copied.
    const int64_t row_outputs = g_.out_width * g_.out_channels;
    const SharedRows rows =
        SharedRows::of_work(g_.out_height, kernels().rows_at_once(shape()),
                            row_outputs * kGrainMultiplyAdds / kGrainOutputs, g_.out_height);
    if (rows.parts() == 0) return;
    const int64_t grain = kGrainOutputs / (g_.out_height * row_outputs / rows.parts() + 1) + 1;
    runtime::parallel_for(
        a.threads, g_.batch * rows.parts(), grain, [&](int64_t begin, int64_t end, int slot) {
          rows.for_each_band(begin, end, [&](int64_t image, int64_t first, int64_t last) {
            run_band(a, image, first, last, bytes_of(a.scratch) + slot * slot_bytes());
          });
        });
  }

 private:
  static const QuantizedDepthwiseKernels& kernels() {
    return CNNX_INTEGER_KERNELS(quantized_depthwise_kernels);
  }
  // Whether the input and output of the batch exceed a second-level cache.
  bool exceeds_cache() const { return elements_in_and_out(g_) > kCachedFloats * kBytesOfFloat; }
  QuantizedDepthwiseShape shape() const {
    QuantizedDepthwiseShape shape = {};
    shape.row_count = g_.kernel_size.height;
    if (g_.stride.height % g_.dilation.height == 0)
      shape.row_step = g_.stride.height / g_.dilation.height;
    shape.taps = g_.kernel_size.width;
    shape.tap_step = g_.dilation.width;
    shape.outputs = g_.out_width;
    shape.output_step = g_.stride.width;
    shape.channels = g_.out_channels;
    return shape;
  }
  // Rows of the image, with padding, from the first to the last one that so many rows of outputs
  // read.
  int64_t rows_read(int64_t outputs) const {
    return (outputs - 1) * g_.stride.height + (g_.kernel_size.height - 1) * g_.dilation.height + 1;
  }
  int64_t ring_rows() const { return rows_read(kernels().rows_at_once(shape())); }
  int64_t ring_row_bytes() const { return in_lines(divide_up(copy_.row_bytes(), kBytesOfFloat)); }
  // The offsets of the rows of taps, then the ring.
  int64_t offsets_count() const { return divide_up(g_.kernel_size.height, 4) * 4; }
  int64_t offsets_bytes() const { return in_lines(2 * offsets_count()); }
  int64_t slot_bytes() const {
    constexpr int64_t kSlack = 64;
    return offsets_bytes() + ring_rows() * ring_row_bytes() + kSlack;
  }
  static int64_t in_lines(int64_t floats) {
    return runtime::round_up_to_line(floats) * kBytesOfFloat;
  }

  void run_band(const ForwardArguments& a, int64_t image, int64_t first, int64_t last,
                uint8_t* slot) const {
    const int64_t image_row_bytes = g_.in_width * g_.in_channels;
    const uint8_t* const source = bytes_of(a.inputs[0]) + image * g_.in_height * image_row_bytes;
    int64_t* const offsets = reinterpret_cast<int64_t*>(slot);
    uint8_t* const ring = slot + offsets_bytes();
    const int64_t ring_size = ring_rows(), row_bytes = ring_row_bytes();
    QuantizedDepthwiseRows rows = {};
    rows.shape = shape();
    rows.source = ring;
    rows.rows = offsets;
    rows.packed = a.packed;
    const int64_t at_once = kernels().rows_at_once(rows.shape);
    int64_t copied = 0;  // rows before this one
    for (int64_t y = first; y < last; y += rows.count) {
      rows.count = std::min(at_once, last - y);
      const int64_t top = y * g_.stride.height, bottom = top + rows_read(rows.count);
      for (int64_t row = std::max(copied, top); row < bottom; ++row) {
        copy_.copy_row(source, row - g_.top, layer_.input_zero(),
                       ring + row % ring_size * row_bytes);
      }
      copied = bottom;
      if (prefetches_) {
        rows.next = source + std::max<int64_t>(bottom - g_.top, 0) * image_row_bytes;
        rows.next_bytes = g_.stride.height * rows.count * image_row_bytes;
      }
      for (int64_t tap = 0; tap < offsets_count(); ++tap) {
        const int64_t row = top + tap * g_.dilation.height;
        offsets[tap] = (row < bottom ? row : top) % ring_size * row_bytes;
      }
      rows.epilogue =
          layer_.epilogue(a, (image * g_.out_height + y) * g_.out_width * g_.out_channels);
      kernels().run(rows);
    }
  }

  Conv2dGeometry g_;
  RowCopy copy_;
  QuantizedLayer layer_;
  bool prefetches_;
};

}  // namespace

std::unique_ptr<const BoundOp> bind_quantized_depthwise(const Conv2dGeometry& geometry,
                                                        const QuantizedLayer& layer) {
  return std::make_unique<BoundQuantizedDepthwise>(geometry, layer);
}

}  // namespace cnnx::ops
