// Turns kinds and dictionaries, which the Python side has checked, into settings.
#include "training_settings.h"

namespace cnnx::bindings {
namespace {

double number(const py::dict& settings, const char* name) { return settings[name].cast<double>(); }

}  // namespace

OptimizerSettings optimizer_of(const std::string& kind, const py::dict& settings) {
  if (kind == "sgd") {
    return Sgd{number(settings, "learning_rate"), number(settings, "momentum"),
               settings["nesterov"].cast<bool>(), number(settings, "weight_decay")};
  }
  if (kind == "rmsprop") {
    return RmsProp{number(settings, "learning_rate"), number(settings, "alpha"),
                   number(settings, "epsilon"), number(settings, "momentum"),
                   number(settings, "weight_decay")};
  }
  if (kind == "muon") {
    return Muon{number(settings, "learning_rate"),        number(settings, "momentum"),
                settings["nesterov"].cast<bool>(),        number(settings, "weight_decay"),
                settings["matrices"].cast<std::string>(), settings["iterations"].cast<int64_t>()};
  }
  const auto betas = settings["betas"].cast<std::pair<double, double>>();
  if (kind == "adam") {
    return Adam{number(settings, "learning_rate"), betas.first, betas.second,
                number(settings, "epsilon")};
  }
  if (kind == "adamw") {
    return AdamW{number(settings, "learning_rate"), betas.first, betas.second,
                 number(settings, "epsilon"), number(settings, "weight_decay")};
  }
  throw py::value_error("trainer: optimizer kind \"" + kind + "\" is unknown");
}

Loss loss_of(const std::string& kind, const py::dict& settings) {
  Loss loss;
  if (kind == "cross_entropy") {
    loss.kind = Loss::Kind::cross_entropy;
    loss.label_smoothing = settings["label_smoothing"].cast<float>();
    loss.class_weights = settings["class_weights"].cast<std::vector<float>>();
    return loss;
  }
  if (kind == "huber") {
    loss.kind = Loss::Kind::huber;
    loss.delta = settings["delta"].cast<float>();
    return loss;
  }
  if (kind == "binary_cross_entropy") return {Loss::Kind::binary_cross_entropy};
  if (kind == "mean_squared_error") return {Loss::Kind::mean_squared_error};
  if (kind == "mean_absolute_error") return {Loss::Kind::mean_absolute_error};
  throw py::value_error("trainer: loss kind \"" + kind + "\" is unknown");
}

Schedule schedule_of(const py::object& recipe) {
  Schedule schedule;
  if (recipe.is_none()) return schedule;
  const auto [kind, settings] = recipe.cast<std::pair<std::string, py::dict>>();
  if (kind == "warmup") {
    schedule = schedule_of(settings["then"]);
    schedule.warmup_epochs = number(settings, "epochs");
    schedule.warmup_start = number(settings, "start");
  } else if (kind == "step_decay") {
    schedule.shape = StepDecay{number(settings, "factor"), number(settings, "every"),
                               settings["at"].cast<std::vector<double>>()};
  } else if (kind == "cosine_decay") {
    schedule.shape = CosineDecay{number(settings, "final")};
  } else if (kind == "one_cycle") {
    schedule.shape =
        OneCycle{number(settings, "peak_at"), number(settings, "start"), number(settings, "final")};
  } else if (kind == "triangular") {
    schedule.shape = Triangular{number(settings, "peak_at"), number(settings, "start"),
                                number(settings, "final")};
  } else if (kind == "plateau") {
    schedule.shape = Plateau{number(settings, "factor"), settings["patience"].cast<int64_t>(),
                             number(settings, "threshold"), number(settings, "minimum"),
                             settings["higher_is_better"].cast<bool>()};
  } else {
    throw py::value_error("trainer: schedule kind \"" + kind + "\" is unknown");
  }
  return schedule;
}

TrainerOptions trainer_options_of(const py::dict& options) {
  TrainerOptions result;
  result.seed = options["seed"].cast<uint64_t>();
  for (const py::handle rule : options["rules"]) {
    const auto [pattern, learning_rate_factor, weight_decay_factor] =
        rule.cast<std::tuple<std::string, double, double>>();
    result.rules.push_back({pattern, learning_rate_factor, weight_decay_factor});
  }
  result.clip_norm = number(options, "clip_norm");
  if (!options["averaging"].is_none()) {
    const auto [decay, every] = options["averaging"].cast<std::pair<double, int64_t>>();
    result.averaging = Averaging{decay, every};
  }
  result.schedule = schedule_of(options["schedule"]);
  return result;
}

}  // namespace cnnx::bindings
