// Optimizers, losses, schedules and options as lines of text: the kinds and settings that a line
// may have; the defaults are those of the C++ structs.
#include "c_api/training_settings.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "c_api/settings_text.h"

namespace cnnx::c_api {
namespace {

constexpr Word<Augmentation::Flip> kFlips[] = {{"never", Augmentation::Flip::never},
                                               {"random", Augmentation::Flip::random},
                                               {"alternating", Augmentation::Flip::alternating}};
constexpr Word<Augmentation::Border> kBorders[] = {{"zero", Augmentation::Border::zero},
                                                   {"reflect", Augmentation::Border::reflect}};

constexpr Word<Loss::Kind> kLosses[] = {{"cross_entropy", Loss::Kind::cross_entropy},
                                        {"binary_cross_entropy", Loss::Kind::binary_cross_entropy},
                                        {"mean_squared_error", Loss::Kind::mean_squared_error},
                                        {"mean_absolute_error", Loss::Kind::mean_absolute_error},
                                        {"huber", Loss::Kind::huber}};

// Settings shared by SGD and Muon.
template <typename Kind>
Kind with_momentum(SettingsText& line) {
  Kind optimizer;
  line.set("learning_rate", optimizer.learning_rate);
  line.set("momentum", optimizer.momentum);
  line.set("nesterov", optimizer.nesterov);
  line.set("weight_decay", optimizer.weight_decay);
  return optimizer;
}

// Settings shared by Adam and AdamW.
template <typename Kind>
Kind adam(SettingsText& line) {
  Kind adam;
  line.set("learning_rate", adam.learning_rate);
  line.set("beta1", adam.beta1);
  line.set("beta2", adam.beta2);
  line.set("epsilon", adam.epsilon);
  return adam;
}

AdamW adamw(SettingsText& line) {
  AdamW adamw = adam<AdamW>(line);
  line.set("weight_decay", adamw.weight_decay);
  return adamw;
}

RmsProp rmsprop(SettingsText& line) {
  RmsProp rmsprop;
  line.set("learning_rate", rmsprop.learning_rate);
  line.set("alpha", rmsprop.alpha);
  line.set("epsilon", rmsprop.epsilon);
  line.set("momentum", rmsprop.momentum);
  line.set("weight_decay", rmsprop.weight_decay);
  return rmsprop;
}

Muon muon(SettingsText& line) {
  Muon muon = with_momentum<Muon>(line);
  line.set("matrices", muon.matrices);
  line.set("iterations", muon.iterations);
  return muon;
}

// The schedule of a line, if it is one.
std::optional<Schedule> schedule_of(SettingsText& line) {
  Schedule schedule;
  if (line.kind() == "step_decay") {
    StepDecay& shape = schedule.shape.emplace<StepDecay>();
    line.set("factor", shape.factor);
    line.set("every", shape.every);
    line.set("at", shape.at);
  } else if (line.kind() == "cosine_decay") {
    line.set("final", schedule.shape.emplace<CosineDecay>().final);
  } else if (line.kind() == "one_cycle") {
    OneCycle& shape = schedule.shape.emplace<OneCycle>();
    line.set("peak_at", shape.peak_at);
    line.set("start", shape.start);
    line.set("final", shape.final);
  } else if (line.kind() == "triangular") {
    Triangular& shape = schedule.shape.emplace<Triangular>();
    line.set("peak_at", shape.peak_at);
    line.set("start", shape.start);
    line.set("final", shape.final);
  } else if (line.kind() == "plateau") {
    Plateau& shape = schedule.shape.emplace<Plateau>();
    line.set("factor", shape.factor);
    line.set("patience", shape.patience);
    line.set("threshold", shape.threshold);
    line.set("minimum", shape.minimum);
    line.set("higher_is_better", shape.higher_is_better);
  } else if (line.kind() != "constant_rate") {
    return std::nullopt;
  }
  line.set("warmup_epochs", schedule.warmup_epochs);
  line.set("warmup_start", schedule.warmup_start);
  return schedule;
}

// Refuses a second line that would replace the values of an earlier one.
class OnlyOnce {
 public:
  void see(const std::string& what, const SettingsText& line) {
    if (!seen_.insert(what).second) line.refuse("is a second line of " + what + ", expected one");
  }

