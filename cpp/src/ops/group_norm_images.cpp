// Normalisation of images with the passes of a batch norm, with different coefficients per image.
#include <cmath>

#include "kernels/batch_norm2d.h"
#include "ops/gradient_kernels.h"
#include "ops/group_norm.h"
#include "ops/pixel_chunks.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx::ops {
namespace {

class GroupNormOfImages final : public GroupNorm {
 public:
  explicit GroupNormOfImages(const GroupNormGeometry& geometry)
      : g_(geometry),
        chunks_(g_.pixels, g_.channels, kLeastPartPixels),
        group_channels_(g_.channels / g_.groups),
        line_(runtime::round_up_to_line(g_.channels)) {}

  int64_t parts() const override { return g_.images; }
  int64_t scratch_floats(int threads) const override { return threads * image_floats(); }

  void measure(const GroupNormArguments& a) const override {
    for_images(a, [&](int64_t image, int threads, float* scratch) {
      measure(a, image, threads, scratch);
    });
  }
  void forward(const GroupNormArguments& a) const override {
    for_images(a, [&](int64_t image, int threads, float* scratch) {
      measure(a, image, threads, scratch);
      forward(a, image, threads, scratch);
    });
  }
  void backward(const GroupNormArguments& a) const override {
    for_images(a, [&](int64_t image, int threads, float* scratch) {
      backward(a, image, threads, scratch);
    });
  }

 private:
  // An image's scratch: two sums per chunk and channel, and four lines of a number per channel.
  int64_t image_floats() const { return (2 * chunks_.count() + 4) * line_; }
  float* line(float* scratch, int index) const {
    return scratch + (2 * chunks_.count() + index) * line_;
  }
  int64_t offset(int64_t image) const { return image * g_.pixels * g_.channels; }
  float* mean(const GroupNormArguments& a, int64_t image) const {
    return a.statistics + 2 * image * g_.groups;
  }
  const float* inverse(const GroupNormArguments& a, int64_t image) const {
    return mean(a, image) + g_.groups;
  }

  template <class Body>
  void for_images(const GroupNormArguments& a, const Body& body) const {
    chunks_.for_images(g_.images, a.threads, a.scratch, image_floats(), body);
  }

  void measure(const GroupNormArguments& a, int64_t image, int threads, float* scratch) const;
  void forward(const GroupNormArguments& a, int64_t image, int threads, float* scratch) const;
  void backward(const GroupNormArguments& a, int64_t image, int threads, float* scratch) const;
  // An image's lines, and batch norm's numbers in them.
  BatchNormLine fill(const GroupNormArguments& a, int64_t image, float* scratch) const;

  GroupNormGeometry g_;
  PixelChunks chunks_;
  int64_t group_channels_, line_;
};

void GroupNormOfImages::measure(const GroupNormArguments& a, int64_t image, int threads,
                                float* scratch) const {
  const auto kernel = CNNX_KERNELS(batch_norm2d_kernels).moments;
  const float* const x = a.x + offset(image);
  chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t chunk) {
    float* const moments = scratch + 2 * chunk * line_;
    kernel(x + first * g_.channels, pixels, g_.channels, moments, moments + line_);
  });
  float *const means = mean(a, image), *const inverses = means + g_.groups;
  const double total = static_cast<double>(g_.pixels * group_channels_);
  for (int64_t group = 0; group < g_.groups; ++group) {
    const int64_t begin = group * group_channels_, end = begin + group_channels_;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < chunks_.count(); ++i) {
      const float* const chunk_means = scratch + 2 * i * line_;
      double chunk_sum = 0;
      for (int64_t c = begin; c < end; ++c) chunk_sum += chunk_means[c];
      sum += static_cast<double>(chunks_.pixels_of(i)) * chunk_sum;
    }
    const double middle = sum / total;
    for (int64_t i = 0; i < chunks_.count(); ++i) {
      const float* const chunk_means = scratch + 2 * i * line_;
      const double count = static_cast<double>(chunks_.pixels_of(i));
      for (int64_t c = begin; c < end; ++c) {
        const double distance = chunk_means[c] - middle;
        squares += chunk_means[line_ + c] + count * distance * distance;
      }
    }
    means[group] = static_cast<float>(middle);
    inverses[group] = 1.0f / std::sqrt(static_cast<float>(squares / total) + g_.epsilon);
  }
}

