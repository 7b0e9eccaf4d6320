// Normalisation of images of one pixel: rows of channels, a chunk of rows at a time.
#include "kernels/group_norm.h"
#include "ops/gradient_kernels.h"
#include "ops/group_norm.h"
#include "ops/pixel_chunks.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace cnnx::ops {
namespace {

class GroupNormOfRows final : public GroupNorm {
 public:
  explicit GroupNormOfRows(const GroupNormGeometry& geometry)
      : g_(geometry), chunks_(g_.images, g_.channels, kLeastPartPixels) {}

  int64_t parts() const override { return chunks_.count(); }
  int64_t scratch_floats(int) const override { return 0; }

  void measure(const GroupNormArguments& a) const override {
    const auto kernel = CNNX_KERNELS(group_norm_kernels).statistics;
    for_groups(a,
               [&](const NormRows& rows, int64_t, int64_t, int64_t) { kernel(rows, g_.epsilon); });
  }
  void forward(const GroupNormArguments& a) const override {
    const GroupNormKernels& kernels = CNNX_KERNELS(group_norm_kernels);
    for_groups(a, [&](const NormRows& rows, int64_t offset, int64_t channel, int64_t) {
      kernels.statistics(rows, g_.epsilon);
      kernels.forward(rows, a.bias + channel, a.output + offset);
    });
  }
  void backward(const GroupNormArguments& a) const override {
    const GroupNormGradientKernels& kernels = *a.kernels->group_norm;
    const int64_t line = runtime::round_up_to_line(g_.channels);
    for_groups(a, [&](const NormRows& rows, int64_t offset, int64_t channel, int64_t chunk) {
      const float* const grad = a.grad_output + offset;
      // First, because it reads memory in order; the sums then find everything in a cache.
      if (a.grad_input) kernels.backward(rows, grad, a.accumulate, a.grad_input + offset);
      if (a.sums) {
        float* const sum = a.sums + 2 * chunk * line + channel;
        kernels.sums(rows, grad, sum, sum + line);
      }
    });
  }

 private:
  // Calls body(rows, offset in x, first channel, chunk) for every group of every chunk.
  template <class Body>
  void for_groups(const GroupNormArguments& a, const Body& body) const {
    const int64_t channels = g_.channels / g_.groups;
    chunks_.for_each(a.threads, [&](int64_t first, int64_t count, int64_t chunk) {
      for (int64_t group = 0; group < g_.groups; ++group) {
        const int64_t channel = group * channels, offset = first * g_.channels + channel;
        float* const mean = a.statistics + 2 * first * g_.groups + group;
        body(NormRows{a.x + offset, count, channels, g_.channels, a.weight + channel, mean,
                      mean + g_.groups, 2 * g_.groups},
             offset, channel, chunk);
      }
    });
  }

  GroupNormGeometry g_;
  PixelChunks chunks_;
};

}  // namespace

std::unique_ptr<const GroupNorm> group_norm_of_rows(const GroupNormGeometry& geometry) {
  return std::make_unique<GroupNormOfRows>(geometry);
}

}  // namespace cnnx::ops
