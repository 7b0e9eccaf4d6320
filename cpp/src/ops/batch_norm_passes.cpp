// Calls the kernels of batch normalisation chunk by chunk, and adds up the sums of the chunks.
#include "ops/batch_norm_passes.h"

#include <cmath>

#include "ops/bfloat16.h"
#include "runtime/dispatch.h"

namespace cnnx::ops {
namespace {

template <class Element>
const BatchNorm2dKernelsOf<Element>& kernels_of_elements() {
  return by_element<Element>(CNNX_KERNELS(batch_norm2d_kernels),
                             CNNX_KERNELS(batch_norm2d_bfloat16_kernels));
}

}  // namespace

template <class Element>
void BatchNorm<Element>::statistics(const Element* x, int threads, float* scratch, float* mean,
                                    float* variance) const {
  const auto kernel = kernels_of_elements<Element>().moments;
  chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t chunk) {
    float* const moments = scratch + 2 * chunk * channels_;
    kernel(x + first * g_.channels, pixels, g_.channels, moments, moments + channels_);
  });
  const auto count = [&](int64_t chunk) { return static_cast<double>(chunks_.pixels_of(chunk)); };
  const double total = static_cast<double>(g_.pixels);
  for (int64_t c = 0; c < g_.channels; ++c) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < chunks_.count(); ++i) sum += count(i) * scratch[2 * i * channels_ + c];
    const double middle = sum / total;
    for (int64_t i = 0; i < chunks_.count(); ++i) {
      const double distance = scratch[2 * i * channels_ + c] - middle;
      squares += scratch[(2 * i + 1) * channels_ + c] + count(i) * distance * distance;
    }
    mean[c] = static_cast<float>(middle);
    variance[c] = static_cast<float>(squares / total);
  }
}

template <class Element>
void BatchNorm<Element>::fill(const float* mean, const float* variance, const float* weight,
                              const float* bias, const BatchNormLines& lines) const {
  for (int64_t c = 0; c < g_.channels; ++c) {
    lines.mean[c] = mean[c];
    lines.inverse[c] = 1.0f / std::sqrt(variance[c] + g_.epsilon);
    lines.scale[c] = weight ? lines.inverse[c] * weight[c] : lines.inverse[c];
    lines.shift[c] = bias ? bias[c] : 0.0f;
  }
}

template <class Element>
BatchNormForwardOf<Element> BatchNorm<Element>::forward_pass(const BatchNormLines& lines,
                                                             const Element* x,
                                                             Element* output) const {
  BatchNormForwardOf<Element> pass = {};
  pass.x = x;
  pass.pixels = g_.pixels;
  pass.channels = g_.channels;
  pass.line = {lines.mean, lines.scale, lines.shift};
  pass.output = output;
  return pass;
}

template <class Element>
void BatchNorm<Element>::forward(const BatchNormForwardOf<Element>& pass, int threads) const {
  const auto kernel = kernels_of_elements<Element>().forward;
  chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t) {
    BatchNormForwardOf<Element> chunk = pass;
    const int64_t offset = first * g_.channels;
    chunk.x += offset;
    if (chunk.addend) chunk.addend += offset;
    chunk.output += offset;
    chunk.pixels = pixels;
    kernel(chunk);
  });
}

template <class Element>
BatchNormBackwardOf<Element> BatchNorm<Element>::backward_pass(const BatchNormLines& lines,
                                                               Element* grad_output,
                                                               const Element* x) const {
  BatchNormBackwardOf<Element> pass = {};
  pass.grad_output = grad_output;
  pass.x = x;
  pass.pixels = g_.pixels;
  pass.channels = g_.channels;
  pass.line = {lines.mean, lines.scale, lines.shift};
  return pass;
}

namespace {

template <class Element>
BatchNormBackwardOf<Element> chunk_of(const BatchNormBackwardOf<Element>& pass, int64_t first,
                                      int64_t pixels) {
  BatchNormBackwardOf<Element> chunk = pass;
  const int64_t offset = first * pass.channels;
  chunk.grad_output += offset;
  chunk.x += offset;
  if (chunk.output) chunk.output += offset;
  chunk.pixels = pixels;
  return chunk;
}

}  // namespace

template <class Element>
void BatchNorm<Element>::backward(const BatchNorm2dGradientKernelsOf<Element>& kernels,
                                  const BatchNormBackwardOf<Element>& pass, const float* inverse,
                                  bool statistics_are_constant,
                                  const BatchNormGradients<Element>& gradients, int threads,
                                  float* scratch) const {
  chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t chunk) {
    float* const sums = scratch + 2 * chunk * channels_;
    kernels.sums(chunk_of(pass, first, pixels), sums, sums + channels_);
  });
  const BatchNormLines lines = lines_in_scratch(scratch);
  float *const slope = lines.scale, *const offset = lines.shift, *const bend = lines.inverse;
  const double total = static_cast<double>(g_.pixels);
  for (int64_t c = 0; c < g_.channels; ++c) {
    double sum = 0, products = 0;
    for (int64_t i = 0; i < chunks_.count(); ++i) {
      sum += scratch[2 * i * channels_ + c];
      products += scratch[(2 * i + 1) * channels_ + c];
    }
    const auto write = [&](float* gradient, double value) {
      if (!gradient) return;
      gradient[c] =
          static_cast<float>(gradients.accumulate_parameters ? gradient[c] + value : value);
    };
    write(gradients.bias, sum);
    write(gradients.weight, products * inverse[c]);
    slope[c] = pass.line.scale[c];
    const double mean_factor = statistics_are_constant ? 0.0 : slope[c] / total;
    offset[c] = static_cast<float>(-mean_factor * sum);
    bend[c] = static_cast<float>(-mean_factor * products * inverse[c] * inverse[c]);
  }
  if (!gradients.values) return;
  BatchNormBackwardOf<Element> again = pass;
  // With an output to read the mask from, the pass of the sums has applied it to grad_output.
  if (again.output) again.output = nullptr, again.relu = false;
  chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t) {
    kernels.backward(chunk_of(again, first, pixels), {slope, offset, bend, gradients.accumulate,
                                                      gradients.values + first * g_.channels});
  });
}

template class BatchNorm<float>;
template class BatchNorm<uint16_t>;

}  // namespace cnnx::ops
