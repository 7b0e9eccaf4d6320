// Direct convolution, forward and input gradient: packs the weights, cuts images into bands of
// rows, shares them out.
#include "ops/conv2d_direct.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "kernels/activations.h"
#include "kernels/max_pool2x2.h"
#include "ops/conv2d_narrow.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Source and target rows of a band, and what of the weights is in use, stay in the second-level
// cache (1 MB on Zen 4), unless that were too few pixels to pay for the weights' way into it.
constexpr int64_t kBandFloats = 48 * 1024, kLeastBandPixels = 128;

// A megabyte of panels: half a second-level cache or all of it.
constexpr int64_t kSharedPanelsFloats = 256 * 1024;

// Columns of the source that any window reads from memory.
void set_columns(const std::vector<Phase>& phases, WindowedImage& source) {
  source.first_column = 0;
  source.last_column = source.width;
  const bool reads_in_place = std::all_of(phases.begin(), phases.end(), [&](const Phase& phase) {
    return outside_by_one_tap(phase.window, phase.count, source.width);
  });
  if (reads_in_place) return;
  for (const Phase& phase : phases) {
    source.first_column = std::min(source.first_column, phase.window.origin);
    source.last_column = std::max(source.last_column, last_place(phase.window, phase.count) + 1);
  }
}

}  // namespace

const Conv2dKernels& direct_kernels(int64_t group_outputs) {
#if defined(__x86_64__) || defined(_M_X64)
  if (fits_half_a_vector(group_outputs) && runtime::active_isa() == runtime::Isa::avx512)
    return avx2::conv2d_kernels;
#endif
  static_cast<void>(group_outputs);
  return CNNX_KERNELS(conv2d_kernels);
}

DirectConvolution::DirectConvolution(const Conv2dGeometry& g, std::vector<Phase> vertical,
                                     std::vector<Phase> horizontal, bool transposed)
    : geometry_(g),
      vertical_(std::move(vertical)),
      horizontal_(std::move(horizontal)),
      transposed_(transposed) {
  const WindowedImage input = {g.in_height, g.in_width, g.in_channels, 0, 0};
  const WindowedImage output = {g.out_height, g.out_width, g.out_channels, 0, 0};
  const WindowedImage& target = transposed ? input : output;
  source_ = transposed ? output : input;
  set_columns(horizontal_, source_);
  target_height_ = target.height;
  target_width_ = target.width;
  target_channels_ = target.channels;
  step_ = transposed ? g.stride : Pair{};
  group_inputs_ = source_.channels / g.groups;
  group_outputs_ = target_channels_ / g.groups;
  covers_target_ = covered(vertical_) == target_height_ && covered(horizontal_) == target_width_;
  int64_t offset = 0;
  for (const Phase& v : vertical_) {
    for (const Phase& h : horizontal_) {
      passes_.push_back({v.window, h.window, v.count, h.count, v.first, h.first, offset});
      offset +=
          g.groups * panel_floats(v.window.taps * h.window.taps * group_inputs_, group_outputs_);
    }
  }
}

DirectConvolution DirectConvolution::forward(const Conv2dGeometry& g) {
  return DirectConvolution(
      g,
      {forward_phase(g.out_height, g.top, g.stride.height, g.kernel_size.height,
                     g.dilation.height)},
      {forward_phase(g.out_width, g.left, g.stride.width, g.kernel_size.width, g.dilation.width)},
      false);
}

DirectConvolution DirectConvolution::input_gradient(const Conv2dGeometry& g) {
  return DirectConvolution(
      g,
      gradient_phases(g.in_height, g.top, g.stride.height, g.kernel_size.height, g.dilation.height),
      gradient_phases(g.in_width, g.left, g.stride.width, g.kernel_size.width, g.dilation.width),
      true);
}

