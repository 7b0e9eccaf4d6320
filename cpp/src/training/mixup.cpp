// Draws a batch's weight by Johnk's method, in logarithms so that small alphas do not underflow,
// and blends the batch.
#include "training/mixup.h"

#include <algorithm>

#include "runtime/elementary.h"
#include "runtime/parallel.h"
#include "runtime/philox.h"
#include "runtime/sizes.h"

namespace cnnx::training {
namespace {

// One attempt in two is accepted at alpha = 1, one in seventy at 4.
constexpr uint64_t kMostAttempts = 4096;

// Uniform in (0, 1): the logarithm is finite.
float open_uniform(uint32_t word) { return runtime::unit_float(word) + 0x1p-25f; }

// The factors of a row and of its partner in their blend.
struct Factors {
  float own, other;
};

int64_t partner(const BatchMix& batch, int64_t row) {
  return (row + batch.mix.offset) % batch.gathered;
}

Factors image_factors(const Mix& mix) { return {mix.weight, 1.0f - mix.weight}; }

// Without weights (null), those of images.
Factors target_factors(const BatchMix& batch, const float* weights, int64_t row) {
  const Factors equal = image_factors(batch.mix);
  if (!weights) return equal;
  const float own = equal.own * weights[row];
  const float other = equal.other * weights[partner(batch, row)];
  const float both = own + other;
  return both > 0 ? Factors{own / both, other / both} : equal;
}

// factors(row) returns those of the row.
template <class FactorsOf>
void blend(const BatchMix& batch, const FactorsOf& factors, const float* from, int64_t size,
           int threads, float* out) {
  runtime::parallel_for(threads, batch.count, runtime::kGrainElements / size + 1,
                        [&](int64_t begin, int64_t end, int) {
                          for (int64_t i = begin; i < end; ++i) {
                            const Factors of = factors(i);
                            const float* first = from + i * size;
                            const float* second = from + partner(batch, i) * size;
                            for (int64_t k = 0; k < size; ++k)
                              out[i * size + k] = of.own * first[k] + of.other * second[k];
                          }
                        });
}

}  // namespace

Mix draw_mix(float alpha, uint64_t seed, uint64_t epoch, int64_t first, int64_t count) {
  const runtime::Philox random(seed, runtime::Stream::mixup, epoch);
  Mix mix{0.5f, 0};
  // In parallel_for, for its floating-point mode.
  runtime::parallel_for(1, 1, 1, [&](int64_t, int64_t, int) {
    for (uint64_t attempt = 0; attempt < kMostAttempts; ++attempt) {
      const auto words = random.block(static_cast<uint64_t>(first) * kMostAttempts + attempt);
      const float place = static_cast<float>(count) * runtime::unit_float(words[2]);
      mix.offset = std::min(count - 1, static_cast<int64_t>(place));
      const float x = runtime::log(open_uniform(words[0])) / alpha;
      const float y = runtime::log(open_uniform(words[1])) / alpha;
      if (runtime::exp(x) + runtime::exp(y) > 1.0f) continue;
      // e^x / (e^x + e^y)
      mix.weight = 1.0f / (1.0f + runtime::exp(y - x));
      return;
    }
  });
  return mix;
}

void mix_images(const BatchMix& mix, int64_t floats, int threads, Batch& batch) {
  if (batch.mixed.size() < mix.count * floats)
    batch.mixed = runtime::AlignedBuffer(mix.count * floats);
  const auto factors = [&](int64_t) { return image_factors(mix.mix); };
  blend(mix, factors, batch.input, floats, threads, batch.mixed.data());
  batch.input = batch.mixed.data();
}

void mix_targets(const BatchMix& mix, const TargetShape& shape, int threads, Batch& batch) {
  const int64_t positions = shape.positions, outputs = positions * shape.outputs;
  const float* const weights = batch.targets.weights;
  const auto of_targets = [&](int64_t row) { return target_factors(mix, weights, row); };
  if (batch.targets.labels) {
    batch.values.assign(runtime::checked_size(mix.count * outputs), 0.0f);
    for (int64_t i = 0; i < mix.count; ++i) {
      const int64_t* own = batch.targets.labels + i * positions;
      const int64_t* other = batch.targets.labels + partner(mix, i) * positions;
      const Factors factors = of_targets(i);
      float* soft_labels = batch.values.data() + i * outputs;
      for (int64_t p = 0; p < positions; ++p, soft_labels += shape.outputs) {
        soft_labels[own[p]] += factors.own;
        soft_labels[other[p]] += factors.other;
      }
    }
    batch.targets.labels = nullptr;
  } else {
    std::vector<float> mixed(runtime::checked_size(mix.count * outputs));
    blend(mix, of_targets, batch.targets.values, outputs, threads, mixed.data());
    batch.values = std::move(mixed);
  }
  batch.targets.values = batch.values.data();
  if (!weights) return;
  const auto of_weights = [&](int64_t) { return image_factors(mix.mix); };
  std::vector<float> mixed(runtime::checked_size(mix.count));
  blend(mix, of_weights, weights, 1, threads, mixed.data());
  batch.weights = std::move(mixed);
  batch.targets.weights = batch.weights.data();
}

}  // namespace cnnx::training
