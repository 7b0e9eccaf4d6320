// Turns kinds and dictionaries into settings, and settings into a list, by their own description
// (cnnx/training_settings.h).
#include "training_settings.h"

#include <optional>
#include <tuple>
#include <type_traits>
#include <vector>

#include "cnnx/training_settings.h"
#include "custom_loss.h"

namespace cnnx::bindings {
namespace {

// Takes settings out of dictionaries and refuses those that no struct has.
class Taking {
 public:
  explicit Taking(const py::dict& settings) : rest_(settings.attr("copy")()) {}

  // None when it is missing.
  py::object value(const char* name) { return rest_.attr("pop")(name, py::none()); }

  template <class Value, class... Allowed>
  void operator()(const char* name, Value& value, const Allowed&...) {
    if (const py::object given = this->value(name); !given.is_none()) value = given.cast<Value>();
  }
  template <class Value, std::size_t count>
  void operator()(const char* name, Value& value, const NamedValue<Value> (&words)[count]) {
    const py::object given = this->value(name);
    if (given.is_none() || find_value(words, given.cast<std::string>(), value)) return;
    throw py::value_error(std::string(name) + " is " + py::repr(given).cast<std::string>());
  }

  template <class Any>
  Taking& into(Any& settings) {
    Any::for_each_setting(settings, *this);
    return *this;
  }

  void finish() const {
    for (const auto& [name, value] : rest_)
      throw py::value_error("there is no setting named " + py::str(name).cast<std::string>());
  }

 private:
  py::dict rest_;
};

template <class Any>
Any settings_of(const py::dict& given) {
  Any settings;
  Taking(given).into(settings).finish();
  return settings;
}

// Lists settings with their defaults.
struct Listing {
  py::list& list;

  template <class Value, class... Allowed>
  void operator()(const char* name, const Value& value, const Allowed&...) const {
    list.append(py::make_tuple(name, value));
  }
  template <class Value>
  void operator()(const char* name, const Value&, const Required&) const {
    list.append(py::make_tuple(name, py::none()));
  }
  template <class Value, std::size_t count>
  void operator()(const char* name, const Value& value,
                  const NamedValue<Value> (&words)[count]) const {
    for (const auto& word : words) {
      if (word.value == value) list.append(py::make_tuple(name, word.name));
    }
  }
};

template <class Any>
py::list listed(const Any& settings) {
  py::list list;
  Any::for_each_setting(settings, Listing{list});
  return list;
}

template <class... Each>
void list_kinds(const std::variant<Each...>&, py::dict& lists) {
  ((lists[Each::kKind] = listed(Each())), ...);
}

}  // namespace

OptimizerSettings optimizer_of(const std::string& kind, const py::dict& settings) {
  OptimizerSettings optimizer;
  if (!emplace_kind(optimizer, kind))
    throw py::value_error("trainer: optimizer kind \"" + kind + "\" is unknown");
  std::visit([&](auto& each) { Taking(settings).into(each).finish(); }, optimizer);
  return optimizer;
}

Loss loss_of(const std::string& kind, const py::dict& settings) {
  Loss loss;
  if (kind == "sum" || kind == "heads") {
    loss.kind = kind == "sum" ? Loss::Kind::sum : Loss::Kind::heads;
    for (const py::handle term : settings["terms"]) {
      const auto [name, own, weight] = term.cast<std::tuple<std::string, py::dict, double>>();
      loss.terms.push_back(loss_of(name, own));
      loss.terms.back().weight = weight;
    }
    return loss;
  }
  if (kind == "custom") return custom_loss(settings);
  if (!find_value(Loss::kKinds, kind, loss.kind))
    throw py::value_error("trainer: loss kind \"" + kind + "\" is unknown");
  Taking(settings).into(loss).finish();
  return loss;
}

Schedule schedule_of(const py::object& recipe) {
  Schedule schedule;
  if (recipe.is_none()) return schedule;
  const auto [kind, settings] = recipe.cast<std::pair<std::string, py::dict>>();
  if (!emplace_kind(schedule.shape, kind))
    throw py::value_error("trainer: schedule kind \"" + kind + "\" is unknown");
  Taking taking(settings);
  std::visit([&](auto& shape) { taking.into(shape); }, schedule.shape);
  taking.into(schedule).finish();
  return schedule;
}

Augmentation augmentation_of(const py::dict& settings) {
  return settings_of<Augmentation>(settings);
}

TrainerOptions trainer_options_of(const py::dict& options) {
  TrainerOptions result;
  Taking taking(options);
  taking.into(result);
  for (const py::handle rule : taking.value("rules"))
    result.rules.push_back(settings_of<ParameterRule>(rule.cast<py::dict>()));
  if (const py::object averaging = taking.value("averaging"); !averaging.is_none())
    result.averaging = settings_of<Averaging>(averaging);
  result.schedule = schedule_of(taking.value("schedule"));
  taking.finish();
  return result;
}

EpochOptions epoch_options_of(const py::dict& options) {
  return settings_of<EpochOptions>(options);
}

py::dict training_settings() {
  py::dict lists;
  list_kinds(OptimizerSettings(), lists);
  list_kinds(Schedule().shape, lists);
  lists["warmup"] = listed(Schedule());
  for (const auto& [name, kind] : Loss::kKinds) {
    Loss loss;
    loss.kind = kind;
    lists[name] = listed(loss);
  }
  lists[ParameterRule::kKind] = listed(ParameterRule());
  lists[Averaging::kKind] = listed(Averaging());
  lists[Augmentation::kKind] = listed(Augmentation());
  lists["trainer"] = listed(TrainerOptions());
  lists["epoch"] = listed(EpochOptions());
  return lists;
}

}  // namespace cnnx::bindings
