// Direct convolution's weight and bias gradients: sums over chunks of the batch, and the sum of the
// chunks.
#include <algorithm>

#include "ops/conv2d_direct.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Chunks are what threads share and where chains begin, so their number may depend on shapes alone:
// enough for eight threads, with at least 64 pixels each (a chunk's sums are cleared and added up
// once per chunk), and with all sums together at most 64 MB.
constexpr int64_t kMostChunks = 8;
constexpr int64_t kLeastChunkPixels = 64;
constexpr int64_t kMostSumsFloats = 16 * 1024 * 1024;
// Pixels summed before the sums go back to memory: a panel of them, two vectors wide, fills half a
// first-level cache.
constexpr int64_t kBandPixels = 128;
// Floats of input beside them.
constexpr int64_t kBandFloats = 32 * 1024;
// Products, or sums of chunks, that take about 20 microseconds.
constexpr int64_t kGrainProducts = int64_t{1} << 20;
constexpr int64_t kGrainSums = 32 * 1024;

int64_t divide_up(int64_t value, int64_t by) { return (value + by - 1) / by; }

}  // namespace

DirectWeightGradient::DirectWeightGradient(const Conv2dGeometry& g)
    : geometry_(g),
      picture_{g.in_height, g.in_width, g.in_channels},
      vertical_{-g.top, g.stride.height, g.kernel_size.height, g.dilation.height},
      horizontal_{-g.left, g.stride.width, g.kernel_size.width, g.dilation.width},
      group_inputs_(g.in_channels / g.groups),
      group_outputs_(g.out_channels / g.groups),
      depth_(g.kernel_size.height * g.kernel_size.width * group_inputs_) {
  const int64_t picture_pixels = g.out_height * g.out_width;
  const int64_t most = std::clamp<int64_t>(kMostSumsFloats / chunk_floats(), 1, kMostChunks);
  chunks_ = std::clamp<int64_t>(g.batch * picture_pixels / kLeastChunkPixels, 1, most);
  chunks_ = std::clamp<int64_t>(g.batch * g.out_height, 1, chunks_);
  const int64_t row_floats =
      std::max(std::min(g.stride.height, g.in_height) * g.in_width * g.in_channels,
               kBandFloats / kBandPixels * g.out_width);
  band_rows_ = std::clamp<int64_t>(kBandFloats / row_floats, 1, g.out_height);
  if (band_rows_ == g.out_height) {
    band_pictures_ = std::max<int64_t>(1, kBandFloats / (row_floats * g.out_height));
  } else {
    band_rows_ = divide_up(g.out_height, divide_up(g.out_height, band_rows_));
  }
}

int64_t DirectWeightGradient::weight_sums_floats() const {
  return geometry_.groups * panel_floats(depth_, group_outputs_);
}

int64_t DirectWeightGradient::chunk_floats() const {
  return weight_sums_floats() + bias_sums_floats(geometry_.out_channels);
}

Range DirectWeightGradient::columns() const {
  const WindowAxis& w = horizontal_;
  return {w.origin,
          w.origin + (geometry_.out_width - 1) * w.stride + (w.taps - 1) * w.dilation + 1};
}

int64_t DirectWeightGradient::slot_floats() const {
  const WindowAxis& w = vertical_;
  const int64_t rows = (band_rows_ - 1) * w.stride + (w.taps - 1) * w.dilation + 1;
  return runtime::round_up_to_line(band_pictures_ * band_floats(picture_, rows, columns())) +
         band_pictures_ * band_rows_ * geometry_.out_width * kPanelBlockFloats;
}

int64_t DirectWeightGradient::scratch_floats(int threads) const {
  return chunks_ * chunk_floats() + threads * slot_floats();
}

