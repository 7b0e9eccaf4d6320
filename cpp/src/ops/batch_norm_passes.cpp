// Calls the kernels of batch normalisation chunk by chunk, and adds up the sums of the chunks.
#include "ops/batch_norm_passes.h"

#include <algorithm>
#include <cmath>

#include "ops/elements.h"
#include "runtime/dispatch.h"

namespace cnnx::ops {
namespace {

template <class Element>
const BatchNorm2dKernelsOf<Element>& kernels_of_elements() {
  return by_element<Element>(CNNX_KERNELS(batch_norm2d_kernels),
                             CNNX_BFLOAT16_KERNELS(batch_norm2d_bfloat16_kernels));
}

// Channels whose sums over chunks are added up together: a cache line of every chunk's sums.
constexpr int64_t kBlock = 16;

// Calls body(first channel, channels) for blocks of channels.
template <class Body>
void for_channel_blocks(int64_t channels, int64_t chunks, int threads, const Body& body) {
  constexpr int64_t kGrainLines = 1024;
  runtime::parallel_for(threads, divide_up(channels, kBlock), kGrainLines / (chunks + 1) + 1,
                        [&](int64_t begin, int64_t end, int) {
                          for (int64_t block = begin; block < end; ++block) {
                            const int64_t first = block * kBlock;
                            body(first, std::min(kBlock, channels - first));
                          }
                        });
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
  const double total = static_cast<double>(g_.pixels);
  for_channel_blocks(g_.channels, chunks_.count(), threads, [&](int64_t begin, int64_t channels) {
    double middle[kBlock] = {}, squares[kBlock] = {};
    for (int64_t i = 0; i < chunks_.count(); ++i) {
      const double count = static_cast<double>(chunks_.pixels_of(i));
      const float* const means = scratch + 2 * i * channels_ + begin;
      for (int64_t c = 0; c < channels; ++c) middle[c] += count * means[c];
    }
    for (int64_t c = 0; c < channels; ++c) middle[c] /= total;
    for (int64_t i = 0; i < chunks_.count(); ++i) {
      const double count = static_cast<double>(chunks_.pixels_of(i));
      const float* const means = scratch + 2 * i * channels_ + begin;
      const float* const own_squares = means + channels_;
      for (int64_t c = 0; c < channels; ++c) {
        const double distance = means[c] - middle[c];
        squares[c] += own_squares[c] + count * distance * distance;
      }
    }
    for (int64_t c = 0; c < channels; ++c) {
      mean[begin + c] = static_cast<float>(middle[c]);
      variance[begin + c] = static_cast<float>(squares[c] / total);
    }
  });
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
  const auto write = [&](float* gradient, double value) {
    if (!gradient) return;
    *gradient = static_cast<float>(gradients.accumulate_parameters ? *gradient + value : value);
  };
  for_channel_blocks(g_.channels, chunks_.count(), threads, [&](int64_t begin, int64_t channels) {
    double sum[kBlock] = {}, products[kBlock] = {};
    for (int64_t i = 0; i < chunks_.count(); ++i) {
      const float* const sums = scratch + 2 * i * channels_ + begin;
      for (int64_t c = 0; c < channels; ++c) {
        sum[c] += sums[c];
        products[c] += sums[channels_ + c];
      }
    }
    for (int64_t i = 0; i < channels; ++i) {
      const int64_t c = begin + i;
      write(gradients.bias ? gradients.bias + c : nullptr, sum[i]);
      write(gradients.weight ? gradients.weight + c : nullptr, products[i] * inverse[c]);
      slope[c] = pass.line.scale[c];
      const double mean_factor = statistics_are_constant ? 0.0 : slope[c] / total;
      offset[c] = static_cast<float>(-mean_factor * sum[i]);
      bend[c] = static_cast<float>(-mean_factor * products[i] * inverse[c] * inverse[c]);
    }
  });
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