Convolution DirectConvolution::convolution() const {
  return {source_,          target_width_,
          target_channels_, step_.height,
          step_.width,      geometry_.groups,
          group_inputs_,    group_outputs_,
          passes_.data(),   static_cast<int64_t>(passes_.size())};
}

const Conv2dKernels& DirectConvolution::kernels() const {
  return runs_along_pixels(convolution()) ? CNNX_KERNELS(conv2d_kernels)
                                          : direct_kernels(group_outputs_);
}

// Bands of each image, in rows of passes: every phase has its rows in the same band, so that one
// copy serves all.
int64_t DirectConvolution::band_count(int threads) const {
  const int64_t rows = divide_up(target_height_, step_.height);
  const int64_t stride = vertical_.empty() ? 1 : vertical_.front().window.stride;
  const int64_t row_floats = std::min(stride, source_.height) * source_.width * source_.channels +
                             step_.height * target_width_ * target_channels_;
  const int64_t least =
      std::max<int64_t>(1, kLeastBandPixels / std::max<int64_t>(1, target_width_ / step_.width));
  const int64_t for_cache = divide_up(rows, std::max(least, kBandFloats / row_floats));
  const int64_t for_threads = divide_up(threads, std::max<int64_t>(1, geometry_.batch));
  return std::min(rows, std::max(for_cache, for_threads));
}

int64_t DirectConvolution::panels_floats() const {
  const int64_t taps = geometry_.kernel_size.height * geometry_.kernel_size.width;
  return runtime::round_up_to_line(geometry_.groups *
                                   panel_floats(taps * group_inputs_, group_outputs_));
}

// Rows of a band, one more than it has where pairs of rows are shared out.
int64_t DirectConvolution::most_band_rows() const {
  return divide_up(divide_up(target_height_, step_.height), band_count(1)) + 1;
}

int64_t DirectConvolution::copy_floats() const {
  const int64_t rows = most_band_rows();
  int64_t first = INT64_MAX, last = INT64_MIN;
  for (const Phase& v : vertical_) {
    first = std::min(first, v.window.origin);
    last = std::max(last, v.window.origin + spanned(v.window, rows));
  }
  // Vectors along the pixels come in twos, and read past the last one.
  constexpr int64_t kSlack = 32;
  return vertical_.empty()
             ? 0
             : runtime::round_up_to_line(std::max(copied_floats(source_, last - first),
                                                  pixel_copy_floats(convolution()))) +
                   kSlack;
}

// A copy of source rows and, for the rows that are pooled, the band itself.
int64_t DirectConvolution::slot_floats() const {
  const int64_t pooled = transposed_ ? 0 : most_band_rows() * target_width_ * target_channels_;
  return copy_floats() + runtime::round_up_to_line(pooled);
}

int64_t DirectConvolution::scratch_floats(int threads) const { return threads * slot_floats(); }

// A pass's panels hold its taps in the order of its windows.
void DirectConvolution::pack(const float* weight, int threads, float* panels) const {
  const Conv2dGeometry& g = geometry_;
  const Conv2dKernels& kernel = kernels();
  const int64_t blocks = kernel.blocks(group_outputs_);
  const int64_t tap_floats = g.in_channels / g.groups * g.out_channels;
  const int64_t grain = kGrainPacked * blocks / (group_inputs_ * group_outputs_) + 1;
  for (const Phase& v : vertical_) {
    for (const Phase& h : horizontal_) {
      const int64_t taps = v.window.taps * h.window.taps;
      const int64_t group_floats = panel_floats(taps * group_inputs_, group_outputs_);
      const auto pack_blocks = [&](int64_t begin, int64_t end, int) {
        while (begin < end) {
          const int64_t group = begin / blocks / taps, tap = begin / blocks % taps;
          const int64_t first = begin % blocks, last = std::min(blocks, first + end - begin);
          const int64_t row = v.kernel_first + tap / h.window.taps * v.kernel_step;
          const int64_t column = h.kernel_first + tap % h.window.taps * h.kernel_step;
          const float* from = weight + (row * g.kernel_size.width + column) * tap_floats +
                              group * (g.out_channels / g.groups);
          kernel.pack_tap({from, tap, taps, group_inputs_, transposed_ ? 1 : g.out_channels,
                           group_outputs_, transposed_ ? g.out_channels : 1},
                          first, last, panels + group * group_floats);
          begin += last - first;
        }
      };
      runtime::parallel_for(threads, g.groups * taps * blocks, grain, pack_blocks);
      panels += g.groups * group_floats;
    }
  }
}