// Output rows [first, last), counted through the whole batch; column blocks [first, last), through
// the groups.
void DirectWeightGradient::run_share(const float* x, const float* grad_output, Range rows,
                                     Range blocks, bool with_bias, float* scratch, float* sums,
                                     float* bias_sums) const {
  const Conv2dGeometry& g = geometry_;
  const Conv2dKernels& kernels = CNNX_KERNELS(conv2d_kernels);
  const int64_t row_floats = g.out_width * g.out_channels,
                gradient_floats = g.out_height * row_floats;
  WeightGradientBand band = {};
  band.groups = g.groups;
  band.group_inputs = group_inputs_;
  band.group_outputs = group_outputs_;
  band.horizontal = horizontal_;
  band.gradient_picture_floats = gradient_floats;
  band.columns = g.out_width;
  band.first_block = blocks.first;
  band.last_block = blocks.last;
  band.sums = sums;
  band.first = true;
  const int64_t needed =
      (band_rows_ - 1) * vertical_.stride + (vertical_.taps - 1) * vertical_.dilation + 1;
  const int64_t copy_floats = band_floats(picture_, needed, columns());
  band.gradient_panel = scratch + runtime::round_up_to_line(band_pictures_ * copy_floats);
  for (int64_t row = rows.first; row < rows.last;) {
    const int64_t picture = row / g.out_height, top = row % g.out_height;
    const int64_t left = rows.last - row;
    band.rows = std::min({band_rows_, g.out_height - top, left});
    band.pictures = band.rows == g.out_height ? std::min(band_pictures_, left / g.out_height) : 1;
    band.vertical = vertical_;
    band.vertical.origin += top * vertical_.stride;
    const Range source = {band.vertical.origin, band.vertical.origin +
                                                    (band.rows - 1) * vertical_.stride +
                                                    (vertical_.taps - 1) * vertical_.dilation + 1};
    for (int64_t n = band.pictures - 1; n >= 0; --n) {
      band.input = band_rows(picture_, x + (picture + n) * picture_.floats(), source, columns(),
                             scratch + n * copy_floats);
    }
    band.picture_floats = copy_floats > 0 ? copy_floats : picture_.floats();
    band.gradient = grad_output + picture * gradient_floats + top * row_floats;
    if (sums) kernels.add_weight_gradient(band);
    band.first = false;
    if (with_bias) {
      for (int64_t n = 0; n < band.pictures; ++n) {
        kernels.add_bias_gradient(band.gradient + n * gradient_floats, band.rows, g.out_width,
                                  g.out_channels, bias_sums);
      }
    }
    row += band.pictures * band.rows;
  }
}

void DirectWeightGradient::run(const float* x, const float* grad_output, bool accumulate,
                               int threads, float* scratch, float* grad_weight,
                               float* grad_bias) const {
  const Conv2dGeometry& g = geometry_;
  if (g.batch == 0) {
    if (grad_weight && !accumulate) std::fill_n(grad_weight, depth_ * g.out_channels, 0.0f);
    if (grad_bias && !accumulate) std::fill_n(grad_bias, g.out_channels, 0.0f);
    return;
  }
  const Conv2dKernels& kernels = CNNX_KERNELS(conv2d_kernels);
  float* const slots = scratch + chunks_ * chunk_floats();
  const int64_t blocks = g.groups * kernels.blocks(group_outputs_);
  // More threads than chunks divide each chunk's column blocks among them.
  const int64_t parts = std::clamp<int64_t>(divide_up(threads, chunks_), 1, blocks);
  // Whole pictures if there are enough.
  const int64_t pieces = g.batch >= chunks_ ? g.batch : g.batch * g.out_height;
  const int64_t piece_rows = g.batch >= chunks_ ? g.out_height : 1;
  const auto chunk_begin = [&](int64_t chunk) { return pieces * chunk / chunks_ * piece_rows; };
  const int64_t products =
      g.batch * g.out_height / chunks_ * g.out_width * depth_ * g.out_channels / parts;
  const int64_t grain = kGrainProducts / std::max<int64_t>(1, products) + 1;
  runtime::parallel_for(threads, chunks_ * parts, grain, [&](int64_t begin, int64_t end, int slot) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t chunk = i / parts, part = i % parts;
      float* sums = scratch + chunk * chunk_floats();
      float* bias_sums = sums + weight_sums_floats();
      const bool with_bias = grad_bias && part == 0;
      if (with_bias) std::fill(bias_sums, sums + chunk_floats(), 0.0f);
      run_share(x, grad_output, {chunk_begin(chunk), chunk_begin(chunk + 1)},
                {blocks * part / parts, blocks * (part + 1) / parts}, with_bias,
                slots + slot * slot_floats(), grad_weight ? sums : nullptr, bias_sums);
    }
  });
  if (grad_weight) {
    const int64_t group_floats = panel_floats(depth_, group_outputs_);
    const int64_t reduce_grain = kGrainSums / (chunks_ * group_outputs_) + 1;
    runtime::parallel_for(
        threads, g.groups * depth_, reduce_grain, [&](int64_t begin, int64_t end, int) {
          while (begin < end) {
            const int64_t group = begin / depth_, first = begin % depth_;
            const int64_t last = std::min(depth_, first + end - begin);
            kernels.reduce(scratch + group * group_floats, chunks_, chunk_floats(), depth_, first,
                           last, group_outputs_, accumulate, grad_weight + group * group_outputs_,
                           g.out_channels);
            begin += last - first;
          }
        });
  }
  if (grad_bias) {
    kernels.reduce_bias_gradient(scratch + weight_sums_floats(), chunks_, chunk_floats(),
                                 g.out_channels, accumulate, grad_bias);
  }
}

}  // namespace cnnx::ops
