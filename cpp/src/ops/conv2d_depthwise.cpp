// The depthwise algorithm of conv2d, for as many groups as there are channels: no packing, no
// copies, rows are shared out.
#include <algorithm>
#include <memory>
#include <vector>

#include "kernels/activations.h"
#include "kernels/conv2d_depthwise.h"
#include "ops/conv2d_algorithm.h"
#include "ops/conv2d_chunks.h"
#include "ops/conv2d_phases.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"
#include "runtime/parallel.h"

namespace cnnx::ops {
namespace {

// Products that take about 20 microseconds, most of it memory's: below this a second thread costs
// more than it brings.
constexpr int64_t kGrainProducts = 256 * 1024;

class Depthwise final : public Conv2dAlgorithm {
 public:
  explicit Depthwise(const Conv2dGeometry& g)
      : g_(g),
        vertical_(gradient_phases(g.in_height, g.top, g.stride.height, g.kernel_size.height,
                                  g.dilation.height)),
        horizontal_(gradient_phases(g.in_width, g.left, g.stride.width, g.kernel_size.width,
                                    g.dilation.width)),
        chunks_(g, chunk_floats()) {}

  // The kernel reads the weights as they are.
  int64_t derived_floats() const override { return 0; }
  void derive(const float*, int, float*) const override {}
  bool pools() const override { return false; }
  int64_t forward_scratch_floats(int) const override { return 0; }
  int64_t input_gradient_scratch_floats(int) const override { return 0; }
  int64_t weight_gradient_scratch_floats(int) const override {
    return chunks_.count() * chunk_floats();
  }

  void forward(const float* x, const float* weight, const float*, const ForwardEpilogue& epilogue,
               int threads, float*, float* output) const override {
    const auto relu = CNNX_KERNELS(activation_kernels).forward[static_cast<int>(Activation::relu)];
    const Phase v = forward_phase(g_.out_height, g_.top, g_.stride.height, g_.kernel_size.height,
                                  g_.dilation.height);
    const Phase h = forward_phase(g_.out_width, g_.left, g_.stride.width, g_.kernel_size.width,
                                  g_.dilation.width);
    DepthwisePass pass = between(v, h, {1, 1}, g_.in_height, g_.in_width, g_.out_width, weight);
    pass.bias = epilogue.bias;
    const int64_t source_floats = g_.in_height * g_.in_width * g_.in_channels;
    const int64_t row_floats = g_.out_width * g_.out_channels;
    for_each_row(threads, g_.out_height, [&](int64_t picture, int64_t first, int64_t last) {
      float* target = output + picture * g_.out_height * row_floats;
      convolve(pass, x + picture * source_floats, target, first, last);
      float* rows = target + first * row_floats;
      if (epilogue.relu) relu(rows, (last - first) * row_floats, 0.0f, rows);
    });
  }

  void input_gradient(const float* grad_output, const float* weight,
                      const GradientEpilogue& epilogue, int threads, float*,
                      float* grad_input) const override {
    const auto mask = CNNX_KERNELS(activation_kernels).backward[static_cast<int>(Activation::relu)];
    const bool gaps = covered(vertical_) < g_.in_height || covered(horizontal_) < g_.in_width;
    const int64_t source_floats = g_.out_height * g_.out_width * g_.in_channels;
    const int64_t row_floats = g_.in_width * g_.in_channels;
    const int64_t units = (g_.in_height + g_.stride.height - 1) / g_.stride.height;
    for_each_row(threads, units, [&](int64_t picture, int64_t first, int64_t last) {
      float* target = grad_input + picture * g_.in_height * row_floats;
      const int64_t begin = first * g_.stride.height * row_floats;
      const int64_t end = std::min(last * g_.stride.height, g_.in_height) * row_floats;
      if (gaps && !epilogue.accumulate) std::fill(target + begin, target + end, 0.0f);
      for (const Phase& v : vertical_) {
        for (const Phase& h : horizontal_) {
          DepthwisePass pass =
              between(v, h, g_.stride, g_.out_height, g_.out_width, g_.in_width, weight);
          pass.accumulate = epilogue.accumulate;
          convolve(pass, grad_output + picture * source_floats,
                   target + v.first * row_floats + h.first * g_.in_channels, first,
                   std::min(last, v.count));
        }
      }
      if (!epilogue.relu_output) return;
      const float* relu_output = epilogue.relu_output + (target - grad_input);
      mask(target + begin, relu_output + begin, end - begin, 0.0f, false, target + begin);
    });
  }

  void weight_gradient(const float* x, const float* grad_output, bool accumulate, int threads,
                       float* scratch, float* grad_weight, float* grad_bias) const override;

 private:
  int64_t weight_floats() const {
    return g_.kernel_size.height * g_.kernel_size.width * g_.in_channels;
  }
  int64_t chunk_floats() const {
    return runtime::round_up_to_line(weight_floats()) + bias_sums_floats(g_.in_channels);
  }
  DepthwisePass between(const Phase& v, const Phase& h, Pair step, int64_t height, int64_t width,
                        int64_t target_width, const float* weight) const;
  static void convolve(DepthwisePass pass, const float* source, float* target, int64_t first,
                       int64_t last);
  template <class Body>
  void for_each_row(int threads, int64_t rows, const Body& body) const;

