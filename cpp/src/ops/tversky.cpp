// The Tversky loss of a batch, parallel over images.
#include "kernels/tversky.h"

#include <vector>

#include "ops/losses.h"
#include "runtime/dispatch.h"
#include "runtime/sizes.h"

namespace cnnx::ops {

LossResult tversky_images(const LossBatch& batch, const ClassTargets& targets,
                          const TverskySettings& settings, const float* image_weights) {
  const auto kernel = CNNX_KERNELS(tversky_kernels).image;
  const int64_t positions = settings.positions, images = batch.rows / positions;
  const int64_t columns = batch.columns, floats = positions * columns;
  const double scale = row_weight_scale(image_weights, images);
  std::vector<TverskyResult> results(runtime::checked_size<TverskyResult>(images));
  constexpr int64_t kGrain = 1;
  const int slots = runtime::slot_count(batch.threads, images, kGrain);
  std::vector<float> probabilities(runtime::checked_size(slots * columns));
  std::vector<double> sums(runtime::checked_size<double>(slots * 3 * columns));
  runtime::parallel_for(slots, images, kGrain, [&](int64_t begin, int64_t end, int slot) {
    for (int64_t i = begin; i < end; ++i) {
      float* const gradient = batch.gradient.values ? batch.gradient.values + i * floats : nullptr;
      const auto from = [i](const auto* array, int64_t each) {
        return array ? array + i * each : nullptr;
      };
      results[static_cast<std::size_t>(i)] =
          kernel({batch.outputs + i * floats, positions, columns, from(targets.labels, positions),
                  from(targets.soft_labels, floats), targets.ignored, settings.class_weights,
                  settings.alpha, settings.beta, settings.smooth,
                  static_cast<float>(batch.gradient.divisor / scale), gradient,
                  probabilities.data() + slot * columns, sums.data() + slot * 3 * columns});
      if (!gradient || !image_weights) continue;
      const float weight = image_weights[i] / static_cast<float>(scale);
      for (int64_t j = 0; j < floats; ++j) gradient[j] *= weight;
    }
  });
  LossResult total;
  for (int64_t i = 0; i < images; ++i) {
    const TverskyResult& one = results[static_cast<std::size_t>(i)];
    const double weight = image_weights ? static_cast<double>(image_weights[i]) : 1.0;
    total.sum += weight * one.loss;
    total.weight += weight;
    total.correct += weight * static_cast<double>(one.correct);
    total.row_weight += weight * static_cast<double>(one.counted);
  }
  return total;
}

}  // namespace cnnx::ops
