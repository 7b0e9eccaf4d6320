// Finds the pixels of every row and column of outputs once, and runs rows of outputs in parallel.
#include "ops/pool2d_quantized.h"

#include <algorithm>
#include <limits>

#include "kernels/quantized_pool2d.h"
#include "ops/pool2d.h"
#include "ops/quantization.h"
#include "ops/quantized_output.h"
#include "ops/shares.h"
#include "runtime/dispatch.h"

namespace cnnx::ops {
namespace {

// The windows of a pooling along one axis.
struct PoolAxis {
  int64_t size, outputs, kernel, stride, dilation, before, after;
};

// A divisor counts the pixels inside the image, or also those of the padding.
std::vector<PoolTaps> taps_of(const PoolAxis& axis, bool counts_padding) {
  std::vector<PoolTaps> taps;
  for (int64_t i = 0; i < axis.outputs; ++i) {
    const int64_t begin = i * axis.stride - axis.before;
    const auto taps_before = [&](int64_t end) {
      return std::min(axis.kernel, divide_up(end - begin, axis.dilation));
    };
    const int64_t skipped = begin < 0 ? divide_up(-begin, axis.dilation) : 0;
    const int64_t count = taps_before(axis.size) - skipped;
    taps.push_back({begin + skipped * axis.dilation, count,
                    counts_padding ? taps_before(axis.size + axis.after) : count});
  }
  return taps;
}

std::vector<PoolTaps> adaptive_taps(int64_t size, int64_t outputs) {
  std::vector<PoolTaps> taps;
  for (int64_t i = 0; i < outputs; ++i) {
    const int64_t first = i * size / outputs, count = divide_up((i + 1) * size, outputs) - first;
    taps.push_back({first, count, count});
  }
  return taps;
}

// The windows of images.
struct Windows {
  Shape input;
  Pair dilation;
  std::vector<PoolTaps> rows, columns;

  // Calls body(windows of an image, first row of outputs, end row, image) to cover all.
  template <class Body>
  void for_rows(const uint8_t* images, int threads, const Body& body) const {
    const int64_t bytes = input[1] * input[2] * input[3];
    const int64_t rows_out = static_cast<int64_t>(rows.size());
    parallel_for_rows(threads, input[0], rows_out, bytes / rows_out / kBytesOfFloat + 1,
                      [&](int64_t image, int64_t begin, int64_t end) {
                        body(QuantizedPool{images + image * bytes, input[2] * input[3], input[3],
                                           rows.data(), columns.data(), dilation.height,
                                           dilation.width, static_cast<int64_t>(columns.size())},
                             begin, end, image);
                      });
  }
  int64_t outputs() const { return static_cast<int64_t>(rows.size() * columns.size()) * input[3]; }
};

Windows windows_of(const Pool2dGeometry& g, bool counts_padding) {
  return {g.input_shape(), g.dilation,
          taps_of({g.in_height, g.out_height, g.kernel_size.height, g.stride.height,
                   g.dilation.height, g.top, g.bottom},
                  counts_padding),
          taps_of({g.in_width, g.out_width, g.kernel_size.width, g.stride.width, g.dilation.width,
                   g.left, g.right},
                  counts_padding)};
}

class QuantizedMaxPool2d final : public InferenceOp {
 public:
  explicit QuantizedMaxPool2d(Windows windows) : windows_(std::move(windows)) {}
  void forward(const ForwardArguments& a) const override {
    const auto maximum = CNNX_KERNELS(quantized_pool_kernels).maximum;
    windows_.for_rows(bytes_of(a.inputs[0]), a.threads,
                      [&](const QuantizedPool& pool, int64_t begin, int64_t end, int64_t image) {
                        maximum(pool, begin, end, bytes_of(a.output) + image * windows_.outputs());
                      });
  }

 private:
  Windows windows_;
};

class QuantizedAvgPool2d final : public InferenceOp {
 public:
  QuantizedAvgPool2d(Windows windows, const Quantization& input, const Fusion& fusion)
      : windows_(std::move(windows)), input_(input), output_(fusion) {}
  void forward(const ForwardArguments& a) const override {
    const auto mean = CNNX_KERNELS(quantized_pool_kernels).mean;
    const double unit = static_cast<double>(input_.scale) / output_.unit();
    windows_.for_rows(
        bytes_of(a.inputs[0]), a.threads,
        [&](const QuantizedPool& pool, int64_t begin, int64_t end, int64_t image) {
          mean(pool, begin, end,
               {input_.zero_point, unit, output_.epilogue(a.output, image * windows_.outputs())});
        });
  }

 private:
  Windows windows_;
  Quantization input_;
  QuantizedOutput output_;
};

}  // namespace

BoundToBytes bind_quantized_max_pool2d(const Pool2dGeometry& g, const Quantization& input) {
  return {std::make_unique<QuantizedMaxPool2d>(windows_of(g, false)), input};
}

BoundToBytes bind_quantized_avg_pool2d(const AvgPool2dGeometry& g, const Quantization& input,
                                       const Fusion& fusion) {
  return {
      std::make_unique<QuantizedAvgPool2d>(windows_of(g, !g.divide_by_real_pixels), input, fusion),
      {}};
}

BoundToBytes bind_quantized_avg_pool2d(const AdaptiveAvgPool2dGeometry& g,
                                       const Quantization& input, const Fusion& fusion) {
  Windows windows = {g.input_shape(), 1, adaptive_taps(g.in_height, g.out_height),
                     adaptive_taps(g.in_width, g.out_width)};
  return {std::make_unique<QuantizedAvgPool2d>(std::move(windows), input, fusion), {}};
}

bool image_sums_fit(const Shape& input) {
  return input[1] * input[2] <= std::numeric_limits<int32_t>::max() / kMostByte;
}

}  // namespace cnnx::ops
