// The algorithm of conv2d for narrow groups, with vectors along the channels of all groups:
// depthwise without packing or copies, and for groups of several channels with the source spread
// over lanes.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/activations.h"
#include "kernels/conv2d_depthwise.h"
#include "ops/conv2d_algorithms.h"
#include "ops/conv2d_lane_gradient.h"
#include "ops/normalised_rows.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"
#include "runtime/prefetcher.h"

namespace cnnx::ops {
namespace {

// Products that take about 20 microseconds, mostly for memory: with fewer a second thread costs
// more than it saves.
constexpr int64_t kGrainLaneMultiplyAdds = 256 * 1024;

// The source image of a pass in the form for vectors along the target's channels. In a group of
// several channels, each channel is spread over the lanes that need it: a pixel becomes `inputs`
// adjacent pixels of the target's width, and windows have so many times the taps and the stride. A
// band is a few rows of the target, or of each of its phases, that a thread computes at a time.
class LaneSource {
 public:
  explicit LaneSource(const PassGeometry& geometry)
      : g_(geometry),
        spreads_(g_.group_inputs > 1 || g_.group_outputs > 1),
        copied_rows_(find_copied_rows()),
        copied_floats_(find_copied_floats()) {}

  const PassGeometry& geometry() const { return g_; }
  bool spreads() const { return spreads_; }
  int64_t width() const { return g_.source_width * g_.group_inputs; }
  WindowAxis horizontal(const WindowAxis& window) const {
    const int64_t inputs = g_.group_inputs;
    return {window.origin * inputs, window.stride * inputs, window.taps * inputs, window.dilation};
  }
  // With a normalisation, rows are copied even if they are not spread.
  bool copies(const BatchNormForward* normalisation) const { return spreads_ || normalisation; }
  int64_t band_rows(const BatchNormForward* normalisation) const {
    return copies(normalisation) ? copied_rows_ : find_band_rows();
  }
  // Of a thread's scratch.
  int64_t band_floats(const BatchNormForward* normalisation) const {
    return copies(normalisation) ? copied_floats_ : 0;
  }
  int64_t normalised_floats(int threads) const { return spreads_ ? 0 : threads * copied_floats_; }

  // Row 0 of an image, from which target rows [first, last) of any phase read only existing rows:
  // the image itself, or its rows spread or normalised into `scratch`.
  const float* lanes(const float* image, int64_t first, int64_t last,
                     const BatchNormForward* normalisation, float* scratch) const;

 private:
  int64_t row_floats() const { return width() * g_.target_channels; }
  int64_t find_band_rows() const;
  int64_t find_copied_rows() const;
  int64_t find_copied_floats() const;
  std::pair<int64_t, int64_t> rows_read(int64_t first, int64_t last) const;

  PassGeometry g_;
  bool spreads_;
  int64_t copied_rows_, copied_floats_;  // of a band
};

constexpr int64_t kMostRows = 16;

// Few rows, so that the epilogue finds the rows that were just written in a first-level cache and
// phases write beside each other. More rows where rows are too long for that cache, so that few
// rows are read by two bands.
int64_t LaneSource::find_band_rows() const {
  constexpr int64_t kRowsAtOnce = 4;
  const int64_t phases = static_cast<int64_t>(g_.vertical.size());
  const bool few = g_.target_channels < kLongPixel || runtime::foresees_rows();
  return few ? divide_up(kRowsAtOnce, std::max<int64_t>(1, phases)) : kMostRows;
}

// More rows where the source is copied, for the same reason.
int64_t LaneSource::find_copied_rows() const {
  constexpr int64_t kMostFloats = 64 * 1024;
  const int64_t stride = g_.vertical.empty() ? 1 : g_.vertical.front().window.stride;
  return std::clamp<int64_t>(kMostFloats / (row_floats() * stride), 1, kMostRows);
}

int64_t LaneSource::find_copied_floats() const {
  int64_t rows = 0;
  for (const Phase& v : g_.vertical) {
    for (const Phase& w : g_.vertical) {
      rows = std::max(rows, v.window.origin - w.window.origin + spanned(v.window, copied_rows_));
    }
  }
  return runtime::round_up_to_line(std::min(rows, g_.source_height) * row_floats() +
                                   kSpreadSlackFloats);
}

// Source rows that target rows [first, last) of any phase read.
std::pair<int64_t, int64_t> LaneSource::rows_read(int64_t first, int64_t last) const {
  int64_t begin = g_.source_height, end = 0;
  for (const Phase& v : g_.vertical) {
    const int64_t origin = v.window.origin + first * v.window.stride;
    begin = std::min(begin, origin);
    end = std::max(end, origin + spanned(v.window, last - first));
  }
  return {std::max<int64_t>(begin, 0), std::min(end, g_.source_height)};
}

const float* LaneSource::lanes(const float* image, int64_t first, int64_t last,
                               const BatchNormForward* normalisation, float* scratch) const {
  if (!copies(normalisation)) return image;
  const auto [begin, end] = rows_read(first, last);
  if (begin >= end) return scratch;
  if (normalisation)
    return normalise_rows(*normalisation, image, g_.source_width, begin, end, scratch);
  CNNX_KERNELS(depthwise_kernels)
      .spread(image + begin * g_.source_width * g_.source_channels, (end - begin) * g_.source_width,
              g_.groups, g_.group_inputs, g_.group_outputs, scratch);
  return scratch - begin * row_floats();
}

class DepthwiseConvolution final : public Conv2dPass {
 public:
  DepthwiseConvolution(const Conv2dGeometry& geometry, PassDirection direction)
      : source_(pass_geometry(geometry, direction)) {}

