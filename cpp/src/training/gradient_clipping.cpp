// Sums squares chunk by chunk, then over the chunks in order.
#include "training/gradient_clipping.h"

#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "kernels/gradient_clipping.h"
#include "runtime/dispatch.h"

namespace cnnx::training {
namespace {

constexpr int64_t kChunkFloats = 16 * 1024;
// About 20 microseconds.
constexpr int64_t kGrainChunks = 4;

}  // namespace

GradientClipping::GradientClipping(double norm, const std::vector<ParameterSegment>& segments)
    : norm_(norm) {
  if (!(norm >= 0 && std::isfinite(norm))) {
    char number[32];
    std::snprintf(number, sizeof number, "%g", norm);
    throw std::invalid_argument("trainer: clip_norm is " + std::string(number) +
                                ", expected a finite number >= 0");
  }
  if (norm == 0) return;
  for (const ParameterSegment& segment : segments) {
    if (!segment.is_trained()) continue;
    for (int64_t first = segment.offset; first < segment.end(); first += kChunkFloats)
      chunks_.push_back({first, std::min(kChunkFloats, segment.end() - first)});
  }
  sums_.resize(chunks_.size());
}

double GradientClipping::scale(const float* gradients, int threads) {
  if (norm_ == 0) return 1;
  const auto kernel = CNNX_KERNELS(gradient_clipping_kernels).sum_of_squares;
  runtime::parallel_for(threads, static_cast<int64_t>(chunks_.size()), kGrainChunks,
                        [&](int64_t begin, int64_t end, int) {
                          for (int64_t i = begin; i < end; ++i) {
                            const Chunk& chunk = chunks_[static_cast<std::size_t>(i)];
                            sums_[static_cast<std::size_t>(i)] =
                                kernel(gradients + chunk.offset, chunk.count);
                          }
                        });
  double sum = 0;
  for (const double part : sums_) sum += part;
  // Written so that NaN comes through and stops the training where it is looked for.
  const double scale = norm_ / (std::sqrt(sum) + 1e-6);
  return scale > 1 ? 1 : scale;
}

}  // namespace cnnx::training