BatchNormLine GroupNormOfImages::fill(const GroupNormArguments& a, int64_t image,
                                      float* scratch) const {
  float *const means = line(scratch, 0), *const scales = line(scratch, 1);
  for (int64_t c = 0; c < g_.channels; ++c) {
    means[c] = mean(a, image)[c / group_channels_];
    scales[c] = inverse(a, image)[c / group_channels_] * a.weight[c];
  }
  return {means, scales, a.bias};
}

void GroupNormOfImages::forward(const GroupNormArguments& a, int64_t image, int threads,
                                float* scratch) const {
  const auto kernel = CNNX_KERNELS(batch_norm2d_kernels).forward;
  BatchNormForward pass = {};
  pass.channels = g_.channels;
  pass.line = fill(a, image, scratch);
  chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t) {
    BatchNormForward chunk = pass;
    const int64_t place = offset(image) + first * g_.channels;
    chunk.x = a.x + place;
    chunk.output = a.output + place;
    chunk.pixels = pixels;
    kernel(chunk);
  });
}

void GroupNormOfImages::backward(const GroupNormArguments& a, int64_t image, int threads,
                                 float* scratch) const {
  const BatchNorm2dGradientKernels& kernels = *a.kernels->batch_norm2d;
  BatchNormBackward pass = {};
  pass.channels = g_.channels;
  pass.line = fill(a, image, scratch);
  pass.line.shift = pass.line.mean;  // only a mask would read it
  const auto chunk_of = [&](int64_t first, int64_t pixels) {
    BatchNormBackward chunk = pass;
    const int64_t place = offset(image) + first * g_.channels;
    // Without a ReLU, grad_output is not written.
    chunk.grad_output = const_cast<float*>(a.grad_output) + place;
    chunk.x = a.x + place;
    chunk.pixels = pixels;
    return chunk;
  };
  chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t chunk) {
    float* const sums = scratch + 2 * chunk * line_;
    kernels.sums(chunk_of(first, pixels), sums, sums + line_);
  });
  float *const offsets = line(scratch, 2), *const bends = line(scratch, 3);
  float* const part_sums = a.sums ? a.sums + 2 * image * line_ : nullptr;
  for (int64_t group = 0; group < g_.groups; ++group) {
    const int64_t begin = group * group_channels_, end = begin + group_channels_;
    const double factor = inverse(a, image)[group];
    double weighted_sum = 0, weighted_products = 0;
    for (int64_t c = begin; c < end; ++c) {
      double sum = 0, products = 0;
      for (int64_t i = 0; i < chunks_.count(); ++i) {
        sum += scratch[2 * i * line_ + c];
        products += scratch[(2 * i + 1) * line_ + c];
      }
      if (part_sums) {
        part_sums[c] = static_cast<float>(sum);
        part_sums[line_ + c] = static_cast<float>(products * factor);
      }
      weighted_sum += sum * a.weight[c];
      weighted_products += products * a.weight[c];
    }
    const double mean_factor = factor / static_cast<double>(g_.pixels * group_channels_);
    for (int64_t c = begin; c < end; ++c) {
      offsets[c] = static_cast<float>(-mean_factor * weighted_sum);
      bends[c] = static_cast<float>(-mean_factor * weighted_products * factor * factor);
    }
  }
  if (!a.grad_input) return;
  chunks_.for_each(threads, [&](int64_t first, int64_t pixels, int64_t) {
    kernels.backward(chunk_of(first, pixels), {pass.line.scale, offsets, bends, a.accumulate,
                                               a.grad_input + offset(image) + first * g_.channels});
  });
}

}  // namespace

std::unique_ptr<const GroupNorm> group_norm_of_images(const GroupNormGeometry& geometry) {
  return std::make_unique<GroupNormOfImages>(geometry);
}

}  // namespace cnnx::ops