 private:
  std::set<std::string> seen_;
};

ParameterRule rule_of(SettingsText& line) {
  ParameterRule rule;
  rule.pattern = line.get<std::string>("pattern");
  line.set("learning_rate_factor", rule.learning_rate_factor);
  line.set("weight_decay_factor", rule.weight_decay_factor);
  return rule;
}

Averaging averaging_of(SettingsText& line) {
  Averaging averaging;
  line.set("decay", averaging.decay);
  line.set("every", averaging.every);
  return averaging;
}

Augmentation augmentation_of(SettingsText& line) {
  Augmentation augmentation;
  line.set_word("flip", kFlips, augmentation.flip);
  line.set("crop_padding", augmentation.crop_padding);
  line.set("rotate", augmentation.rotate);
  line.set("scale_low", augmentation.scale_low);
  line.set("scale_high", augmentation.scale_high);
  line.set("shift", augmentation.shift);
  line.set_word("border", kBorders, augmentation.border);
  line.set("contrast", augmentation.contrast);
  line.set("brightness", augmentation.brightness);
  line.set("cutout", augmentation.cutout);
  line.set("mixup", augmentation.mixup);
  return augmentation;
}

}  // namespace

OptimizerSettings optimizer_of(const Call& call, const char* text) {
  if (!text) return Adam();
  SettingsText line = settings_of_line(call, text, "optimizer");
  OptimizerSettings optimizer;
  if (line.kind() == "sgd") {
    optimizer = with_momentum<Sgd>(line);
  } else if (line.kind() == "adam") {
    optimizer = adam<Adam>(line);
  } else if (line.kind() == "adamw") {
    optimizer = adamw(line);
  } else if (line.kind() == "rmsprop") {
    optimizer = rmsprop(line);
  } else if (line.kind() == "muon") {
    optimizer = muon(line);
  } else {
    line.refuse("expected sgd, adam, adamw, rmsprop or muon first");
  }
  line.finish();
  return optimizer;
}

Loss loss_of(const Call& call, const char* text) {
  Loss loss;
  if (!text) return loss;
  SettingsText line = settings_of_line(call, text, "loss");
  const auto* kind = std::find_if(std::begin(kLosses), std::end(kLosses),
                                  [&](const auto& word) { return line.kind() == word.text; });
  if (kind == std::end(kLosses)) {
    line.refuse(
        "expected cross_entropy, binary_cross_entropy, mean_squared_error, mean_absolute_error or "
        "huber first");
  }
  loss.kind = kind->value;
  if (loss.kind == Loss::Kind::cross_entropy) {
    line.set("label_smoothing", loss.label_smoothing);
    line.set("class_weights", loss.class_weights);
  }
  if (loss.kind == Loss::Kind::huber) line.set("delta", loss.delta);
  line.finish();
  return loss;
}

TrainerOptions trainer_options_of(const Call& call, const char* text) {
  TrainerOptions options;
  OnlyOnce once;
  for (SettingsText& line : settings_of_lines(call, text ? text : "", "options")) {
    if (line.kind().empty()) {
      once.see("settings alone", line);
      line.set("seed", options.seed);
      line.set("clip_norm", options.clip_norm);
    } else if (line.kind() == "rule") {
      options.rules.push_back(rule_of(line));
    } else if (line.kind() == "averaging") {
      once.see("averaging", line);
      options.averaging = averaging_of(line);
    } else if (const auto schedule = schedule_of(line)) {
      once.see("a schedule", line);
      options.schedule = *schedule;
    } else {
      line.refuse(
          "expected rule, averaging, a schedule (constant_rate, step_decay, cosine_decay, "
          "one_cycle, triangular, plateau), or settings alone");
    }
    line.finish();
  }
  return options;
}

EpochOptions epoch_options_of(const Call& call, const char* text) {
  EpochOptions options;
  OnlyOnce once;
  for (SettingsText& line : settings_of_lines(call, text ? text : "", "options")) {
    once.see(line.kind().empty() ? "settings alone" : line.kind(), line);
    if (line.kind().empty()) {
      line.set("batch_size", options.batch_size);
      line.set("shuffle", options.shuffle);
      line.set("number", options.number);
      line.set("first_image", options.first_image);
      if (line.has("prefetch")) options.prefetch = line.get<bool>("prefetch");
    } else if (line.kind() == "augmentation") {
      options.augmentation = augmentation_of(line);
    } else {
      line.refuse("expected augmentation, or settings alone");
    }
    line.finish();
  }
  return options;
}

}  // namespace cnnx::c_api
