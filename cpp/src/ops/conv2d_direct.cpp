// The direct algorithm of conv2d, which computes every product of the formula: packs the weights,
// divides images into bands of rows, distributes them to threads.
#include "ops/conv2d_direct.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/activations.h"
#include "kernels/max_pool2x2.h"
#include "ops/conv2d_algorithms.h"
#include "ops/shared_rows.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Source and target rows of a band, and the weights in use, stay in the second-level cache (1 MB on
// Zen 4). A band has at least so many pixels that fetching the weights into the cache pays off.
constexpr int64_t kBandFloats = 48 * 1024, kLeastBandPixels = 128;
// Of a register tile.
constexpr int64_t kTilePixels = 14;

// A megabyte of panels: half of a second-level cache or all of it.
constexpr int64_t kSharedPanelsFloats = 256 * 1024;
// Panels that take longer to read than a second thread takes to begin.
constexpr int64_t kLeastSharedFloats = 16 * 1024;

// Columns of the source that any window reads from memory.
void set_columns(const std::vector<ConvolutionPass>& passes, WindowedImage& source) {
  source.first_column = 0;
  source.last_column = source.width;
  const bool reads_in_place =
      std::all_of(passes.begin(), passes.end(), [&](const ConvolutionPass& pass) {
        return outside_by_one_tap(pass.horizontal, pass.columns, source.width);
      });
  if (reads_in_place) return;
  for (const ConvolutionPass& pass : passes) {
    source.first_column = std::min(source.first_column, pass.horizontal.origin);
    source.last_column =
        std::max(source.last_column, last_place(pass.horizontal, pass.columns) + 1);
  }
}

}  // namespace

const Conv2dKernels& direct_kernels([[maybe_unused]] int64_t group_outputs) {
  CNNX_IF_AVX512(if (fits_half_a_vector(group_outputs) &&
                     runtime::active_isa() == runtime::Isa::avx512) return avx2::conv2d_kernels;)
  return CNNX_KERNELS(conv2d_kernels);
}

namespace {

class DirectConvolution final : public Conv2dPass {
 public:
  DirectConvolution(const Conv2dGeometry& geometry, PassDirection direction);

  int64_t packed_floats() const override;
  void pack_weights(const float* weight, int threads, float* packed) const override;
  int64_t scratch_floats(int threads) const override { return threads * slot_floats(); }
  void run(const float* source, const float* weight, const float* packed, const Epilogue& epilogue,
           int threads, float* scratch, float* target) const override;
  bool pools() const override { return !g_.flipped; }
  bool adds() const override { return !g_.flipped && !runs_along_pixels(convolution()); }
  bool adds_in_place() const override { return false; }

 private:
  Convolution convolution() const;
  const Conv2dKernels& kernels() const;
  int64_t pass_rows() const { return divide_up(g_.target_height, g_.step.height); }
  int64_t band_rows() const;
  SharedRows shared_rows(int64_t unit_rows) const;
  int64_t most_band_rows() const;
  int64_t copy_floats() const;
  int64_t slot_floats() const;
  int64_t part_count(int threads, bool whole) const;
  void run_pooled(const float* source, const float* packed, const Epilogue& epilogue, int threads,
                  float* scratch, float* target) const;
  // Units of an image, blocks of output channels, and a thread's scratch.
  struct Share {
    int64_t image, first, last, first_block, last_block;
    float* slot;
  };
  template <class Convolve>
  void for_each_band(int threads, int64_t unit_rows, int64_t parts, float* scratch,
                     const Convolve& convolve) const;

