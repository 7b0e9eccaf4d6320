// The algorithm of conv2d for narrow groups, with vectors along the channels of all groups:
// depthwise without packing or copies, and for groups of several channels with the source spread
// over lanes.
#include <algorithm>
#include <memory>
#include <type_traits>

#include "kernels/activations.h"
#include "kernels/bfloat16_arrays.h"
#include "kernels/conv2d_depthwise.h"
#include "ops/bfloat16.h"
#include "ops/conv2d_algorithms.h"
#include "ops/conv2d_bfloat16.h"
#include "ops/conv2d_lane_gradient.h"
#include "ops/conv2d_lane_source.h"
#include "ops/elements.h"
#include "ops/shared_rows.h"
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

// Of arrays of floats; or of bfloat16, without groups of several channels, with weights that are
// rounded to bfloat16 too, so that every product is exact.
template <class Element>
class DepthwiseConvolution final : public Conv2dPass {
 public:
  DepthwiseConvolution(const Conv2dGeometry& geometry, PassDirection direction)
      : order_(order_of(geometry, direction)),
        source_(pass_geometry(geometry, direction), order_ != DepthwiseOrder::by_rows),
        fetches_(!runtime::foresees_rows() && exceeds_caches()) {}

  // Otherwise the kernel reads the weights unpacked.
  int64_t packed_floats() const override {
    const int64_t weights = runtime::round_up_to_line(geometry().weight_floats());
    if (!kIsFloat) return weights + floats_of_bfloat16(weights);
    return transposes() ? weights : 0;
  }
  void pack_weights(const float* weight, int threads, float* packed) const override;
  int64_t scratch_floats(int threads) const override {
    return threads * source_.band_floats(nullptr);
  }
  int64_t normalised_floats(int threads) const override {
    return kIsFloat ? source_.normalised_floats(threads) : 0;
  }
  void run(const float* source, const float* weight, const float* packed, const Epilogue& epilogue,
           int threads, float* scratch, float* target) const override;
  bool adds() const override { return !geometry().has_gaps(); }

 private:
  static constexpr bool kIsFloat = std::is_same_v<Element, float>;
  using Pass = DepthwisePassOf<Element>;

  const PassGeometry& geometry() const { return source_.geometry(); }
  static DepthwiseOrder order_of(const Conv2dGeometry& g, PassDirection direction);
  bool exceeds_caches() const;
  bool transposes() const { return geometry().flipped && source_.spreads(); }
  Pass pass_between(const Phase& v, const Phase& h) const;
  const Element* lanes(const Element* image, int64_t first, int64_t last,
                       const BatchNormForward* normalisation, float* scratch) const {
    if constexpr (kIsFloat) return source_.lanes(image, first, last, normalisation, scratch);
    return image;
  }
  void clear(const Epilogue& epilogue, Element* begin, Element* end) const;
  static void mask(Element* gradient, const Element* relu_output, int64_t count);
  template <class Body>
  void for_each_band(const Element* source, const BatchNormForward* normalisation, int threads,
                     float* scratch, const Body& body) const;

  DepthwiseOrder order_;
  LaneSource source_;
  bool fetches_;
};

// Pixels of many channels are so far apart that they share few sets of a first-level cache: row by
// row, a cache of few ways would hold neither them nor the weights, unless the CPU foresees the
// rows. There the kernels of bfloat16 are limited by instructions, two for each pixel that is
// loaded and widened. Down the map a pixel is loaded once, which gains if the batch fits a
// second-level cache, 2 MB on these CPUs, or if pixels fill at most a line, and so come in the
// order of memory.
template <class Element>
DepthwiseOrder DepthwiseConvolution<Element>::order_of(const Conv2dGeometry& g,
                                                       PassDirection direction) {
  const int64_t channels = direction == PassDirection::forward ? g.out_channels : g.in_channels;
  constexpr int64_t kMostBytes = 5 * 512 * 1024, kLineBytes = 64, kBytes = sizeof(Element);
  if (!kIsFloat && runtime::foresees_rows()) {
    const bool gains =
        kBytes * elements_in_and_out(g) <= kMostBytes || kBytes * channels <= kLineBytes;
    return gains ? DepthwiseOrder::down : DepthwiseOrder::by_rows;
  }
  return channels >= kLongPixel && !runtime::reads_long_pixels_by_rows()
             ? DepthwiseOrder::down_with_prefetches
             : DepthwiseOrder::by_rows;
}

