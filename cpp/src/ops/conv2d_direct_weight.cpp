// Direct convolution's weight and bias gradients: sums over chunks of the batch, and the sum of the
// chunks.
#include <algorithm>
#include <memory>

#include "ops/conv2d_algorithms.h"
#include "ops/conv2d_chunks.h"
#include "ops/conv2d_direct.h"
#include "ops/shares.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Pixels are summed in bands before the sums go back to memory. Small bands store the sums more
// often. The gradient (a panel of two vectors) and the input of large bands do not fit into a
// first-level cache together. 8 K floats of both, and at least 128 pixels, measured best, for 1x1
// kernels 288.
constexpr int64_t kWeightBandFloats = 8 * 1024;
constexpr int64_t kLeastWeightBandPixels = 128, kLeastPointwiseBandPixels = 288;
// The most floats of input: a quarter of the second-level cache of current CPUs.
constexpr int64_t kMostInputFloats = 64 * 1024;
// Channels from which on a 1x1 kernel's input is packed into panels.
constexpr int64_t kLeastPackedInputs = 64, kLeastPackedOutputs = 128;
// The cost of a sum's way to memory and back, in multiply-adds.
constexpr int64_t kLeastChunkPixels = 512;
constexpr int64_t kSharesPerThread = 4;

// Whether every window is one pixel of the image.
bool reads_pixels(const WindowAxis& axis, int64_t windows, int64_t size) {
  return axis.taps == 1 && axis.origin >= 0 && last_place(axis, windows) < size;
}

// A batch whose pixels are all windows, one after another, is one image of that height.
Conv2dGeometry joined_images(Conv2dGeometry g) {
  if (is_pointwise(g) && g.batch > 0) {
    g.in_height = g.out_height = g.batch * g.in_height;
    g.batch = 1;
  }
  return g;
}

class DirectWeightGradient final : public Conv2dWeightGradient {
 public:
  explicit DirectWeightGradient(const Conv2dGeometry& geometry);

  int64_t scratch_floats(int threads) const override;
  void run(const WeightGradientArguments& arguments) const override;

 private:
  // Column blocks [first_block, last_block) of one chunk's sums.
  struct Share {
    int64_t chunk, first_block, last_block;
    bool with_bias;
    float* slot;
  };

  int64_t weight_sums_floats() const;
  int64_t chunk_floats() const;
  int64_t copy_floats() const;
  int64_t slot_floats() const;
  const Conv2dGradientKernels& kernels(const GradientKernels& all) const {
    return fits_half_a_vector(group_outputs_) ? *all.conv2d_half_vectors : *all.conv2d;
  }
  bool sums_in_place(const WeightGradientArguments& a) const;
  void run_share(const WeightGradientArguments& a, const Share& share) const;
  void reduce(const WeightGradientArguments& a) const;

  Conv2dGeometry geometry_;
  WindowedImage source_;
  WindowAxis vertical_, horizontal_;
  int64_t group_inputs_, group_outputs_, depth_;
  GradientChunks chunks_;
  int64_t band_images_ = 1, band_rows_ = 1;
  bool reads_pixels_ = false, packs_input_ = false;
};