  PassGeometry g_;
  WindowedImage source_;
  std::vector<ConvolutionPass> passes_;  // every pair of phases
};

DirectConvolution::DirectConvolution(const Conv2dGeometry& geometry, PassDirection direction)
    : g_(pass_geometry(geometry, direction)),
      source_{g_.source_height, g_.source_width, g_.source_channels, 0, 0} {
  int64_t offset = 0;
  for (const Phase& v : g_.vertical) {
    for (const Phase& h : g_.horizontal) {
      for (const Segment& s : column_segments(h, g_.source_width)) {
        const WindowAxis window = {
            h.window.origin + s.first * h.window.stride + s.first_tap * h.window.dilation,
            h.window.stride, s.taps, h.window.dilation};
        passes_.push_back({v.window, window, v.count, s.count, v.first,
                           h.first + s.first * g_.step.width, offset, s.first_tap, h.window.taps});
      }
      offset += g_.groups *
                panel_floats(v.window.taps * h.window.taps * g_.group_inputs, g_.group_outputs);
    }
  }
  set_columns(passes_, source_);
}

Convolution DirectConvolution::convolution() const {
  return {source_,
          g_.target_width,
          g_.target_channels,
          g_.step.height,
          g_.step.width,
          g_.groups,
          g_.group_inputs,
          g_.group_outputs,
          passes_.data(),
          static_cast<int64_t>(passes_.size())};
}

const Conv2dKernels& DirectConvolution::kernels() const {
  return runs_along_pixels(convolution()) ? CNNX_KERNELS(conv2d_kernels)
                                          : direct_kernels(g_.group_outputs);
}

// Of a band, in rows of passes. Every phase has its rows in the same band, so that one copy of the
// source serves all phases.
int64_t DirectConvolution::band_rows() const {
  const int64_t stride = g_.vertical.empty() ? 1 : g_.vertical.front().window.stride;
  const int64_t row_floats = std::min(stride, source_.height) * source_.width * source_.channels +
                             g_.step.height * g_.target_row_floats();
  const int64_t least = kLeastBandPixels / std::max<int64_t>(1, g_.target_width / g_.step.width);
  return std::max<int64_t>({1, least, kBandFloats / row_floats});
}

// In units of so many rows.
SharedRows DirectConvolution::shared_rows(int64_t unit_rows) const {
  const int64_t row_pixels = std::max<int64_t>(1, g_.target_width / g_.step.width);
  const int64_t row_multiply_adds = g_.image_multiply_adds() / std::max<int64_t>(1, pass_rows());
  return SharedRows::of_work(pass_rows() / unit_rows,
                             divide_up(kTilePixels, unit_rows * row_pixels),
                             unit_rows * row_multiply_adds, band_rows() / unit_rows);
}

int64_t DirectConvolution::packed_floats() const {
  const int64_t taps = g_.kernel_size.height * g_.kernel_size.width;
  return runtime::round_up_to_line(g_.groups *
                                   panel_floats(taps * g_.group_inputs, g_.group_outputs));
}

// An upper bound of the rows of a band; pairs of rows may add one.
int64_t DirectConvolution::most_band_rows() const {
  const int64_t shared =
      std::max(shared_rows(1).most_band_rows(), 2 * shared_rows(2).most_band_rows());
  return std::min(pass_rows(), std::max(band_rows(), shared)) + 1;
}

int64_t DirectConvolution::copy_floats() const {
  const int64_t rows = most_band_rows();
  int64_t first = INT64_MAX, last = INT64_MIN;
  for (const Phase& v : g_.vertical) {
    first = std::min(first, v.window.origin);
    last = std::max(last, v.window.origin + spanned(v.window, rows));
  }
  // Vectors along the pixels come in pairs and read past the last pixel.
  constexpr int64_t kSlack = 32;
  return g_.vertical.empty()
             ? 0
             : runtime::round_up_to_line(std::max(copied_floats(source_, last - first),
                                                  pixel_copy_floats(convolution()))) +
                   kSlack;
}

// A copy of source rows and, for pooling, the rows of the band.
int64_t DirectConvolution::slot_floats() const {
  const int64_t pooled = g_.flipped ? 0 : most_band_rows() * g_.target_row_floats();
  return copy_floats() + runtime::round_up_to_line(pooled);
}

// A pass's panels hold its taps in the order of its windows.
void DirectConvolution::pack_weights(const float* weight, int threads, float* panels) const {
  const Conv2dKernels& kernel = kernels();
  const int64_t blocks = kernel.blocks(g_.group_outputs);
  const int64_t group_step = g_.flipped ? g_.group_inputs : g_.group_outputs;
  const int64_t grain = kGrainPacked * blocks / (g_.group_inputs * g_.group_outputs) + 1;
  for (const Phase& v : g_.vertical) {
    for (const Phase& h : g_.horizontal) {
      const int64_t taps = v.window.taps * h.window.taps;
      const int64_t group_floats = panel_floats(taps * g_.group_inputs, g_.group_outputs);
      const auto pack_blocks = [&](int64_t begin, int64_t end, int) {
        while (begin < end) {
          const int64_t group = begin / blocks / taps, tap = begin / blocks % taps;
          const int64_t first = begin % blocks, last = std::min(blocks, first + end - begin);
          const int64_t row = v.kernel_first + tap / h.window.taps * v.kernel_step;
          const int64_t column = h.kernel_first + tap % h.window.taps * h.kernel_step;
          const float* from =
              weight + (row * g_.kernel_size.width + column) * g_.tap_floats() + group * group_step;
          kernel.pack_tap({from, tap, taps, g_.group_inputs, g_.flipped ? 1 : g_.target_channels,
                           g_.group_outputs, g_.flipped ? g_.source_channels : 1},
                          first, last, panels + group * group_floats);
          begin += last - first;
        }
      };
      runtime::parallel_for(threads, g_.groups * taps * blocks, grain, pack_blocks);
      panels += g_.groups * group_floats;
    }
  }
}

// Calls convolve(share) for every band of every image, in units of so many rows, and every one of
// `parts` parts of the blocks of output channels.
template <class Convolve>
void DirectConvolution::for_each_band(int threads, int64_t unit_rows, int64_t parts, float* scratch,
                                      const Convolve& convolve) const {
  const SharedRows rows =
      parts > 1 ? SharedRows(pass_rows(), band_rows(), band_rows()) : shared_rows(unit_rows);
  const int64_t all_rows = g_.batch * rows.parts();
  if (all_rows == 0) return;
  const int64_t blocks = g_.groups * kernels().blocks(g_.group_outputs);
  const int64_t multiply_adds = g_.image_multiply_adds() / (rows.parts() * parts);
  const int64_t grain = kGrainMultiplyAdds / std::max<int64_t>(1, multiply_adds) + 1;
  const auto convolve_shares = [&](int64_t begin, int64_t end, int slot) {
    for (int64_t i = begin, last; i < end; i = last) {
      const int64_t part = i / all_rows, before = part * all_rows;
      last = std::min(end, before + all_rows);
      // Blocks that read the same band are computed together.
      if (all_rows == 1) last = end;
      const int64_t last_part = divide_up(last, all_rows);
      rows.for_each_band(i - before, std::min(last - before, all_rows),
                         [&](int64_t image, int64_t first_unit, int64_t last_unit) {
                           convolve({image, first_unit, last_unit, blocks * part / parts,
                                     blocks * last_part / parts, scratch + slot * slot_floats()});
                         });
    }
  };
  runtime::parallel_for(threads, parts * all_rows, grain, convolve_shares);
}

// With many panels, or more of them than pixels, threads share the blocks of output channels, so
// that each thread reads the panels that it packed. `whole`: a band's pixels must stay in one
// thread, which applies more to them.
int64_t DirectConvolution::part_count(int threads, bool whole) const {
  const int64_t image_floats = g_.batch * (g_.source_floats() + g_.target_floats());
  const bool few = packed_floats() < kSharedPanelsFloats &&
                   (packed_floats() < kLeastSharedFloats || packed_floats() < image_floats);
  if (whole || few) return 1;
  const int64_t blocks = g_.groups * kernels().blocks(g_.group_outputs);
  const bool one_band = g_.batch == 1 && pass_rows() <= band_rows();
  return one_band || divides_unevenly(blocks, threads) ? blocks
                                                       : std::min<int64_t>(threads, blocks);
}

void DirectConvolution::run_pooled(const float* source, const float* packed,
                                   const Epilogue& epilogue, int threads, float* scratch,
                                   float* target) const {
  const Conv2dKernels& kernel = kernels();
  const auto pool = CNNX_KERNELS(max_pool2x2_kernels).forward;
  const Convolution shape = convolution();
  const bool along_pixels = runs_along_pixels(shape);
  const int64_t pooled_height = g_.target_height / 2, pooled_width = g_.target_width / 2;
  for_each_band(threads, 2, 1, scratch, [&](const Share& s) {
    const int64_t pixel = (s.image * pooled_height + s.first) * pooled_width;
    float* const pooled = target + pixel * g_.target_channels;
    uint8_t* const argmax =
        epilogue.argmax ? epilogue.argmax + pixel * argmax_step(g_.target_channels) : nullptr;
    ConvolutionBand band = {source + s.image * g_.source_floats(),
                            packed,
                            epilogue.bias,
                            false,
                            epilogue.relu && along_pixels,
                            2 * s.first,
                            2 * s.last,
                            s.first_block,
                            s.last_block,
                            s.slot,
                            along_pixels ? pooled : s.slot + copy_floats(),
                            2 * s.first};
    if (along_pixels) return kernel.convolve_pooled(shape, band, argmax);
    kernel.convolve(shape, band);
    pool({s.last - s.first, g_.target_width, g_.target_channels}, band.target, epilogue.relu,
         pooled, argmax);
  });
}

void DirectConvolution::run(const float* source, const float*, const float* packed,
                            const Epilogue& epilogue, int threads, float* scratch,
                            float* target) const {
  if (epilogue.pool) return run_pooled(source, packed, epilogue, threads, scratch, target);
  const auto convolve = kernels().convolve;
  const auto mask = CNNX_KERNELS(activation_kernels).relu_gradient;
  const Convolution shape = convolution();
  const int64_t row_floats = g_.target_row_floats();
  const bool clears = g_.has_gaps() && !epilogue.accumulate;
  const auto convolve_share = [&](const Share& s) {
    const int64_t image_floats = s.image * g_.target_floats();
    const int64_t begin = image_floats + s.first * g_.step.height * row_floats;
    const int64_t end =
        image_floats + std::min(s.last * g_.step.height, g_.target_height) * row_floats;
    if (clears) {
      fill_unseen(target + begin, target + end, epilogue.bias, epilogue.relu, epilogue.ceiling,
                  g_.target_channels);
    }
    convolve(shape, {source + s.image * g_.source_floats(), packed, epilogue.bias,
                     epilogue.accumulate, epilogue.relu, s.first, s.last, s.first_block,
                     s.last_block, s.slot, target + image_floats, 0,
                     epilogue.addend ? epilogue.addend + image_floats : nullptr, epilogue.ceiling});
    if (epilogue.relu_output) {
      mask(target + begin, epilogue.relu_output + begin, end - begin, {kNoCeiling}, false,
           target + begin);
    }
  };
  for_each_band(threads, 1, part_count(threads, clears || epilogue.relu_output), scratch,
                convolve_share);
}

Conv2dGeometry as_column(Conv2dGeometry g) {
  g.in_height = g.out_height = g.in_height * g.in_width;
  g.in_width = g.out_width = 1;
  return g;
}

// A 1x1 kernel: an image as a column of pixels, which threads share at any pixel. Only pooling
// needs its rows.
class PointwiseConvolution final : public Conv2dPass {
 public:
  PointwiseConvolution(const Conv2dGeometry& geometry, PassDirection direction)
      : rows_(geometry, direction), column_(as_column(geometry), direction) {}

  int64_t packed_floats() const override { return column_.packed_floats(); }
  void pack_weights(const float* weight, int threads, float* packed) const override {
    column_.pack_weights(weight, threads, packed);
  }
  int64_t scratch_floats(int threads) const override {
    return std::max(rows_.scratch_floats(threads), column_.scratch_floats(threads));
  }
  void run(const float* source, const float* weight, const float* packed, const Epilogue& epilogue,
           int threads, float* scratch, float* target) const override {
    (epilogue.pool ? rows_ : column_)
        .run(source, weight, packed, epilogue, threads, scratch, target);
  }
  bool pools() const override { return rows_.pools(); }
  bool adds() const override { return column_.adds(); }
  bool adds_in_place() const override { return column_.adds_in_place(); }

 private:
  DirectConvolution rows_, column_;
};

}  // namespace

std::unique_ptr<const Conv2dPass> make_direct_pass(const Conv2dGeometry& geometry,
                                                   PassDirection direction) {
  if (is_pointwise(geometry)) return std::make_unique<PointwiseConvolution>(geometry, direction);
  return std::make_unique<DirectConvolution>(geometry, direction);
}

}  // namespace cnnx::ops
