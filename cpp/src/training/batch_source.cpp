// Checks the selected rows and copies them, augmented and normalised, into a batch.
#include "training/batch_source.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "cnnx/runtime.h"
#include "data/augment.h"
#include "data/augmentation.h"
#include "data/image.h"
#include "data/pixels.h"
#include "graph/model_inputs.h"
#include "runtime/sizes.h"
#include "training/mixup.h"

namespace cnnx::training {

BatchSource::BatchSource(const TrainerState& trainer, const ImageBatch& images,
                         const Targets& targets, std::vector<int64_t> rows, const char* caller)
    : trainer_(trainer), images_(images), targets_(targets), rows_(std::move(rows)) {
  data::check_images(images, caller);
  if (rows_.empty()) {
    rows_.resize(runtime::checked_size<int64_t>(images.count));
    std::iota(rows_.begin(), rows_.end(), int64_t{0});
  }
  if (rows_.empty()) {
    throw std::invalid_argument(std::string(caller) +
                                ": there are no images, expected at least one");
  }
  for (const int64_t row : rows_) {
    if (row < 0 || row >= images.count) {
      throw std::invalid_argument(std::string(caller) + ": row " + std::to_string(row) +
                                  " is out of range, expected 0 to " +
                                  std::to_string(images.count - 1));
    }
  }
  trainer.loss.check(targets, images.count);
}

double BatchSource::image_weight() const {
  if (!targets_.weights) return static_cast<double>(rows_.size());
  double total = 0;
  for (const int64_t row : rows_) total += static_cast<double>(targets_.weights[row]);
  return total;
}

void BatchSource::augment(const Augmentation& augmentation, uint64_t epoch, int64_t first_image) {
  if (!is_identity(augmentation))
    graph::refuse_several_inputs(trainer_.model->inputs, "augmentation");
  data::check_augmentation(augmentation, trainer_.model->graph.input_shape());
  if (augmentation.mixup > 0) trainer_.loss.check_blends();
  augmentation_ = augmentation;
  moved_labels_ = find_moved_targets(targets_.labels, /*of_labels=*/true);
  moved_values_ = find_moved_targets(targets_.values, /*of_labels=*/false);
  epoch_ = epoch;
  first_image_ = first_image;
}

void BatchSource::gather(const Rows& whole, const Rows& rows, int threads, Batch& batch) const {
  const int64_t* chosen = rows_.data() + rows.first;
  if (augmentation_.mixup == 0) {
    gather_images(chosen, rows.count, threads, batch);
    return gather_targets(chosen, rows.count, threads, batch);
  }
  BatchMix mix{mix_of(whole), whole.count, whole.count};
  std::vector<int64_t> with_partners;
  if (rows.count < whole.count) {
    with_partners.assign(chosen, chosen + rows.count);
    for (int64_t i = rows.first - whole.first; i < rows.first - whole.first + rows.count; ++i) {
      const int64_t partner = whole.first + (i + mix.mix.offset) % whole.count;
      with_partners.push_back(rows_[static_cast<std::size_t>(partner)]);
    }
    chosen = with_partners.data();
    mix = {{mix.mix.weight, rows.count}, rows.count, 2 * rows.count};
  }
  gather_images(chosen, mix.gathered, threads, batch);
  gather_targets(chosen, mix.gathered, threads, batch);
  const graph::Graph& graph = trainer_.model->graph;
  mix_images(mix, element_count(graph.input_shape()), threads, batch);
  mix_targets(mix, target_shape(), threads, batch);
}

LossDivisor BatchSource::divisor(const Rows& whole) const {
  const LossFunction& loss = trainer_.loss;
  if (!loss.weighs_targets() && !has_weights()) return loss.divisor({}, whole.count);
  Batch batch;
  const int threads = get_num_threads();
  gather_targets(rows_.data() + whole.first, whole.count, threads, batch);
  if (augmentation_.mixup > 0)
    mix_targets({mix_of(whole), whole.count, whole.count}, target_shape(), threads, batch);
  return loss.divisor(batch.targets, whole.count);
}

std::vector<BatchSource::PositionTargets> BatchSource::find_moved_targets(const void* array,
                                                                          bool of_labels) const {
  std::vector<PositionTargets> found;
  if (!array || !data::moves_pixels(augmentation_)) return found;
  const graph::ModelState& model = *trainer_.model;
  const bool has_heads = trainer_.loss.has_heads();
  int64_t offset = 0;
  for (const LossTerm* term : trainer_.loss.head_terms()) {
    const Shape& shape = term->output_shape();
    const bool are_labels = has_heads ? term->takes_classes() : of_labels;
    const int64_t size = are_labels ? term->labels_per_image() : term->values_per_image();
    // Values of a custom loss need not be those of positions.
    const bool are_of_positions = shape.size() == 3 && shape[0] * shape[1] > 1 &&
                                  (are_labels || size == element_count(shape));
    if (are_of_positions) {
      PositionTargets targets{offset, {model.graph.input_shape(), shape, 0}, {}};
      if (are_labels) targets.shapes.mask[2] = 1;
      // The ignored label, the soft label of class 0, or values of 0.
      targets.beyond.resize(runtime::checked_size<int64_t>(targets.shapes.mask[2]));
      targets.beyond[0] = are_labels ? term->ignore_index().value_or(0) : term->takes_classes();
      found.push_back(std::move(targets));
    }
    offset += size;
  }
  for (PositionTargets& each : found) {
    each.shapes.step = offset;
    data::check_masks(each.shapes);
  }
  return found;
}

TargetShape BatchSource::target_shape() const {
  if (!targets_.labels) return {1, trainer_.loss.values_per_image()};
  const int64_t positions = trainer_.loss.labels_per_image();
  return {positions, element_count(trainer_.model->graph.output_shape()) / positions};
}

Mix BatchSource::mix_of(const Rows& whole) const {
  return draw_mix(augmentation_.mixup, trainer_.seed, epoch_, first_image_ + whole.first,
                  whole.count);
}

void BatchSource::gather_images(const int64_t* rows, int64_t count, int threads,
                                Batch& batch) const {
  const graph::ModelState& model = *trainer_.model;
  const Shape& shape = model.graph.input_shape();
  const int64_t floats = element_count(shape);
  if (batch.storage.size() < count * floats) batch.storage = runtime::AlignedBuffer(count * floats);
  if (images_.mapped) {
    const int64_t bytes =
        floats * (images_.type == PixelType::uint8 ? 1 : static_cast<int64_t>(sizeof(float)));
    for (int64_t i = 0; i < count; ++i)
      runtime::read_ahead(static_cast<const char*>(images_.pixels) + rows[i] * bytes, bytes);
  }
  if (is_identity(augmentation_)) {
    data::gather_images(images_, rows, count, shape, model.preprocessing, threads,
                        batch.storage.data());
  } else {
    data::gather_augmented(images_, rows, count, shape, model.preprocessing, changes(), threads,
                           batch.storage.data());
  }
  batch.input = batch.storage.data();
}

void BatchSource::gather_targets(const int64_t* rows, int64_t count, int threads,
                                 Batch& batch) const {
  batch.targets = {};
  const auto gather = [&](const auto* from, int64_t size, const std::vector<PositionTargets>& moved,
                          auto& to) {
    to.resize(runtime::checked_size(count * size));
    for (int64_t i = 0; i < count; ++i)
      std::copy_n(from + rows[i] * size, size, to.data() + i * size);
    for (const PositionTargets& each : moved) {
      const std::decay_t<decltype(to)> beyond(each.beyond.begin(), each.beyond.end());
      data::gather_masks(from + each.offset, rows, count, each.shapes, changes(), beyond.data(),
                         threads, to.data() + each.offset);
    }
    return to.data();
  };
  // A custom loss takes both.
  const LossFunction& loss = trainer_.loss;
  if (targets_.labels) {
    batch.targets.labels =
        gather(targets_.labels, loss.labels_per_image(), moved_labels_, batch.labels);
  }
  if (targets_.values) {
    batch.targets.values =
        gather(targets_.values, loss.values_per_image(), moved_values_, batch.values);
  }
  if (targets_.weights) {
    batch.weights.resize(runtime::checked_size(count));
    for (int64_t i = 0; i < count; ++i)
      batch.weights[static_cast<std::size_t>(i)] = targets_.weights[rows[i]];
    batch.targets.weights = batch.weights.data();
  }
  // The program may have changed its arrays since the epoch began, and labels are indices.
  loss.check(batch.targets, count);
}

}  // namespace cnnx::training
