// Chooses the op of a loss, and checks its settings and targets.
#include "training/loss_term.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include "runtime/check_settings.h"
#include "runtime/sizes.h"

namespace cnnx::training {

using Kind = Loss::Kind;

namespace {

bool has_terms(Kind kind) { return kind == Kind::sum || kind == Kind::heads; }

using SettingValue = std::variant<float, double, std::vector<float>, std::optional<int64_t>>;

// The values that a loss has for the settings of a kind, its own or another one.
std::map<std::string, SettingValue> settings_of_kind(Loss loss, Kind kind) {
  std::map<std::string, SettingValue> settings;
  loss.kind = kind;
  Loss::for_each_setting(loss, [&](const char* name, const auto& value, const auto&...) {
    settings.emplace(name, value);
  });
  return settings;
}

// Calls refuse(name) for a setting that is not the default, but of other kinds.
template <class Refuse>
void check_settings_of_other_kinds(const Loss& loss, const Refuse& refuse) {
  const auto own = settings_of_kind(loss, loss.kind);
  for (const NamedValue<Kind>& other : Loss::kKinds) {
    const auto usual = settings_of_kind(Loss(), other.value);
    for (const auto& [name, value] : settings_of_kind(loss, other.value))
      if (own.count(name) == 0 && !(value == usual.at(name))) refuse(name);
  }
}

}  // namespace

std::string name_of_kind(Kind kind) {
  if (kind == Kind::custom) return "custom";
  if (has_terms(kind)) return kind == Kind::sum ? "sum" : "heads";
  return name_of(Loss::kKinds, kind);
}

void check_members(const Loss& loss, bool is_term) {
  const bool is_custom = loss.kind == Kind::custom;
  if (!is_custom && !has_terms(loss.kind))
    runtime::check_named("trainer: ", "the loss's kind", loss.kind, Loss::kKinds);
  const auto refuse = [&](const std::string& member) {
    const std::string name = name_of_kind(loss.kind);
    throw std::invalid_argument(name + ": " + member + " is set, expected only settings of " +
                                name);
  };
  check_settings_of_other_kinds(loss, refuse);
  if (!is_custom && loss.function) refuse("function");
  if (!is_custom && loss.target_size != 0) refuse("target_size");
  if (!is_custom && loss.takes_logits) refuse("takes_logits");
  if (!has_terms(loss.kind) && !loss.terms.empty()) refuse("terms");
  if (!is_term && loss.weight != 1) refuse("weight");
}

LossTerm::LossTerm(const Loss& loss, const Shape& output_shape)
    : loss_(loss),
      output_shape_(output_shape),
      outputs_(element_count(output_shape)),
      values_(outputs_) {
  runtime::check_settings(name() + ": ", loss);
  if (loss.kind == Kind::huber) ops::check_delta(loss.delta);
  const bool per_position = output_shape.size() == 3;
  if (is_custom()) {
    if (!loss.function)
      throw std::invalid_argument("custom: function is empty, expected one to call");
    if (loss.target_size < 0) {
      throw std::invalid_argument("custom: target_size is " + std::to_string(loss.target_size) +
                                  ", expected 0 or more");
    }
    if (loss.target_size > 0) values_ = loss.target_size;
    if (per_position) positions_ = output_shape[0] * output_shape[1];
    takes_classes_ = loss.takes_logits;
    return;
  }
  if (!takes_logits() || loss.kind == Kind::binary_cross_entropy) return;
  if (per_position) {
    positions_ = output_shape[0] * output_shape[1];
    outputs_ = output_shape[2];
  }
  takes_classes_ = loss.kind == Kind::cross_entropy || outputs_ > 1;
  if (is_tversky() && !per_position) {
    throw std::invalid_argument(
        "trainer: " + name() + " compares positions, but the model's output has shape " +
        to_string(output_shape) + ": end it with Conv2d, expected (height, width, classes)");
  }
  if (loss.ignore_index && !takes_classes_) {
    throw std::invalid_argument(
        "trainer: " + name() +
        " has ignore_index, but the model has a single output per position, whose targets are "
        "values: end it with Conv2d of 2 channels");
  }
  ops::check_label_smoothing(loss.label_smoothing);
  check_class_weights(output_shape);
  if (loss.kind == Kind::cross_entropy && outputs_ < 2) {
    throw std::invalid_argument(
        "trainer: cross_entropy needs one output per class, but the model's output has shape " +
        to_string(output_shape) +
        (per_position ? ": end it with Conv2d of at least 2 channels"
                      : ": end it with Dense of at least 2 features"));
  }
}

void LossTerm::check_class_weights(const Shape& output_shape) const {
  const std::vector<float>& weights = loss_.class_weights;
  if (weights.empty()) return;
  // The sigmoid of a single output tells two classes apart.
  const int64_t classes = loss_.kind == Kind::focal ? std::max<int64_t>(2, outputs_) : outputs_;
  if (static_cast<int64_t>(weights.size()) != classes) {
    throw std::invalid_argument("trainer: class_weights has " + std::to_string(weights.size()) +
                                " numbers, but the model's output has shape " +
                                to_string(output_shape) + ", expected one per class");
  }
  ops::check_class_weights(name().c_str(), weights.data(), classes);
  if (*std::max_element(weights.begin(), weights.end()) == 0.0f) {
    throw std::invalid_argument(name() +
                                ": class_weights has only zeros, expected a number above 0");
  }
}

std::string LossTerm::name() const { return name_of_kind(loss_.kind); }

bool LossTerm::takes_logits() const {
  switch (loss_.kind) {
    case Kind::mean_squared_error:
    case Kind::mean_absolute_error:
    case Kind::huber:
      return false;
    case Kind::custom:
      return loss_.takes_logits;
    default:
      return true;
  }
}

void LossTerm::check(const Targets& targets, int64_t images) const {
  if (is_custom()) {
    if (!targets.labels && !targets.values)
      throw std::invalid_argument("trainer: custom takes labels or values");
    if (targets.weights) {
      throw std::invalid_argument(
          "trainer: weights are given, but custom returns the mean of a batch, expected none");
    }
    return;
  }
  if (targets.labels && targets.values) {
    throw std::invalid_argument("trainer: labels and values are given, but " + name() +
                                " takes one of them");
  }
  const bool takes_soft_labels = loss_.kind != Kind::focal;
  if (!takes_classes_) {
    if (!targets.values) {
      throw std::invalid_argument("trainer: " + name() + " takes target values, one per output");
    }
    if (takes_logits())
      ops::check_binary_targets(name().c_str(), targets.values, images * positions_, outputs_);
  } else if (targets.labels || (targets.values && takes_soft_labels)) {
    ops::check_class_targets(name().c_str(), class_targets(targets), images * positions_, outputs_);
  } else {
    throw std::invalid_argument("trainer: " + name() + " takes labels, one per " +
                                (positions_ > 1 ? "position" : "image") +
                                (takes_soft_labels ? ", or soft labels, one per class" : ""));
  }
  ops::check_row_weights(targets.weights, images);
}

const float* LossTerm::class_weights() const {
  return loss_.class_weights.empty() ? nullptr : loss_.class_weights.data();
}

ops::ClassTargets LossTerm::class_targets(const Targets& targets) const {
  // Labels are absent where values are given.
  return {targets.labels, targets.labels ? nullptr : targets.values,
          loss_.ignore_index.value_or(kNoLabel)};
}

ops::TverskySettings LossTerm::tversky_settings() const {
  const bool is_dice = loss_.kind == Kind::dice;
  // Dice is the index with halves for alpha and beta, and half the smoothing.
  return {positions_, is_dice ? 0.5 : loss_.alpha, is_dice ? 0.5 : loss_.beta,
          is_dice ? loss_.smooth / 2 : loss_.smooth, class_weights()};
}

double LossTerm::weight(const Targets& targets, int64_t images) const {
  const int64_t rows = images * positions_;
  if (is_custom() || is_tversky() || !takes_logits() || loss_.kind == Kind::binary_cross_entropy)
    return ops::total_row_weight({}, images, targets.weights);
  std::vector<float> storage;
  const float* const weights = position_weights(targets.weights, images, storage);
  if (!takes_classes_)
    return ops::binary_focal_weight(targets.values, rows, class_weights(), weights);
  return ops::cross_entropy_weight(class_targets(targets), rows, outputs_, class_weights(),
                                   weights);
}

const float* LossTerm::position_weights(const float* weights, int64_t images,
                                        std::vector<float>& storage) const {
  if (!weights || positions_ == 1) return weights;
  storage.resize(runtime::checked_size(images * positions_));
  for (int64_t i = 0; i < images; ++i)
    std::fill_n(storage.data() + i * positions_, positions_, weights[i]);
  return storage.data();
}

LossSum LossTerm::sum(const float* outputs, const Targets& targets, int64_t images, double divisor,
                      int threads, float* grad_outputs) {
  if (is_custom()) return custom_sum(outputs, targets, images, divisor, grad_outputs);
  const int64_t rows = images * positions_;
  ops::LossBatch batch{outputs, rows,   outputs_, {grad_outputs, divisor, /*accumulate=*/false},
                       nullptr, threads};
  if (is_tversky())
    return ops::tversky_images(batch, class_targets(targets), tversky_settings(), targets.weights);
  if (row_losses_.size() < rows) row_losses_ = runtime::AlignedBuffer(rows);
  if (targets.weights && row_correct_.size() < rows) row_correct_ = runtime::AlignedBuffer(rows);
  batch.row_losses = row_losses_.data();
  batch.row_weights = position_weights(targets.weights, images, position_weights_);
  batch.row_correct = row_correct_.data();
  const auto regression = [&](ops::RegressionLoss loss) {
    return ops::regression_rows(batch, loss, targets.values, loss_.delta);
  };
  switch (loss_.kind) {
    case Kind::cross_entropy:
      return ops::cross_entropy_rows(batch, class_targets(targets),
                                     {loss_.label_smoothing, class_weights()});
    case Kind::focal: {
      const FocalSettings settings = {loss_.gamma, class_weights()};
      return takes_classes_ ? ops::focal_rows(batch, class_targets(targets), settings)
                            : ops::binary_focal_rows(batch, targets.values, settings);
    }
    case Kind::binary_cross_entropy:
      return ops::binary_cross_entropy_rows(batch, targets.values);
    case Kind::mean_squared_error:
      return regression(ops::RegressionLoss::mean_squared_error);
    case Kind::mean_absolute_error:
      return regression(ops::RegressionLoss::mean_absolute_error);
    default:
      return regression(ops::RegressionLoss::huber);
  }
}

LossSum LossTerm::custom_sum(const float* outputs, const Targets& targets, int64_t images,
                             double divisor, float* grad_outputs) const {
  const double count = static_cast<double>(images);
  LossSum result;
  result.sum = count * loss_.function(outputs, targets, images, grad_outputs);
  result.weight = result.row_weight = count;
  const auto factor = static_cast<float>(count / divisor);
  const int64_t floats = grad_outputs && factor != 1.0f ? images * outputs_ : 0;
  for (int64_t i = 0; i < floats; ++i) grad_outputs[i] *= factor;
  return result;
}

double LossTerm::accuracy(const LossSum& total) const {
  // Binary cross-entropy counts predictions output by output.
  const bool by_output = loss_.kind == Kind::binary_cross_entropy;
  const double outputs = by_output ? static_cast<double>(outputs_) : 1;
  return total.row_weight > 0 ? total.correct / (total.row_weight * outputs) : 0;
}

}  // namespace cnnx::training
