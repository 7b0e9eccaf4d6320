// The depthwise algorithm of conv2d, for as many groups as there are channels: no packing, no
// copies, rows are shared out.
#include <algorithm>
#include <memory>
#include <vector>

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

  int64_t forward_scratch_floats(int) const override { return 0; }
  int64_t input_gradient_scratch_floats(int) const override { return 0; }
  int64_t weight_gradient_scratch_floats(int) const override {
    return chunks_.count() * chunk_floats();
  }

  void forward(const float* x, const float* weight, const float* bias, int threads, float*,
               float* output) const override {
    const Phase v = forward_phase(g_.out_height, g_.top, g_.stride.height, g_.kernel_size.height,
                                  g_.dilation.height);
    const Phase h = forward_phase(g_.out_width, g_.left, g_.stride.width, g_.kernel_size.width,
                                  g_.dilation.width);
    DepthwisePass pass = between(v, h, {1, 1}, g_.in_height, g_.in_width, g_.out_width, weight);
    pass.bias = bias;
    run(pass, x, g_.in_height * g_.in_width, output, g_.out_height * g_.out_width, threads);
  }

  void input_gradient(const float* grad_output, const float* weight, bool accumulate, int threads,
                      float*, float* grad_input) const override {
    const int64_t pixels = g_.in_height * g_.in_width;
    if (!accumulate && (covered(vertical_) < g_.in_height || covered(horizontal_) < g_.in_width)) {
      std::fill_n(grad_input, g_.batch * pixels * g_.in_channels, 0.0f);
    }
    for (const Phase& v : vertical_) {
      for (const Phase& h : horizontal_) {
        DepthwisePass pass =
            between(v, h, g_.stride, g_.out_height, g_.out_width, g_.in_width, weight);
        pass.accumulate = accumulate;
        float* first = grad_input + (v.first * g_.in_width + h.first) * g_.in_channels;
        run(pass, grad_output, g_.out_height * g_.out_width, first, pixels, threads);
      }
    }
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
  void run(const DepthwisePass& pass, const float* source, int64_t source_pixels, float* target,
           int64_t target_pixels, int threads) const;

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

void Depthwise::run(const DepthwisePass& pass, const float* source, int64_t source_pixels,
                    float* target, int64_t target_pixels, int threads) const {
  const auto convolve = CNNX_KERNELS(depthwise_kernels).convolve;
  const int64_t row_products =
      pass.columns * pass.vertical.taps * pass.horizontal.taps * pass.channels;
  const int64_t grain = kGrainProducts / row_products + 1;
  runtime::parallel_for(threads, g_.batch * pass.rows, grain, [&](int64_t begin, int64_t end, int) {
    while (begin < end) {
      const int64_t picture = begin / pass.rows, first = begin % pass.rows;
      const int64_t last = std::min(pass.rows, first + end - begin);
      DepthwisePass own = pass;
      own.source = source + picture * source_pixels * pass.channels;
      own.target = target + picture * target_pixels * pass.channels;
      convolve(own, first, last);
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
