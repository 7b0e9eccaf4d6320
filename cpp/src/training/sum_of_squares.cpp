// Sums chunks in threads, and adds their sums in order.
#include "training/sum_of_squares.h"

#include <algorithm>
#include <vector>

#include "kernels/sum_of_squares.h"
#include "runtime/dispatch.h"
#include "runtime/parallel.h"
#include "runtime/sizes.h"

namespace cnnx::training {
namespace {

constexpr int64_t kChunkFloats = 16 * 1024;
// About 20 microseconds.
constexpr int64_t kGrainChunks = 4;

}  // namespace

double add_squares(double sum, const float* values, int64_t count, int threads) {
  const auto kernel = CNNX_KERNELS(sum_of_squares_kernels).sum_of_squares;
  std::vector<double> parts(
      runtime::checked_size<double>((count + kChunkFloats - 1) / kChunkFloats));
  runtime::parallel_for(threads, static_cast<int64_t>(parts.size()), kGrainChunks,
                        [&](int64_t begin, int64_t end, int) {
                          for (int64_t i = begin; i < end; ++i) {
                            const int64_t first = i * kChunkFloats;
                            parts[static_cast<std::size_t>(i)] =
                                kernel(values + first, std::min(kChunkFloats, count - first));
                          }
                        });
  for (const double part : parts) sum += part;
  return sum;
}

}  // namespace cnnx::training
