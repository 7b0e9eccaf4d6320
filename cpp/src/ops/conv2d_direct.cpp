// Direct convolution, forward and input gradient: packs the weights, cuts pictures into bands of
// rows, shares them out.
#include "ops/conv2d_direct.h"

#include <algorithm>
#include <numeric>

#include "ops/conv2d_algorithm.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Source and target rows of a band, and what of the weights is in use, stay in the second-level
// cache (1 MB on Zen 4).
constexpr int64_t kBandFloats = 48 * 1024;
// Products that take about 20 microseconds: below this a second thread costs more than it brings.
constexpr int64_t kGrainProducts = int64_t{1} << 20;
// Weights packed in about that time.
constexpr int64_t kGrainPacked = 32 * 1024;

int64_t divide_up(int64_t value, int64_t by) { return (value + by - 1) / by; }

Phase forward_phase(int64_t output, int64_t before, int64_t stride, int64_t kernel,
                    int64_t dilation) {
  return {0, output, {-before, stride, kernel, dilation}, 0, 1};
}

// Input pixel p meets kernel tap k where p + before - k * dilation is a multiple of the stride.
// With g = gcd(stride, dilation), the taps stride / g apart share their pixels; the largest one
// meets the first grad_output.
std::vector<Phase> gradient_phases(int64_t input, int64_t before, int64_t stride, int64_t kernel,
                                   int64_t dilation) {
  const int64_t common = std::gcd(stride, dilation), period = stride / common;
  std::vector<Phase> phases;
  for (int64_t smallest = 0; smallest < std::min(kernel, period); ++smallest) {
    const int64_t first = ((smallest * dilation - before) % stride + stride) % stride;
    if (first >= input) continue;
    const int64_t taps = (kernel - 1 - smallest) / period + 1;
    const int64_t largest = smallest + (taps - 1) * period;
    phases.push_back({first,
                      (input - 1 - first) / stride + 1,
                      {(first + before - largest * dilation) / stride, 1, taps, dilation / common},
                      largest,
                      -period});
  }
  return phases;
}

int64_t pixels(const std::vector<Phase>& phases) {
  int64_t count = 0;
  for (const Phase& phase : phases) count += phase.count;
  return count;
}

// What windows [begin, end) of any phase see.
Range reach(const std::vector<Phase>& phases, int64_t begin, int64_t end) {
  Range range = {INT64_MAX, INT64_MIN};
  for (const Phase& phase : phases) {
    const int64_t last = std::min(end, phase.count) - 1;
    if (last < begin) continue;
    const WindowAxis& w = phase.window;
    range.first = std::min(range.first, w.origin + begin * w.stride);
    range.last = std::max(range.last, w.origin + last * w.stride + (w.taps - 1) * w.dilation + 1);
  }
  return range.first < range.last ? range : Range{0, 0};
}

}  // namespace

int64_t band_floats(const PictureShape& shape, int64_t rows, Range columns) {
  if (columns.first >= 0 && columns.last <= shape.width) return 0;
  return std::min(rows, shape.height) * columns.size() * shape.channels;
}

BandRows band_rows(const PictureShape& shape, const float* picture, Range rows, Range columns,
                   float* scratch) {
  const int64_t first = std::clamp<int64_t>(rows.first, 0, shape.height);
  const int64_t count = std::max<int64_t>(std::min(rows.last, shape.height) - first, 0);
  const float* from = picture + first * shape.row_floats();
  if (columns.first >= 0 && columns.last <= shape.width) {
    return {from, first, count, 0, shape.row_floats(), shape.channels};
  }
  const int64_t row_floats = columns.size() * shape.channels;
  const int64_t begin = std::clamp<int64_t>(columns.first, 0, shape.width);
  const int64_t end = std::clamp<int64_t>(columns.last, begin, shape.width);
  const int64_t left = std::min((begin - columns.first) * shape.channels, row_floats);
  const int64_t middle = (end - begin) * shape.channels;
  for (int64_t r = 0; r < count; ++r) {
    float* to = scratch + r * row_floats;
    std::fill(to, to + left, 0.0f);
    const float* row = from + r * shape.row_floats() + begin * shape.channels;
    std::copy(row, row + middle, to + left);
    std::fill(to + left + middle, to + row_floats, 0.0f);
  }
  return {scratch, first, count, columns.first, row_floats, shape.channels};
}