// convolve(share) for every band of `units` units per image and every one of `parts` parts of the
// blocks of output channels.
template <class Convolve>
void DirectConvolution::for_each_band(int threads, int64_t units, int64_t parts, float* scratch,
                                      const Convolve& convolve) const {
  const Conv2dGeometry& g = geometry_;
  const int64_t bands = std::min(units, band_count(threads)), all_bands = g.batch * bands;
  if (all_bands == 0) return;
  const int64_t blocks = g.groups * kernels().blocks(group_outputs_);
  const int64_t products = g.out_height * g.out_width * g.out_channels * g.kernel_size.height *
                           g.kernel_size.width * (g.in_channels / g.groups) / (bands * parts);
  const int64_t grain = kGrainProducts / std::max<int64_t>(1, products) + 1;
  const auto convolve_shares = [&](int64_t begin, int64_t end, int slot) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t part = i / all_bands, image = i % all_bands / bands, band = i % bands;
      convolve({image, units * band / bands, units * (band + 1) / bands, blocks * part / parts,
                blocks * (part + 1) / parts, scratch + slot * slot_floats()});
    }
  };
  runtime::parallel_for(threads, parts * all_bands, grain, convolve_shares);
}

// Threads share out the blocks of output channels where the panels are so many that each had better
// keep to its own, which it also packed; `whole` says that more is done with a band's pixels.
int64_t DirectConvolution::part_count(int threads, bool whole) const {
  if (whole || panels_floats() < kSharedPanelsFloats) return 1;
  return std::min<int64_t>(threads, geometry_.groups * kernels().blocks(group_outputs_));
}