DirectWeightGradient::DirectWeightGradient(const Conv2dGeometry& geometry)
    : geometry_(joined_images(geometry)),
      source_{geometry_.in_height, geometry_.in_width, geometry_.in_channels, -geometry_.left, 0},
      vertical_{-geometry_.top, geometry_.stride.height, geometry_.kernel_size.height,
                geometry_.dilation.height},
      horizontal_{-geometry_.left, geometry_.stride.width, geometry_.kernel_size.width,
                  geometry_.dilation.width},
      group_inputs_(geometry_.in_channels / geometry_.groups),
      group_outputs_(geometry_.out_channels / geometry_.groups),
      depth_(geometry_.kernel_size.height * geometry_.kernel_size.width * group_inputs_),
      chunks_(geometry, chunk_floats(), kLeastChunkPixels) {
  const Conv2dGeometry& g = geometry_;
  source_.last_column = last_place(horizontal_, g.out_width) + 1;
  // With fewer channels a copy with zeros beside it costs less than short runs.
  constexpr int64_t kLeastRun = 8;
  if (group_inputs_ >= kLeastRun) {
    source_.first_column = 0;
    source_.last_column = g.in_width;
  }
  reads_pixels_ = reads_pixels(vertical_, g.out_height, g.in_height) &&
                  reads_pixels(horizontal_, g.out_width, g.in_width);
  packs_input_ = reads_pixels_ && g.groups == 1 && g.in_channels >= kLeastPackedInputs &&
                 g.out_channels >= kLeastPackedOutputs;
  // Floats that windows read for another row of outputs. A stride beyond the kernel skips some.
  const int64_t input_floats =
      std::min({g.stride.height, g.kernel_size.height, g.in_height}) *
      std::min(g.out_width * std::min(g.stride.width, g.kernel_size.width), g.in_width) *
      g.in_channels;
  const bool pointwise = g.kernel_size.height * g.kernel_size.width == 1;
  const int64_t pixels = std::max(kWeightBandFloats / (kPanelBlockFloats + g.in_channels),
                                  pointwise ? kLeastPointwiseBandPixels : kLeastWeightBandPixels);
  const int64_t rows = pointwise ? pixels / g.out_width
                                 : std::min(pixels / g.out_width, kMostInputFloats / input_floats);
  if (rows >= g.out_height) {
    band_rows_ = g.out_height;
    band_images_ = rows / g.out_height;
  } else {
    band_rows_ = divide_up(g.out_height, divide_up(g.out_height, std::max<int64_t>(rows, 1)));
  }
}

int64_t DirectWeightGradient::weight_sums_floats() const {
  return geometry_.groups * panel_floats(depth_, group_outputs_);
}

int64_t DirectWeightGradient::chunk_floats() const {
  return weight_sums_floats() + bias_sums_floats(geometry_.out_channels);
}

int64_t DirectWeightGradient::copy_floats() const {
  if (packs_input_) {
    const int64_t pixels = band_images_ * band_rows_ * geometry_.out_width;
    return runtime::round_up_to_line(pixels * geometry_.in_channels);
  }
  return runtime::round_up_to_line(band_images_ *
                                   copied_floats(source_, spanned(vertical_, band_rows_)));
}

int64_t DirectWeightGradient::slot_floats() const {
  return copy_floats() + band_images_ * band_rows_ * geometry_.out_width * kPanelBlockFloats;
}

int64_t DirectWeightGradient::scratch_floats(int threads) const {
  return chunks_.count() * chunk_floats() + threads * slot_floats();
}

// Whether the gradient is the sums of the only chunk, in whole vectors. Several bands read them
// again, and rows at multiples of 4 KB would leave the cache before.
bool DirectWeightGradient::sums_in_place(const WeightGradientArguments& a) const {
  constexpr int64_t kMostLanes = 16;
  const bool one_band = geometry_.batch * geometry_.out_height <= band_images_ * band_rows_;
  return chunks_.count() == 1 && !a.accumulate && group_outputs_ % kMostLanes == 0 &&
         (one_band || geometry_.out_channels % kAliasedFloats != 0);
}

void DirectWeightGradient::run_share(const WeightGradientArguments& a, const Share& share) const {
  const Conv2dGeometry& g = geometry_;
  const Conv2dGradientKernels& kernel = kernels(*a.kernels);
  float* const sums = a.scratch + share.chunk * chunk_floats();
  float* const bias_sums = sums + weight_sums_floats();
  if (share.with_bias) std::fill_n(bias_sums, bias_sums_floats(g.out_channels), 0.0f);
  const int64_t row_floats = g.out_width * g.out_channels;
  WeightGradientBand band = {};
  band.source = source_;
  band.horizontal = horizontal_;
  band.groups = g.groups;
  band.group_inputs = group_inputs_;
  band.group_outputs = group_outputs_;
  band.gradient_image_floats = g.out_height * row_floats;
  band.columns = g.out_width;
  band.input_end = a.x + g.batch * g.in_height * g.in_width * g.in_channels;
  band.gradient_end = a.grad_output + g.batch * g.out_height * row_floats;
  band.first_block = share.first_block;
  band.last_block = share.last_block;
  band.reads_pixels = reads_pixels_;
  band.packs_input = packs_input_;
  band.input_copy = share.slot;
  band.gradient_panel = share.slot + copy_floats();
  band.sums = sums;
  if (sums_in_place(a)) {
    band.sums = a.grad_weight;
    band.sums_step = g.out_channels;
  }
  band.first = true;
  const int64_t begin = chunks_.first_row(share.chunk), end = chunks_.first_row(share.chunk + 1);
  // Bands of one image are equal parts of the chunk.
  const int64_t most_rows =
      g.batch == 1 ? divide_up(end - begin, divide_up(end - begin, band_rows_)) : band_rows_;
  for (int64_t row = begin; row < end; row += band.images * band.rows) {
    const int64_t image = row / g.out_height, top = row % g.out_height, left = end - row;
    band.rows = std::min({most_rows, g.out_height - top, left});
    band.images = band.rows == g.out_height ? std::min(band_images_, left / g.out_height) : 1;
    band.vertical = vertical_;
    band.vertical.origin += top * vertical_.stride;
    band.input = a.x + image * g.in_height * g.in_width * g.in_channels;
    band.gradient = a.grad_output + row * row_floats;
    // Summed first, because it reads the band in order, which brings it into a cache. The tiles
    // skip from pixel to pixel.
    if (share.with_bias) {
      kernel.add_bias_gradient(band.gradient, band.images * band.rows, g.out_width, g.out_channels,
                               bias_sums);
    }
    if (a.grad_weight) kernel.add_weight_gradient(band);
    band.first = false;
  }
}