  Conv2dGeometry g_;
  std::vector<Phase> vertical_, horizontal_;  // of the input gradient
  GradientChunks chunks_;
};

// The pass of two phases, source and target still to be given.
DepthwisePass Depthwise::between(const Phase& v, const Phase& h, Pair step, int64_t height,
                                 int64_t width, int64_t target_width, const float* weight) const {
  const int64_t channels = g_.in_channels, tap_row = g_.kernel_size.width * channels;
  DepthwisePass pass = {};
  pass.vertical = v.window;
  pass.horizontal = h.window;
  pass.rows = v.count;
  pass.columns = h.count;
  pass.height = height;
  pass.width = width;
  pass.channels = channels;
  pass.weight = weight + v.kernel_first * tap_row + h.kernel_first * channels;
  pass.tap_row_step = v.kernel_step * tap_row;
  pass.tap_column_step = h.kernel_step * channels;
  pass.row_step = step.height * target_width * channels;
  pass.column_step = step.width * channels;
  return pass;
}

// Rows [first, last) of one picture.
void Depthwise::convolve(DepthwisePass pass, const float* source, float* target, int64_t first,
                         int64_t last) {
  pass.source = source;
  pass.target = target;
  if (first < last) CNNX_KERNELS(depthwise_kernels).convolve(pass, first, last);
}

// body(picture, first, last) covers `rows` rows of each picture once, a few at a time: what is done
// to rows that were just written then finds them in a first-level cache.
template <class Body>
void Depthwise::for_each_row(int threads, int64_t rows, const Body& body) const {
  constexpr int64_t kRowsAtOnce = 4;
  const int64_t products = g_.out_height * g_.out_width * weight_floats() / rows;
  const int64_t grain = kGrainProducts / (products + 1) + 1;
  runtime::parallel_for(threads, g_.batch * rows, grain, [&](int64_t begin, int64_t end, int) {
    while (begin < end) {
      const int64_t picture = begin / rows, first = begin % rows;
      const int64_t last = std::min({rows, first + kRowsAtOnce, first + end - begin});
      body(picture, first, last);
      begin += last - first;
    }
  });
}

void Depthwise::weight_gradient(const float* x, const float* grad_output, bool accumulate,
                                int threads, float* scratch, float* grad_weight,
                                float* grad_bias) const {
  const DepthwiseKernels& kernels = CNNX_KERNELS(depthwise_kernels);
  const Conv2dKernels& sums_of = CNNX_KERNELS(conv2d_kernels);
  const int64_t channels = g_.in_channels, row_floats = g_.out_width * channels;
  std::fill_n(scratch, chunks_.count() * chunk_floats(), 0.0f);
  const int64_t products =
      g_.batch * g_.out_height * g_.out_width * weight_floats() / chunks_.count();
  const int64_t grain = kGrainProducts / (products + 1) + 1;
  runtime::parallel_for(threads, chunks_.count(), grain, [&](int64_t begin, int64_t end, int) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      float* sums = scratch + chunk * chunk_floats();
      float* bias_sums = sums + runtime::round_up_to_line(weight_floats());
      const int64_t last_row = chunks_.first_row(chunk + 1);
      for (int64_t row = chunks_.first_row(chunk); row < last_row;) {
        const int64_t picture = row / g_.out_height, first = row % g_.out_height;
        const int64_t last = std::min(g_.out_height, first + last_row - row);
        const float* gradient = grad_output + picture * g_.out_height * row_floats;
        if (grad_weight) {
          kernels.add_weight_gradient(
              {{-g_.top, g_.stride.height, g_.kernel_size.height, g_.dilation.height},
               {-g_.left, g_.stride.width, g_.kernel_size.width, g_.dilation.width},
               g_.in_height,
               g_.in_width,
               channels,
               g_.out_width,
               x + picture * g_.in_height * g_.in_width * channels,
               gradient,
               first,
               last,
               sums});
        }
        if (grad_bias) {
          sums_of.add_bias_gradient(gradient + first * row_floats, last - first, g_.out_width,
                                    channels, bias_sums);
        }
        row += last - first;
      }
    }
  });
  if (grad_weight) {
    kernels.reduce(scratch, chunks_.count(), chunk_floats(), weight_floats(), accumulate,
                   grad_weight);
  }
  if (grad_bias) {
    sums_of.reduce_bias_gradient(scratch + runtime::round_up_to_line(weight_floats()),
                                 chunks_.count(), chunk_floats(), channels, accumulate, grad_bias);
  }
}

}  // namespace

std::unique_ptr<const Conv2dAlgorithm> make_conv2d_depthwise(const Conv2dGeometry& geometry) {
  return std::make_unique<Depthwise>(geometry);
}

}  // namespace cnnx::ops
