// The algorithm of conv2d for narrow groups, vectors along the channels of all of them: depthwise
// without packing or copies, where a group has several channels with the source spread over lanes.
#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/activations.h"
#include "kernels/conv2d_depthwise.h"
#include "ops/conv2d_algorithm.h"
#include "ops/conv2d_lane_gradient.h"
#include "ops/conv2d_phases.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"
#include "runtime/prefetcher.h"

namespace cnnx::ops {
namespace {

// Products that take about 20 microseconds, most of it memory's: below this a second thread costs
// more than it brings.
constexpr int64_t kGrainLaneProducts = 256 * 1024;

// An image as vectors along the target's channels read it. Where a group has several channels each
// of them is spread over the lanes that need it: a pixel becomes `inputs` pixels side by side, as
// wide as the target, and a window of so many times the taps moves so many times as far.
struct LaneSource {
  int64_t height, width, groups;
  int64_t inputs, outputs;  // channels of a group, in the source and in the target

  bool spreads() const { return inputs > 1 || outputs > 1; }
  int64_t channels() const { return groups * outputs; }
  int64_t row_floats() const { return width * inputs * channels(); }
  int64_t image_floats() const { return height * width * groups * inputs; }
  WindowAxis horizontal(const WindowAxis& window) const {
    return {window.origin * inputs, window.stride * inputs, window.taps * inputs, window.dilation};
  }
};

class Depthwise final : public Conv2dAlgorithm {
 public:
  explicit Depthwise(const Conv2dGeometry& g)
      : g_(g),
        forward_source_{g.in_height, g.in_width, g.groups, g.in_channels / g.groups,
                        g.out_channels / g.groups},
        gradient_source_{g.out_height, g.out_width, g.groups, g.out_channels / g.groups,
                         g.in_channels / g.groups},
        forward_vertical_({forward_phase(g.out_height, g.top, g.stride.height, g.kernel_size.height,
                                         g.dilation.height)}),
        forward_horizontal_(forward_phase(g.out_width, g.left, g.stride.width, g.kernel_size.width,
                                          g.dilation.width)),
        vertical_(gradient_phases(g.in_height, g.top, g.stride.height, g.kernel_size.height,
                                  g.dilation.height)),
        horizontal_(gradient_phases(g.in_width, g.left, g.stride.width, g.kernel_size.width,
                                    g.dilation.width)),
        gradient_(g) {}

  // The kernel reads the weights as they are.
  int64_t packed_floats() const override { return 0; }
  void pack_weights(const float*, int, float*) const override {}
  bool pools() const override { return false; }
  int64_t forward_scratch_floats(int threads) const override {
    return threads * band_floats(forward_source_, forward_vertical_);
  }
  int64_t gradient_packed_floats() const override {
    return gradient_source_.spreads() ? runtime::round_up_to_line(gradient_.weight_floats()) : 0;
  }
  void pack_for_gradient(const float* weight, int, float* packed) const override {
    if (gradient_source_.spreads()) transpose_weight(weight, packed);
  }
  int64_t input_gradient_scratch_floats(int threads) const override {
    return threads * band_floats(gradient_source_, vertical_);
  }
  int64_t weight_gradient_scratch_floats(int threads) const override {
    return gradient_.scratch_floats() + forward_scratch_floats(threads);
  }

  void forward(const float* x, const float* weight, const float*, const Epilogue& epilogue,
               int threads, float* scratch, float* output) const override {
    DepthwisePass any = between(forward_source_, forward_vertical_.front(), forward_horizontal_,
                                {1, 1}, g_.out_width);
    any.weight = weight;
    any.bias = epilogue.bias;
    any.accumulate = epilogue.accumulate;
    any.relu = epilogue.relu;
    const int64_t image_floats = g_.out_height * g_.out_width * g_.out_channels;
    for_each_band(forward_source_, forward_vertical_, g_.out_height, x, threads, scratch,
                  [&](const float* source, int64_t image, int64_t first, int64_t last) {
                    DepthwisePass pass = any;
                    pass.source = source;
                    pass.target = output + image * image_floats;
                    if (epilogue.relu_output) {
                      pass.relu_output = epilogue.relu_output + image * image_floats;
                    }
                    convolve(pass, first, last);
                  });
  }