DirectConvolution DirectConvolution::forward(const Conv2dGeometry& g) {
  DirectConvolution plan;
  plan.geometry_ = g;
  plan.source_ = {g.in_height, g.in_width, g.in_channels};
  plan.target_ = {g.out_height, g.out_width, g.out_channels};
  plan.group_inputs_ = g.in_channels / g.groups;
  plan.group_outputs_ = g.out_channels / g.groups;
  plan.vertical_ = {
      forward_phase(g.out_height, g.top, g.stride.height, g.kernel_size.height, g.dilation.height)};
  plan.horizontal_ = {
      forward_phase(g.out_width, g.left, g.stride.width, g.kernel_size.width, g.dilation.width)};
  return plan;
}

DirectConvolution DirectConvolution::input_gradient(const Conv2dGeometry& g) {
  DirectConvolution plan;
  plan.geometry_ = g;
  plan.transposed_ = true;
  plan.source_ = {g.out_height, g.out_width, g.out_channels};
  plan.target_ = {g.in_height, g.in_width, g.in_channels};
  plan.step_ = g.stride;
  plan.group_inputs_ = g.out_channels / g.groups;
  plan.group_outputs_ = g.in_channels / g.groups;
  plan.vertical_ =
      gradient_phases(g.in_height, g.top, g.stride.height, g.kernel_size.height, g.dilation.height);
  plan.horizontal_ =
      gradient_phases(g.in_width, g.left, g.stride.width, g.kernel_size.width, g.dilation.width);
  plan.covers_target_ =
      pixels(plan.vertical_) == g.in_height && pixels(plan.horizontal_) == g.in_width;
  return plan;
}

// Target rows in units of step_.height, so that every phase has its rows in the same band and one
// copy serves all.
DirectConvolution::Bands DirectConvolution::bands(int threads) const {
  const int64_t rows = divide_up(target_.height, step_.height);
  const int64_t stride = vertical_.empty() ? 1 : vertical_.front().window.stride;
  const int64_t row_floats =
      std::min(stride, source_.height) * source_.row_floats() + step_.height * target_.row_floats();
  const int64_t for_cache = divide_up(rows, std::max<int64_t>(1, kBandFloats / row_floats));
  const int64_t for_threads = divide_up(threads, std::max<int64_t>(1, geometry_.batch));
  const int64_t each = divide_up(rows, std::min(rows, std::max(for_cache, for_threads)));
  return {divide_up(rows, each), each};
}

Range DirectConvolution::source_rows(int64_t begin, int64_t end) const {
  return reach(vertical_, begin, end);
}

Range DirectConvolution::source_columns() const { return reach(horizontal_, 0, target_.width); }

int64_t DirectConvolution::panels_floats() const {
  const int64_t taps = geometry_.kernel_size.height * geometry_.kernel_size.width;
  return geometry_.groups * panel_floats(taps * group_inputs_, group_outputs_);
}

int64_t DirectConvolution::scratch_floats(int threads) const {
  const Range rows = source_rows(0, bands(1).rows);
  const int64_t band = band_floats(source_, rows.size(), source_columns());
  return runtime::round_up_to_line(panels_floats()) + threads * runtime::round_up_to_line(band);
}

// Panels follow one another phase by phase; a phase's panels hold its taps in the order of its
// windows.
void DirectConvolution::pack(const float* weight, int threads, float* panels) const {
  const Conv2dGeometry& g = geometry_;
  const auto pack_tap = CNNX_KERNELS(conv2d_kernels).pack_tap;
  const int64_t k_step = transposed_ ? 1 : g.out_channels,
                column_step = transposed_ ? g.out_channels : 1;
  const int64_t tap_floats = g.in_channels / g.groups * g.out_channels;
  const int64_t grain = kGrainPacked / (group_inputs_ * group_outputs_) + 1;
  for (const Phase& v : vertical_) {
    for (const Phase& h : horizontal_) {
      const int64_t taps = v.window.taps * h.window.taps;
      const int64_t group_floats = panel_floats(taps * group_inputs_, group_outputs_);
      runtime::parallel_for(threads, taps * g.groups, grain, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t group = i / taps, tap = i % taps;
          const int64_t row = v.kernel_first + tap / h.window.taps * v.kernel_step;
          const int64_t column = h.kernel_first + tap % h.window.taps * h.kernel_step;
          const float* from = weight + (row * g.kernel_size.width + column) * tap_floats +
                              group * (g.out_channels / g.groups);
          pack_tap(from, tap, taps, group_inputs_, k_step, group_outputs_, column_step,
                   panels + group * group_floats);
        }
      });
      panels += g.groups * group_floats;
    }
  }
}

