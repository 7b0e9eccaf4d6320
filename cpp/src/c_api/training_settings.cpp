// Which optimizers, losses, schedules and options can be written as a line: those that describe
// themselves (cnnx/training_settings.h); the defaults are those of the C++ structs.
#include "c_api/training_settings.h"

#include <set>
#include <string>
#include <vector>

#include "c_api/settings_text.h"
#include "cnnx/training_settings.h"

namespace cnnx::c_api {
namespace {

// Reads each setting of a line.
struct Take {
  SettingsText& line;

  template <class Value>
  void operator()(const char* name, Value& value) const {
    line.set(name, value);
  }
  template <class Value>
  void operator()(const char* name, Value& value, const Limits&) const {
    line.set(name, value);  // its range is checked where it is used
  }
  template <class Value>
  void operator()(const char* name, Value& value, const Required&) const {
    value = line.get<Value>(name);
  }
  template <class Value, std::size_t count>
  void operator()(const char* name, Value& value, const NamedValue<Value> (&words)[count]) const {
    line.set_word(name, words, value);
  }
};

template <class Any>
void take(SettingsText& line, Any& settings) {
  Any::for_each_setting(settings, Take{line});
}

// The alternative whose kind the line begins with, if there is one.
template <class Variant>
bool take_kind(SettingsText& line, Variant& settings) {
  if (!emplace_kind(settings, line.kind())) return false;
  std::visit([&](auto& each) { take(line, each); }, settings);
  return true;
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

}  // namespace

OptimizerSettings optimizer_of(const Call& call, const char* text) {
  OptimizerSettings optimizer = Adam();
  if (!text) return optimizer;
  SettingsText line = settings_of_line(call, text, "optimizer");
  if (!take_kind(line, optimizer)) line.refuse("expected " + listed(kinds(optimizer)) + " first");
  line.finish();
  return optimizer;
}

namespace {

// A line of a loss; one of several lines may have a weight.
Loss loss_of_line(SettingsText& line, bool has_weight) {
  Loss loss;
  if (!find_value(Loss::kKinds, line.kind(), loss.kind))
    line.refuse("expected " + listed(names(Loss::kKinds)) + " first");
  take(line, loss);
  if (has_weight) line.set("weight", loss.weight);
  line.finish();
  return loss;
}

}  // namespace

Loss loss_of(const Call& call, const char* text) {
  Loss loss;
  if (!text) return loss;
  std::vector<SettingsText> lines = settings_of_lines(call, text, "loss");
  if (lines.size() < 2) {
    SettingsText line = settings_of_line(call, text, "loss");
    return loss_of_line(line, /*has_weight=*/false);
  }
  loss.kind = Loss::Kind::sum;
  for (SettingsText& line : lines) loss.terms.push_back(loss_of_line(line, /*has_weight=*/true));
  return loss;
}

TrainerOptions trainer_options_of(const Call& call, const char* text) {
  TrainerOptions options;
  OnlyOnce once;
  for (SettingsText& line : settings_of_lines(call, text ? text : "", "options")) {
    if (line.kind().empty()) {
      once.see("settings alone", line);
      take(line, options);
    } else if (line.kind() == ParameterRule::kKind) {
      take(line, options.rules.emplace_back());
    } else if (line.kind() == Averaging::kKind) {
      once.see(line.kind(), line);
      take(line, options.averaging.emplace());
    } else if (take_kind(line, options.schedule.shape)) {
      once.see("a schedule", line);
      take(line, options.schedule);
    } else {
      line.refuse("expected rule, averaging, a schedule (" +
                  listed(kinds(options.schedule.shape), ", ") + "), or settings alone");
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
      take(line, options);
    } else if (line.kind() == Augmentation::kKind) {
      take(line, options.augmentation);
    } else {
      line.refuse("expected augmentation, or settings alone");
    }
    line.finish();
  }
  return options;
}

}  // namespace cnnx::c_api