  // Otherwise the kernel reads the weights unpacked.
  int64_t packed_floats() const override {
    return transposes() ? runtime::round_up_to_line(geometry().weight_floats()) : 0;
  }
  void pack_weights(const float* weight, int threads, float* packed) const override;
  int64_t scratch_floats(int threads) const override {
    return threads * source_.band_floats(nullptr);
  }
  int64_t normalised_floats(int threads) const override {
    return source_.normalised_floats(threads);
  }
  void run(const float* source, const float* weight, const float* packed, const Epilogue& epilogue,
           int threads, float* scratch, float* target) const override;

 private:
  const PassGeometry& geometry() const { return source_.geometry(); }
  bool transposes() const { return geometry().flipped && source_.spreads(); }
  DepthwisePass pass_between(const Phase& v, const Phase& h) const;
  int64_t part_count(int64_t rows, int threads) const;
  template <class Body>
  void for_each_band(const float* source, const BatchNormForward* normalisation, int threads,
                     float* scratch, const Body& body) const;

  LaneSource source_;
};

// The kernel's taps in the order of the pass's, of all pairs of phases: taps (v, h), in each the
// inputs of a group, in each all outputs.
void DepthwiseConvolution::pack_weights(const float* weight, int, float* packed) const {
  if (!transposes()) return;
  const PassGeometry& g = geometry();
  const int64_t inputs = g.group_inputs, outputs = g.group_outputs;
  for (const Phase& v : g.vertical) {
    for (const Phase& h : g.horizontal) {
      for (int64_t tap = 0; tap < v.window.taps * h.window.taps; ++tap) {
        const int64_t row = v.kernel_first + tap / h.window.taps * v.kernel_step;
        const int64_t column = h.kernel_first + tap % h.window.taps * h.kernel_step;
        const float* from = weight + (row * g.kernel_size.width + column) * g.tap_floats();
        for (int64_t input = 0; input < inputs; ++input) {
          for (int64_t channel = 0; channel < g.target_channels; ++channel) {
            *packed++ =
                from[channel % outputs * g.source_channels + channel / outputs * inputs + input];
          }
        }
      }
    }
  }
}

// The pass of two phases without its arrays.
DepthwisePass DepthwiseConvolution::pass_between(const Phase& v, const Phase& h) const {
  const PassGeometry& g = geometry();
  DepthwisePass pass = {};
  pass.vertical = v.window;
  pass.horizontal = source_.horizontal(h.window);
  pass.columns = h.count;
  pass.height = g.source_height;
  pass.width = source_.width();
  pass.channels = g.target_channels;
  pass.foreseen = runtime::foresees_rows();
  pass.tap_row_step = pass.horizontal.taps * pass.channels;
  pass.tap_column_step = pass.channels;
  pass.row_step = g.step.height * g.target_row_floats();
  pass.column_step = g.step.width * pass.channels;
  return pass;
}

// Parts of the rows of an image, each large enough that few rows are read by two of them and that
// tiles of several rows are whole, and small enough that threads end at the same time. Threads that
// share an image have equally many, at the same rows in every layer.
int64_t DepthwiseConvolution::part_count(int64_t rows, int threads) const {
  constexpr int64_t kSharedRows = 8, kSharedRowsOfLargeImage = 4;
  constexpr int64_t kLargeImage = 8 * kGrainLaneMultiplyAdds;
  const int64_t sharing = divide_up(threads, std::max<int64_t>(1, geometry().batch));
  const bool large = geometry().image_multiply_adds() > kLargeImage;
  const int64_t part_rows = sharing == 1 ? kMostRows
                            : large      ? kSharedRowsOfLargeImage
                                         : kSharedRows;
  return std::min(rows, divide_up(divide_up(rows, part_rows), sharing) * sharing);
}

// Calls body(row 0 of the source, image, first, last) to cover the rows of each image, or of its
// phases, once, a band at a time.
template <class Body>
void DepthwiseConvolution::for_each_band(const float* source, const BatchNormForward* normalisation,
                                         int threads, float* scratch, const Body& body) const {
  const PassGeometry& g = geometry();
  const int64_t rows = divide_up(g.target_height, g.step.height);
  const int64_t parts = std::max<int64_t>(1, part_count(rows, threads));
  const int64_t grain = kGrainLaneMultiplyAdds / (g.image_multiply_adds() / parts + 1) + 1;
  runtime::parallel_for(threads, g.batch * parts, grain, [&](int64_t begin, int64_t end, int slot) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t image = i / parts, part = i % parts;
      const int64_t end_of_part = rows * (part + 1) / parts;
      for (int64_t first = rows * part / parts, last; first < end_of_part; first = last) {
        last = std::min(end_of_part, first + source_.band_rows(normalisation));
        body(source_.lanes(source + image * g.source_floats(), first, last, normalisation,
                           scratch + slot * source_.band_floats(normalisation)),
             image, first, last);
      }
    }
  });
}

