// Chooses the trainer's loss and converts its sums to means.
#include "training/loss.h"

#include <algorithm>
#include <limits>
#include <stdexcept>

#include "runtime/sizes.h"

namespace cnnx::training {

LossFunction::LossFunction(const Loss& loss, const Shape& output_shape)
    : loss_(loss), outputs_(element_count(output_shape)) {
  if (loss.kind == Loss::Kind::huber) ops::check_delta(loss.delta);
  if (loss.kind != Loss::Kind::cross_entropy) return;
  const bool per_position = output_shape.size() == 3;
  if (per_position) {
    positions_ = output_shape[0] * output_shape[1];
    outputs_ = output_shape[2];
  }
  ops::check_label_smoothing(loss.label_smoothing);
  if (!loss.class_weights.empty()) {
    if (static_cast<int64_t>(loss.class_weights.size()) != outputs_) {
      throw std::invalid_argument("trainer: class_weights has " +
                                  std::to_string(loss.class_weights.size()) +
                                  " numbers, but the model's output has shape " +
                                  to_string(output_shape) + ", expected one per class");
    }
    ops::check_class_weights(class_weights(), outputs_);
  }
  if (outputs_ < 2) {
    throw std::invalid_argument(
        "trainer: cross_entropy needs one output per class, but the model's output has shape " +
        to_string(output_shape) +
        (per_position ? ": end it with Conv2d of at least 2 channels"
                      : ": end it with Dense of at least 2 features"));
  }
}

std::string LossFunction::name() const {
  for (const auto& [name, kind] : Loss::kKinds) {
    if (kind == loss_.kind) return name;
  }
  return "";
}

bool LossFunction::takes_logits() const {
  return loss_.kind == Loss::Kind::cross_entropy || loss_.kind == Loss::Kind::binary_cross_entropy;
}

void LossFunction::check(const Targets& targets, int64_t images) const {
  const bool classes = loss_.kind == Loss::Kind::cross_entropy;
  if (!targets.values && !(classes && targets.labels)) {
    throw std::invalid_argument("trainer: " + name() + " takes " +
                                (classes ? "labels, one per image" : "target values") +
                                (classes ? ", or soft labels, one per class" : ", one per output"));
  }
  if (classes) {
    ops::check_class_targets({targets.labels, targets.values}, images * positions_, outputs_);
  }
  if (loss_.kind == Loss::Kind::binary_cross_entropy)
    ops::check_binary_targets(targets.values, images, outputs_);
  ops::check_row_weights(targets.weights, images);
}

const float* LossFunction::class_weights() const {
  const bool weighted = loss_.kind == Loss::Kind::cross_entropy && !loss_.class_weights.empty();
  return weighted ? loss_.class_weights.data() : nullptr;
}

double LossFunction::divisor(const Targets& targets, int64_t images) const {
  std::vector<float> storage;
  const double weight = ops::cross_entropy_weight(
      {targets.labels, targets.values}, images * positions_, outputs_, class_weights(),
      position_weights(targets.weights, images, storage));
  return weight > 0 ? weight : 1;
}

const float* LossFunction::position_weights(const float* weights, int64_t images,
                                            std::vector<float>& storage) const {
  if (!weights || positions_ == 1) return weights;
  storage.resize(runtime::checked_size(images * positions_));
  for (int64_t i = 0; i < images; ++i)
    std::fill_n(storage.data() + i * positions_, positions_, weights[i]);
  return storage.data();
}

LossSum LossFunction::sum(const float* outputs, const Targets& targets, int64_t images,
                          double divisor, int threads, float* grad_outputs) {
  const int64_t rows = images * positions_;
  if (row_losses_.size() < rows) row_losses_ = runtime::AlignedBuffer(rows);
  if (targets.weights && row_correct_.size() < rows) row_correct_ = runtime::AlignedBuffer(rows);
  const ops::LossBatch batch{outputs,
                             rows,
                             outputs_,
                             {grad_outputs, divisor, /*accumulate=*/false},
                             row_losses_.data(),
                             threads,
                             position_weights(targets.weights, images, position_weights_),
                             row_correct_.data()};
  const auto regression = [&](ops::RegressionLoss loss) {
    return ops::regression_rows(batch, loss, targets.values, loss_.delta);
  };
  switch (loss_.kind) {
    case Loss::Kind::cross_entropy:
      return ops::cross_entropy_rows(batch, {targets.labels, targets.values},
                                     {loss_.label_smoothing, class_weights()});
    case Loss::Kind::binary_cross_entropy:
      return ops::binary_cross_entropy_rows(batch, targets.values);
    case Loss::Kind::mean_squared_error:
      return regression(ops::RegressionLoss::mean_squared_error);
    case Loss::Kind::mean_absolute_error:
      return regression(ops::RegressionLoss::mean_absolute_error);
    case Loss::Kind::huber:
      break;
  }
  return regression(ops::RegressionLoss::huber);
}

Metrics LossFunction::metrics(const LossSum& total) const {
  const double mean = total.weight > 0 ? total.sum / total.weight : 0;
  if (!takes_logits()) return {mean, std::numeric_limits<double>::quiet_NaN()};
  // Binary cross-entropy counts predictions output by output.
  const bool by_output = loss_.kind == Loss::Kind::binary_cross_entropy;
  const double outputs = by_output ? static_cast<double>(outputs_) : 1;
  const double accuracy = total.row_weight > 0 ? total.correct / (total.row_weight * outputs) : 0;
  return {mean, accuracy};
}

}  // namespace cnnx::training