  void input_gradient(const float* grad_output, const float* weight, const float* packed,
                      const Epilogue& epilogue, int threads, float* scratch,
                      float* grad_input) const override {
    const auto mask = CNNX_KERNELS(activation_kernels).relu->backward;
    const bool gaps = covered(vertical_) < g_.in_height || covered(horizontal_) < g_.in_width;
    const int64_t row_floats = g_.in_width * g_.in_channels;
    const int64_t units = divide_up(g_.in_height, g_.stride.height);
    for_each_band(
        gradient_source_, vertical_, units, grad_output, threads, scratch,
        [&](const float* source, int64_t image, int64_t first, int64_t last) {
          float* target = grad_input + image * g_.in_height * row_floats;
          const int64_t begin = first * g_.stride.height * row_floats;
          const int64_t end = std::min(last * g_.stride.height, g_.in_height) * row_floats;
          if (gaps && !epilogue.accumulate) {
            fill_unseen(target + begin, target + end, epilogue.bias, epilogue.relu, g_.in_channels);
          }
          const float* relu_output =
              epilogue.relu_output ? epilogue.relu_output + (target - grad_input) : nullptr;
          const float* phase_weight = packed;
          for (const Phase& v : vertical_) {
            for (const Phase& h : horizontal_) {
              DepthwisePass pass = between(gradient_source_, v, h, g_.stride, g_.in_width);
              if (gradient_source_.spreads()) {
                pass.weight = phase_weight;
                phase_weight += v.window.taps * pass.tap_row_step;
              } else {
                const int64_t tap_row = g_.kernel_size.width * pass.channels;
                pass.weight = weight + v.kernel_first * tap_row + h.kernel_first * pass.channels;
                pass.tap_row_step = v.kernel_step * tap_row;
                pass.tap_column_step = h.kernel_step * pass.channels;
              }
              pass.bias = epilogue.bias;
              pass.accumulate = epilogue.accumulate;
              pass.relu = epilogue.relu;
              pass.source = source;
              const int64_t place = v.first * row_floats + h.first * g_.in_channels;
              pass.target = target + place;
              if (!gaps && relu_output) pass.relu_output = relu_output + place;
              convolve(pass, first, std::min(last, v.count));
            }
          }
          // Pixels that no tap sees are masked too.
          if (gaps && relu_output) {
            mask(target + begin, relu_output + begin, end - begin, 0.0f, false, target + begin);
          }
        });
  }

  void weight_gradient(const GradientKernels& kernels, const float* x, const float* grad_output,
                       bool accumulate, int threads, float* scratch, float* grad_weight,
                       float* grad_bias) const override;

 private:
  // The kernel's taps in the order of the input gradient's, of all its phases.
  void transpose_weight(const float* weight, float* transposed) const;
  static int64_t band_rows(const LaneSource& source, const std::vector<Phase>& vertical);
  static int64_t band_floats(const LaneSource& source, const std::vector<Phase>& vertical);
  static std::pair<int64_t, int64_t> rows_read(const LaneSource& source,
                                               const std::vector<Phase>& vertical, int64_t first,
                                               int64_t last);
  static const float* lanes_of(const LaneSource& source, const std::vector<Phase>& vertical,
                               const float* image, int64_t first, int64_t last, float* scratch);
  static DepthwisePass between(const LaneSource& source, const Phase& v, const Phase& h, Pair step,
                               int64_t target_width);
  static void convolve(const DepthwisePass& pass, int64_t first, int64_t last);
  template <class Body>
  void for_each_band(const LaneSource& source, const std::vector<Phase>& vertical, int64_t rows,
                     const float* images, int threads, float* scratch, const Body& body) const;