// Whether prefetch instructions for the batch's source gain more than they cost: it and the target
// exceed a second-level cache, or, where the CPU prefetches along pixels of many channels, half of
// a third-level cache.
template <class Element>
bool DepthwiseConvolution<Element>::exceeds_caches() const {
  constexpr int64_t kCachedBytes = kCachedFloats * sizeof(float), kManyBytes = 16 * kCachedBytes;
  const PassGeometry& g = geometry();
  const int64_t elements = g.batch * (g.source_floats() + g.target_floats());
  return elements * static_cast<int64_t>(sizeof(Element)) >
         (g.target_channels < kLongPixel ? kCachedBytes : kManyBytes);
}

// The kernel's taps in the order of the pass's, of all pairs of phases: taps (v, h), in each the
// inputs of a group, in each all outputs.
template <class Element>
void DepthwiseConvolution<Element>::pack_weights(const float* weight, int, float* packed) const {
  const PassGeometry& g = geometry();
  if constexpr (!kIsFloat) {
    const auto& kernels = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels);
    uint16_t* const words = bfloat16_of(packed + runtime::round_up_to_line(g.weight_floats()));
    kernels.round(weight, g.weight_floats(), words);
    return kernels.widen(words, g.weight_floats(), packed);
  }
  if (!transposes()) return;
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
template <class Element>
DepthwisePassOf<Element> DepthwiseConvolution<Element>::pass_between(const Phase& v,
                                                                     const Phase& h) const {
  const PassGeometry& g = geometry();
  Pass pass = {};
  pass.vertical = v.window;
  pass.horizontal = source_.horizontal(h.window);
  pass.columns = h.count;
  pass.height = g.source_height;
  pass.width = source_.width();
  pass.channels = g.target_channels;
  pass.order = order_;
  pass.tap_row_step = pass.horizontal.taps * pass.channels;
  pass.tap_column_step = pass.channels;
  pass.row_step = g.step.height * g.target_row_floats();
  pass.column_step = g.step.width * pass.channels;
  return pass;
}

// The pass without its first columns. Of a phase, whose stride is 1.
template <class Pass>
Pass without_columns(Pass pass, int64_t columns) {
  pass.columns -= columns;
  pass.horizontal.origin += columns;
  const int64_t place = columns * pass.column_step;
  pass.target += place;
  if (pass.addend) pass.addend += place;
  if (pass.relu_output) pass.relu_output += place;
  return pass;
}

// Calls body(row 0 of the source, image, first, last) to cover the rows of each image, or of its
// phases, once, a band at a time.
template <class Element>
template <class Body>
void DepthwiseConvolution<Element>::for_each_band(const Element* source,
                                                  const BatchNormForward* normalisation,
                                                  int threads, float* scratch,
                                                  const Body& body) const {
  const PassGeometry& g = geometry();
  const int64_t rows = divide_up(g.target_height, g.step.height);
  // Tiles of several rows are whole.
  constexpr int64_t kLeastRows = 4;
  const int64_t band_rows = source_.band_rows(normalisation);
  const SharedRows shared(rows, std::min(kLeastRows, band_rows), band_rows);
  if (shared.parts() == 0) return;
  const int64_t grain = kGrainLaneMultiplyAdds / (g.image_multiply_adds() / shared.parts() + 1) + 1;
  runtime::parallel_for(
      threads, g.batch * shared.parts(), grain, [&](int64_t begin, int64_t end, int slot) {
        shared.for_each_band(begin, end, [&](int64_t image, int64_t first, int64_t last) {
          body(lanes(source + image * g.source_floats(), first, last, normalisation,
                     scratch + slot * source_.band_floats(normalisation)),
               image, first, last);
        });
      });
}

// Pixels outside every tap. Of bfloat16 they are gradients, which have no bias.
template <class Element>
void DepthwiseConvolution<Element>::clear(const Epilogue& epilogue, Element* begin,
                                          Element* end) const {
  if constexpr (kIsFloat) {
    fill_unseen(begin, end, epilogue.bias, epilogue.relu, epilogue.ceiling,
                geometry().target_channels);
  } else {
    std::fill(begin, end, Element{0});
  }
}