void DirectWeightGradient::run(const WeightGradientArguments& a) const {
  const Conv2dGeometry& g = geometry_;
  if (g.batch == 0) {
    if (a.grad_weight && !a.accumulate) std::fill_n(a.grad_weight, depth_ * g.out_channels, 0.0f);
    if (a.grad_bias && !a.accumulate) std::fill_n(a.grad_bias, g.out_channels, 0.0f);
    return;
  }
  float* const slots = a.scratch + chunks_.count() * chunk_floats();
  const int64_t blocks = g.groups * direct_kernels(group_outputs_).blocks(group_outputs_);
  // Threads divide the column blocks of each chunk if there are more threads than chunks, or if
  // the chunks alone could not be shared evenly.
  const int64_t chunks = chunks_.count(), least_parts = divide_up(a.threads, chunks);
  const bool even = chunks * least_parts % a.threads == 0;
  const int64_t parts = std::clamp<int64_t>(
      even ? least_parts : divide_up(kSharesPerThread * a.threads, chunks), 1, blocks);
  const int64_t multiply_adds =
      g.batch * g.out_height / chunks_.count() * g.out_width * depth_ * g.out_channels / parts;
  const int64_t grain = kGrainMultiplyAdds / std::max<int64_t>(1, multiply_adds) + 1;
  runtime::parallel_for(a.threads, chunks_.count() * parts, grain,
                        [&](int64_t begin, int64_t end, int slot) {
                          for (int64_t i = begin; i < end; ++i) {
                            const int64_t chunk = i / parts, part = i % parts;
                            run_share(a, {chunk, blocks * part / parts, blocks * (part + 1) / parts,
                                          a.grad_bias && part == 0, slots + slot * slot_floats()});
                          }
                        });
  reduce(a);
}

// Adds up the sums of all chunks.
void DirectWeightGradient::reduce(const WeightGradientArguments& a) const {
  const Conv2dGeometry& g = geometry_;
  const Conv2dGradientKernels& kernel = kernels(*a.kernels);
  if (a.grad_weight && !sums_in_place(a)) {
    const int64_t group_floats = panel_floats(depth_, group_outputs_);
    const int64_t reduce_grain = runtime::kGrainElements / (chunks_.count() * group_outputs_) + 1;
    runtime::parallel_for(
        a.threads, g.groups * depth_, reduce_grain, [&](int64_t begin, int64_t end, int) {
          while (begin < end) {
            const int64_t group = begin / depth_, first = begin % depth_;
            const int64_t last = std::min(depth_, first + end - begin);
            const WeightSums sums{a.scratch + group * group_floats, chunks_.count(), chunk_floats(),
                                  depth_, group_outputs_};
            kernel.reduce(sums, first, last, a.accumulate, a.grad_weight + group * group_outputs_,
                          g.out_channels);
            begin += last - first;
          }
        });
  }
  if (a.grad_bias) {
    kernel.reduce_bias_gradient(a.scratch + weight_sums_floats(), chunks_.count(), chunk_floats(),
                                g.out_channels, a.accumulate, a.grad_bias);
  }
}

}  // namespace

std::unique_ptr<const Conv2dWeightGradient> make_direct_weight_gradient(
    const Conv2dGeometry& geometry) {
  return std::make_unique<DirectWeightGradient>(geometry);
}

}  // namespace cnnx::ops