  Conv2dGeometry g_;
  LaneSource forward_source_, gradient_source_;
  std::vector<Phase> forward_vertical_;  // one
  Phase forward_horizontal_;
  std::vector<Phase> vertical_, horizontal_;  // of the input gradient
  LaneGradient gradient_;
};

// Taps (v, h) of each phase, of each of those the outputs of a group, of each of those all inputs.
void Depthwise::transpose_weight(const float* weight, float* transposed) const {
  const int64_t inputs = gradient_source_.outputs, outputs = gradient_source_.inputs;
  for (const Phase& v : vertical_) {
    for (const Phase& h : horizontal_) {
      for (int64_t tap = 0; tap < v.window.taps * h.window.taps; ++tap) {
        const int64_t row = v.kernel_first + tap / h.window.taps * v.kernel_step;
        const int64_t column = h.kernel_first + tap % h.window.taps * h.kernel_step;
        const float* from =
            weight + (row * g_.kernel_size.width + column) * inputs * g_.out_channels;
        for (int64_t output = 0; output < outputs; ++output) {
          for (int64_t channel = 0; channel < g_.in_channels; ++channel) {
            *transposed++ =
                from[channel % inputs * g_.out_channels + channel / inputs * outputs + output];
          }
        }
      }
    }
  }
}

// Rows of the target, or of each of its phases, in a band: few, so that what is done to rows that
// were just written finds them in a first-level cache, and phases write beside each other; where
// the source is spread out, or rows are too long for that, more, so that rows which two bands read
// are few.
int64_t Depthwise::band_rows(const LaneSource& source, const std::vector<Phase>& vertical) {
  constexpr int64_t kRowsAtOnce = 4, kMostRows = 16, kMostFloats = 64 * 1024;
  const int64_t phases = static_cast<int64_t>(vertical.size());
  if (!source.spreads() || phases == 0) {
    const bool few = source.channels() < kLongPixel || runtime::foresees_rows();
    return few ? divide_up(kRowsAtOnce, std::max<int64_t>(1, phases)) : kMostRows;
  }
  const int64_t stride = vertical.front().window.stride;
  return std::clamp<int64_t>(kMostFloats / (source.row_floats() * stride), 1, kMostRows);
}

// Source rows that rows [first, last) of any phase read.
std::pair<int64_t, int64_t> Depthwise::rows_read(const LaneSource& source,
                                                 const std::vector<Phase>& vertical, int64_t first,
                                                 int64_t last) {
  int64_t begin = source.height, end = 0;
  for (const Phase& v : vertical) {
    const int64_t origin = v.window.origin + first * v.window.stride;
    begin = std::min(begin, origin);
    end = std::max(end, origin + spanned(v.window, last - first));
  }
  return {std::max<int64_t>(begin, 0), std::min(end, source.height)};
}

int64_t Depthwise::band_floats(const LaneSource& source, const std::vector<Phase>& vertical) {
  if (!source.spreads()) return 0;
  int64_t rows = 0;
  for (const Phase& v : vertical) {
    for (const Phase& w : vertical) {
      rows = std::max(
          rows, v.window.origin - w.window.origin + spanned(v.window, band_rows(source, vertical)));
    }
  }
  return runtime::round_up_to_line(std::min(rows, source.height) * source.row_floats() +
                                   kSpreadSlackFloats);
}

// The pass of two phases, its arrays still to be given.
DepthwisePass Depthwise::between(const LaneSource& source, const Phase& v, const Phase& h,
                                 Pair step, int64_t target_width) {
  const int64_t channels = source.channels();
  DepthwisePass pass = {};
  pass.vertical = v.window;
  pass.horizontal = source.horizontal(h.window);
  pass.columns = h.count;
  pass.height = source.height;
  pass.width = source.width * source.inputs;
  pass.channels = channels;
  pass.foreseen = runtime::foresees_rows();
  pass.tap_row_step = pass.horizontal.taps * channels;
  pass.tap_column_step = channels;
  pass.row_step = step.height * target_width * channels;
  pass.column_step = step.width * channels;
  return pass;
}

// Rows [first, last) of one image.
void Depthwise::convolve(const DepthwisePass& pass, int64_t first, int64_t last) {
  if (first < last) CNNX_KERNELS(depthwise_kernels).convolve(pass, first, last);
}

// Row 0 of an image, of which rows [first, last) of any phase read only what is there: the image
// itself, or its rows spread out in `scratch`.
const float* Depthwise::lanes_of(const LaneSource& source, const std::vector<Phase>& vertical,
                                 const float* image, int64_t first, int64_t last, float* scratch) {
  if (!source.spreads()) return image;
  const auto [begin, end] = rows_read(source, vertical, first, last);
  if (begin >= end) return scratch;
  CNNX_KERNELS(depthwise_kernels)
      .spread(image + begin * source.width * source.groups * source.inputs,
              (end - begin) * source.width, source.groups, source.inputs, source.outputs, scratch);
  return scratch - begin * source.row_floats();
}

// body(row 0 of the source, image, first, last) covers `rows` rows of each image once, a band
// at a time.
template <class Body>
void Depthwise::for_each_band(const LaneSource& source, const std::vector<Phase>& vertical,
                              int64_t rows, const float* images, int threads, float* scratch,
                              const Body& body) const {
  const int64_t most = band_rows(source, vertical), floats = band_floats(source, vertical);
  const int64_t products = g_.out_height * g_.out_width * gradient_.weight_floats() / rows;
  const int64_t grain = kGrainLaneProducts / (products + 1) + 1;
  runtime::parallel_for(threads, g_.batch * rows, grain, [&](int64_t begin, int64_t end, int slot) {
    while (begin < end) {
      const int64_t image = begin / rows, first = begin % rows;
      const int64_t last = std::min({rows, first + most, first + end - begin});
      body(lanes_of(source, vertical, images + image * source.image_floats(), first, last,
                    scratch + slot * floats),
           image, first, last);
      begin += last - first;
    }
  });
}

void Depthwise::weight_gradient(const GradientKernels& kernels, const float* x,
                                const float* grad_output, bool accumulate, int threads,
                                float* scratch, float* grad_weight, float* grad_bias) const {
  const auto add = kernels.depthwise->add;
  const LaneSource& source = forward_source_;
  const int64_t most = source.spreads() ? band_rows(source, forward_vertical_) : g_.out_height;
  float* const bands = scratch + gradient_.scratch_floats();
  gradient_.run(
      kernels, grad_output, accumulate, most, kGrainLaneProducts, threads, scratch, grad_weight,
      grad_bias,
      [&](int64_t image, const float* gradient, int64_t first, int64_t last, int slot,
          float* sums) {
        const float* lanes =
            lanes_of(source, forward_vertical_, x + image * source.image_floats(), first, last,
                     bands + slot * band_floats(source, forward_vertical_));
        add({forward_vertical_.front().window, source.horizontal(forward_horizontal_.window),
             source.height, source.width * source.inputs, g_.out_channels, g_.out_width, lanes,
             gradient, first, last, sums});
      });
}

}  // namespace

std::unique_ptr<const Conv2dAlgorithm> make_conv2d_depthwise(const Conv2dGeometry& geometry) {
  return std::make_unique<Depthwise>(geometry);
}

}  // namespace cnnx::ops