template <class Element>
void DepthwiseConvolution<Element>::mask(Element* gradient, const Element* relu_output,
                                         int64_t count) {
  if constexpr (kIsFloat) {
    CNNX_KERNELS(activation_kernels)
        .relu_gradient(gradient, relu_output, count, {kNoCeiling}, false, gradient);
  } else {
    CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels)
        .relu_gradient(gradient, relu_output, count, kNoCeiling);
  }
}

template <class Element>
void DepthwiseConvolution<Element>::run(const float* source, const float* weight,
                                        const float* packed, const Epilogue& epilogue, int threads,
                                        float* scratch, float* target) const {
  const auto convolve = by_element<Element>(CNNX_KERNELS(depthwise_kernels),
                                            CNNX_BFLOAT16_KERNELS(bfloat16_depthwise_kernels))
                            .convolve;
  if (!kIsFloat) weight = packed;
  Element* const output = elements_of<Element>(target);
  const PassGeometry& g = geometry();
  const bool gaps = g.has_gaps(), reversed = g.flipped && !source_.spreads();
  const int64_t row_floats = g.target_row_floats();
  const bool two_phases = reversed && g.step.width == 2 && g.horizontal.size() == 2;
  const DepthwisePhasesKernels* const phases =
      two_phases && epilogue.kernels ? epilogue.kernels->depthwise_phases : nullptr;
  for_each_band(
      elements_of<Element>(source), epilogue.normalisation, threads, scratch,
      [&](const Element* lanes, int64_t image, int64_t first, int64_t last) {
        Element* const rows = output + image * g.target_floats();
        const int64_t begin = first * g.step.height * row_floats;
        const int64_t end = std::min(last * g.step.height, g.target_height) * row_floats;
        if (gaps && !epilogue.accumulate) {
          clear(epilogue, rows + begin, rows + end);
        }
        const Element* relu_output =
            epilogue.relu_output ? elements_of<Element>(epilogue.relu_output) + (rows - output)
                                 : nullptr;
        const Element* const relu_rows = gaps ? nullptr : relu_output;
        const Element* const addend_rows =
            epilogue.addend ? elements_of<Element>(epilogue.addend) + (rows - output) : nullptr;
        const float* phase_weight = transposes() ? packed : weight;
        const auto pass_of = [&](const Phase& v, const Phase& h) {
          Pass pass = pass_between(v, h);
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
          pass.fetches = fetches_ && !source_.copies(epilogue.normalisation);
          const int64_t place = v.first * row_floats + h.first * g.target_channels;
          pass.target = rows + place;
          if (addend_rows) pass.addend = addend_rows + place;
          if (relu_rows) pass.relu_output = relu_rows + place;
          return pass;
        };
        for (const Phase& v : g.vertical) {
          const int64_t last_row = std::min(last, v.count);
          int64_t columns = 0;  // of both phases, which were computed at once
          if constexpr (kIsFloat) {
            if (phases && first < last_row) {
              const bool in_order = g.horizontal[0].first < g.horizontal[1].first;
              columns =
                  phases->convolve(pass_of(v, g.horizontal[in_order ? 0 : 1]),
                                   pass_of(v, g.horizontal[in_order ? 1 : 0]), first, last_row);
            }
          }
          for (const Phase& h : g.horizontal) {
            if (columns == h.count) continue;
            const Pass pass = pass_of(v, h);
            if (first < last_row) convolve(without_columns(pass, columns), first, last_row);
          }
        }
        // Pixels outside every tap are masked too.
        if (gaps && relu_output) {
          mask(rows + begin, relu_output + begin, end - begin);
        }
      });
}

class DepthwiseWeightGradient final : public Conv2dWeightGradient {
 public:
  explicit DepthwiseWeightGradient(const Conv2dGeometry& geometry)
      : source_(pass_geometry(geometry, PassDirection::forward), false), gradient_(geometry) {}

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
  return std::make_unique<DepthwiseConvolution<float>>(geometry, direction);
}

std::unique_ptr<const Conv2dPass> make_bfloat16_depthwise_pass(const Conv2dGeometry& geometry,
                                                               PassDirection direction) {
  return std::make_unique<DepthwiseConvolution<uint16_t>>(geometry, direction);
}

std::unique_ptr<const Conv2dWeightGradient> make_depthwise_weight_gradient(
    const Conv2dGeometry& geometry) {
  return std::make_unique<DepthwiseWeightGradient>(geometry);
}

}  // namespace cnnx::ops