void DirectConvolution::run_band(const float* source, const float* panels, const float* bias,
                                 bool accumulate, Range rows, float* scratch, float* target) const {
  const auto convolve = CNNX_KERNELS(conv2d_kernels).convolve;
  if (!covers_target_ && !accumulate) {
    const int64_t first = rows.first * step_.height;
    const int64_t last = std::min(rows.last * step_.height, target_.height);
    std::fill(target + first * target_.row_floats(), target + last * target_.row_floats(), 0.0f);
  }
  ConvolutionBand band = {};
  band.input =
      band_rows(source_, source, source_rows(rows.first, rows.last), source_columns(), scratch);
  band.groups = geometry_.groups;
  band.group_inputs = group_inputs_;
  band.group_outputs = group_outputs_;
  band.panels = panels;
  band.bias = bias;
  band.output_row_step = step_.height * target_.row_floats();
  band.output_pixel_step = step_.width * target_.channels;
  band.accumulate = accumulate;
  for (const Phase& v : vertical_) {
    for (const Phase& h : horizontal_) {
      band.vertical = v.window;
      band.vertical.origin += rows.first * v.window.stride;
      band.horizontal = h.window;
      band.rows = std::min(rows.last, v.count) - rows.first;
      band.columns = h.count;
      band.output = target + (v.first + rows.first * step_.height) * target_.row_floats() +
                    h.first * target_.channels;
      if (band.rows > 0) convolve(band);
      band.panels += geometry_.groups *
                     panel_floats(v.window.taps * h.window.taps * group_inputs_, group_outputs_);
    }
  }
}

void DirectConvolution::run(const float* source, const float* weight, const float* bias,
                            bool accumulate, int threads, float* scratch, float* target) const {
  const Conv2dGeometry& g = geometry_;
  float* panels = scratch;
  float* slots = scratch + runtime::round_up_to_line(panels_floats());
  const int64_t slot_floats = (scratch_floats(1) - runtime::round_up_to_line(panels_floats()));
  pack(weight, threads, panels);
  const Bands each = bands(threads);
  const int64_t rows = divide_up(target_.height, step_.height);
  const int64_t products = g.out_height * g.out_width * g.out_channels * g.kernel_size.height *
                           g.kernel_size.width * (g.in_channels / g.groups) / each.count;
  const int64_t grain = kGrainProducts / std::max<int64_t>(1, products) + 1;
  runtime::parallel_for(
      threads, g.batch * each.count, grain, [&](int64_t begin, int64_t end, int slot) {
        for (int64_t i = begin; i < end; ++i) {
          const int64_t picture = i / each.count, first = i % each.count * each.rows;
          run_band(source + picture * source_.floats(), panels, bias, accumulate,
                   {first, std::min(first + each.rows, rows)}, slots + slot * slot_floats,
                   target + picture * target_.floats());
        }
      });
}

namespace {

class DirectAlgorithm final : public Conv2dAlgorithm {
 public:
  explicit DirectAlgorithm(const Conv2dGeometry& geometry)
      : forward_(DirectConvolution::forward(geometry)),
        input_gradient_(DirectConvolution::input_gradient(geometry)),
        weight_gradient_(geometry) {}
  int64_t forward_scratch_floats(int threads) const override {
    return forward_.scratch_floats(threads);
  }
  void forward(const float* x, const float* weight, const float* bias, int threads, float* scratch,
               float* output) const override {
    forward_.run(x, weight, bias, false, threads, scratch, output);
  }
  int64_t input_gradient_scratch_floats(int threads) const override {
    return input_gradient_.scratch_floats(threads);
  }
  void input_gradient(const float* grad_output, const float* weight, bool accumulate, int threads,
                      float* scratch, float* grad_input) const override {
    input_gradient_.run(grad_output, weight, nullptr, accumulate, threads, scratch, grad_input);
  }
  int64_t weight_gradient_scratch_floats(int threads) const override {
    return weight_gradient_.scratch_floats(threads);
  }
  void weight_gradient(const float* x, const float* grad_output, bool accumulate, int threads,
                       float* scratch, float* grad_weight, float* grad_bias) const override {
    weight_gradient_.run(x, grad_output, accumulate, threads, scratch, grad_weight, grad_bias);
  }

 private:
  DirectConvolution forward_, input_gradient_;
  DirectWeightGradient weight_gradient_;
};

}  // namespace

std::unique_ptr<const Conv2dAlgorithm> make_conv2d_direct(const Conv2dGeometry& geometry) {
  return std::make_unique<DirectAlgorithm>(geometry);
}

}  // namespace cnnx::ops