void DepthwiseConvolution::run(const float* source, const float* weight, const float* packed,
                               const Epilogue& epilogue, int threads, float* scratch,
                               float* target) const {
  const auto convolve = CNNX_KERNELS(depthwise_kernels).convolve;
  const auto mask = CNNX_KERNELS(activation_kernels).relu_gradient;
  const PassGeometry& g = geometry();
  const bool gaps = g.has_gaps(), reversed = g.flipped && !source_.spreads();
  const int64_t row_floats = g.target_row_floats();
  for_each_band(
      source, epilogue.normalisation, threads, scratch,
      [&](const float* lanes, int64_t image, int64_t first, int64_t last) {
        float* const rows = target + image * g.target_floats();
        const int64_t begin = first * g.step.height * row_floats;
        const int64_t end = std::min(last * g.step.height, g.target_height) * row_floats;
        if (gaps && !epilogue.accumulate) {
          fill_unseen(rows + begin, rows + end, epilogue.bias, epilogue.relu, epilogue.ceiling,
                      g.target_channels);
        }
        const float* relu_output =
            epilogue.relu_output ? epilogue.relu_output + (rows - target) : nullptr;
        const float* phase_weight = transposes() ? packed : weight;
        for (const Phase& v : g.vertical) {
          for (const Phase& h : g.horizontal) {
            DepthwisePass pass = pass_between(v, h);
            if (reversed) {
              const int64_t tap_row = g.kernel_size.width * pass.channels;
              pass.weight = weight + v.kernel_first * tap_row + h.kernel_first * pass.channels;
              pass.tap_row_step = v.kernel_step * tap_row;
              pass.tap_column_step = h.kernel_step * pass.channels;
            } else {
              pass.weight = phase_weight;
              phase_weight += v.window.taps * pass.tap_row_step;
            }
            pass.bias = epilogue.bias;
            pass.accumulate = epilogue.accumulate;
            pass.relu = epilogue.relu;
            pass.ceiling = epilogue.ceiling;
            pass.source = lanes;
            const int64_t place = v.first * row_floats + h.first * g.target_channels;
            pass.target = rows + place;
            if (!gaps && relu_output) pass.relu_output = relu_output + place;
            const int64_t last_row = std::min(last, v.count);
            if (first < last_row) convolve(pass, first, last_row);
          }
        }
        // Pixels outside every tap are masked too.
        if (gaps && relu_output) {
          mask(rows + begin, relu_output + begin, end - begin, {kNoCeiling}, false, rows + begin);
        }
      });
}

class DepthwiseWeightGradient final : public Conv2dWeightGradient {
 public:
  explicit DepthwiseWeightGradient(const Conv2dGeometry& geometry)
      : source_(pass_geometry(geometry, PassDirection::forward)), gradient_(geometry) {}

  int64_t scratch_floats(int threads) const override {
    return gradient_.scratch_floats() + threads * source_.band_floats(nullptr);
  }
  int64_t normalised_floats(int threads) const override {
    return source_.normalised_floats(threads);
  }
  void run(const WeightGradientArguments& a) const override {
    const auto add = a.kernels->depthwise->add;
    const PassGeometry& g = source_.geometry();
    const int64_t most =
        source_.copies(a.normalisation) ? source_.band_rows(a.normalisation) : g.target_height;
    float* const bands = a.scratch + gradient_.scratch_floats();
    gradient_.run(a, most, kGrainLaneMultiplyAdds,
                  [&](int64_t image, const float* gradient, int64_t first, int64_t last, int slot,
                      float* sums) {
                    const float* lanes =
                        source_.lanes(a.x + image * g.source_floats(), first, last, a.normalisation,
                                      bands + slot * source_.band_floats(a.normalisation));
                    add({g.vertical.front().window, source_.horizontal(g.horizontal.front().window),
                         g.source_height, source_.width(), g.target_channels, g.target_width, lanes,
                         gradient, first, last, sums});
                  });
  }

 private:
  LaneSource source_;
  LaneGradient gradient_;
};

}  // namespace

std::unique_ptr<const Conv2dPass> make_depthwise_pass(const Conv2dGeometry& geometry,
                                                      PassDirection direction) {
  return std::make_unique<DepthwiseConvolution>(geometry, direction);
}

std::unique_ptr<const Conv2dWeightGradient> make_depthwise_weight_gradient(
    const Conv2dGeometry& geometry) {
  return std::make_unique<DepthwiseWeightGradient>(geometry);
}

}  // namespace cnnx::ops