void DirectConvolution::run_pooled(const float* source, const float* panels,
                                   const Epilogue& epilogue, int threads, float* scratch,
                                   float* target) const {
  const Conv2dKernels& kernel = kernels();
  const auto pool = CNNX_KERNELS(max_pool2x2_kernels).forward;
  const Convolution shape = convolution();
  const bool along_pixels = runs_along_pixels(shape);
  const int64_t source_floats = source_.height * source_.width * source_.channels;
  const int64_t pooled_height = target_height_ / 2, pooled_width = target_width_ / 2;
  for_each_band(threads, pooled_height, 1, scratch, [&](const Share& s) {
    const int64_t pixel = (s.image * pooled_height + s.first) * pooled_width;
    float* const pooled = target + pixel * target_channels_;
    uint8_t* const argmax =
        epilogue.argmax ? epilogue.argmax + pixel * argmax_step(target_channels_) : nullptr;
    ConvolutionBand band = {source + s.image * source_floats,
                            panels,
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
    pool({s.last - s.first, target_width_, target_channels_}, band.target, epilogue.relu, pooled,
         argmax);
  });
}

void DirectConvolution::run(const float* source, const float* panels, const Epilogue& epilogue,
                            int threads, float* scratch, float* target) const {
  if (epilogue.pool) return run_pooled(source, panels, epilogue, threads, scratch, target);
  const auto convolve = kernels().convolve;
  const auto mask = CNNX_KERNELS(activation_kernels).relu->backward;
  const Convolution shape = convolution();
  const int64_t source_floats = source_.height * source_.width * source_.channels;
  const int64_t row_floats = target_width_ * target_channels_;
  const bool clears = !covers_target_ && !epilogue.accumulate;
  const auto convolve_share = [&](const Share& s) {
    const int64_t image_floats = s.image * target_height_ * row_floats;
    const int64_t begin = image_floats + s.first * step_.height * row_floats;
    const int64_t end = image_floats + std::min(s.last * step_.height, target_height_) * row_floats;
    if (clears) {
      fill_unseen(target + begin, target + end, epilogue.bias, epilogue.relu, target_channels_);
    }
    convolve(shape, {source + s.image * source_floats, panels, epilogue.bias, epilogue.accumulate,
                     epilogue.relu, s.first, s.last, s.first_block, s.last_block, s.slot,
                     target + image_floats, 0});
    if (epilogue.relu_output) {
      mask(target + begin, epilogue.relu_output + begin, end - begin, 0.0f, false, target + begin);
    }
  };
  for_each_band(threads, divide_up(target_height_, step_.height),
                part_count(threads, clears || epilogue.relu_output), scratch, convolve_share);
}

namespace {

class DirectAlgorithm final : public Conv2dAlgorithm {
 public:
  explicit DirectAlgorithm(const Conv2dGeometry& geometry)
      : forward_(DirectConvolution::forward(geometry)),
        input_gradient_(DirectConvolution::input_gradient(geometry)),
        weight_gradient_(geometry) {
    if (NarrowInputGradient::suits(geometry)) narrow_input_gradient_.emplace(geometry);
  }
  int64_t packed_floats() const override { return forward_.panels_floats(); }
  void pack_weights(const float* weight, int threads, float* packed) const override {
    forward_.pack(weight, threads, packed);
  }
  int64_t forward_scratch_floats(int threads) const override {
    return forward_.scratch_floats(threads);
  }
  void forward(const float* x, const float*, const float* packed, const Epilogue& epilogue,
               int threads, float* scratch, float* output) const override {
    forward_.run(x, packed, epilogue, threads, scratch, output);
  }
  bool pools() const override { return true; }
  int64_t gradient_packed_floats() const override {
    return narrow_input_gradient_ ? narrow_input_gradient_->panel_size()
                                  : input_gradient_.panels_floats();
  }
  void pack_for_gradient(const float* weight, int threads, float* packed) const override {
    if (narrow_input_gradient_) return narrow_input_gradient_->pack(weight, packed);
    input_gradient_.pack(weight, threads, packed);
  }
  int64_t input_gradient_scratch_floats(int threads) const override {
    return narrow_input_gradient_ ? narrow_input_gradient_->scratch_floats(threads)
                                  : input_gradient_.scratch_floats(threads);
  }
  void input_gradient(const float* grad_output, const float*, const float* packed,
                      const Epilogue& epilogue, int threads, float* scratch,
                      float* grad_input) const override {
    if (narrow_input_gradient_) {
      return narrow_input_gradient_->run(grad_output, packed, epilogue, threads, scratch,
                                         grad_input);
    }
    input_gradient_.run(grad_output, packed, epilogue, threads, scratch, grad_input);
  }
  int64_t weight_gradient_scratch_floats(int threads) const override {
    return weight_gradient_.scratch_floats(threads);
  }
  void weight_gradient(const GradientKernels& kernels, const float* x, const float* grad_output,
                       bool accumulate, int threads, float* scratch, float* grad_weight,
                       float* grad_bias) const override {
    weight_gradient_.run(kernels, x, grad_output, accumulate, threads, scratch, grad_weight,
                         grad_bias);
  }

 private:
  DirectConvolution forward_, input_gradient_;
  std::optional<NarrowInputGradient> narrow_input_gradient_;  // replaces the other
  DirectWeightGradient weight_gradient_;
};

}  // namespace

std::unique_ptr<const Conv2dAlgorithm> make_conv2d_direct(const Conv2dGeometry& geometry) {
  return std::make_unique<DirectAlgorithm>(geometry);
}

}  // namespace cnnx::ops
