// Registration: checks a description, copies it, and adds it to a list without locks, so that a
// forked child can read it.
#include "ops/registered_kinds.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <set>
#include <stdexcept>
#include <utility>

#include "ops/custom_layer.h"
#include "ops/image_shape.h"
#include "ops/registry.h"
#include "ops/settings.h"

namespace cnnx {
namespace ops {
namespace {

std::atomic<const RegisteredKind*> last_registered{nullptr};

const RegisteredKind* find_from(const RegisteredKind* first, const std::string& name) {
  for (const RegisteredKind* each = first; each; each = each->next)
    if (name == each->kind.name) return each;
  return nullptr;
}

std::string text_of(const char* text) { return text ? text : ""; }

// Checks a description, piece by piece.
class Checker {
 public:
  explicit Checker(const LayerKind& kind) : kind_(kind) {}

  void check() {
    check_kind();
    for (const SettingInfo& setting : kind_.settings) check_setting(setting);
    for (const LayerArray& parameter : kind_.parameters) check_parameter(parameter);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw std::invalid_argument("register_layer_kind: " + what);
  }

  void check_name(const std::string& name, const std::string& what) const {
    if (is_name(name)) return;
    fail(what + " is named \"" + name.substr(0, 64) +
         "\", expected 1 to 64 lower-case letters, digits and underscores");
  }

  void check_kind() const {
    const std::string name = text_of(kind_.name);
    check_name(name, "a kind");
    // The last three are words of graphs.
    const bool is_word =
        name == kCustomKind.name || name == "residual" || name == "parallel" || name == "input";
    if (is_word || find_layer_kind(name))
      fail("there is a kind \"" + name + "\" already, expected another name");
    if (kind_.buffers.size() > 0) fail(name + " has buffers, expected none");
    const int most = static_cast<int>(kMostInputs);
    if (kind_.least_inputs < 1 || kind_.most_inputs < kind_.least_inputs ||
        kind_.most_inputs > most) {
      fail(name + " takes " + std::to_string(kind_.least_inputs) + " to " +
           std::to_string(kind_.most_inputs) + " inputs, expected numbers from 1 to " +
           std::to_string(most));
    }
  }

  // Of settings and parameters, which share the namespace of a layer in a file.
  std::string taken_name(const char* given, const char* what) {
    const std::string name = text_of(given);
    check_name(name, std::string(what) + " of " + kind_.name);
    for (const char* word : {"name", "kind", "inputs", "trainable", "branches", "int8_weight"}) {
      if (name == word) {
        fail(std::string(kind_.name) + " has a " + what + " named " + name +
             ", a word of the library, expected another name");
      }
    }
    if (!taken_.insert(name).second)
      fail(std::string(kind_.name) + " has two settings or parameters named " + name);
    return name;
  }

  void check_setting(const SettingInfo& setting) {
    const std::string name = taken_name(setting.name, "setting");
    const std::string what = std::string(kind_.name) + ": setting " + name;
    if (setting.form < SettingForm::integer || setting.form > SettingForm::choice)
      fail(what + " has no form");
    if ((setting.form == SettingForm::choice) != (setting.choices.size() > 0))
      fail(what + " has " + std::to_string(setting.choices.size()) + " choices");
    for (const char* choice : setting.choices)
      if (text_of(choice).empty()) fail(what + " has an empty choice");
    if (!has_good_limits(setting)) {
      fail(what + " has the limits " + std::to_string(setting.least) + " and " +
           std::to_string(setting.most) +
           ", expected whole numbers in order, or for real numbers none");
    }
    check_default(setting, what);
  }

  static bool has_good_limits(const SettingInfo& setting) {
    if (setting.form == SettingForm::boolean || setting.form == SettingForm::choice) return true;
    const bool is_real = setting.form == SettingForm::real;
    const auto is_whole = [&](float limit) {
      return limit == std::trunc(limit) && (is_real || limit >= 0) &&
             std::abs(limit) <= static_cast<float>(kMostSetting);
    };
    const bool has_no_least = is_real && std::isinf(setting.least) && setting.least < 0;
    const bool has_no_most = is_real && std::isinf(setting.most) && setting.most > 0;
    if (has_no_least) return has_no_most;
    return is_whole(setting.least) && (has_no_most || is_whole(setting.most)) &&
           setting.least <= setting.most;
  }

  void check_default(const SettingInfo& setting, const std::string& what) const {
    if (setting.default_setting) {
      for (const SettingInfo& other : kind_.settings) {
        if (&other == &setting) break;
        if (text_of(setting.default_setting) == other.name && other.form == setting.form &&
            setting.saved && !setting.omitted_if_default)
          return;
      }
      fail(what + " has the default of " + setting.default_setting +
           ", expected a setting of the same form before it");
    }
    if (setting.required && (!setting.saved || setting.omitted_if_default))
      fail(what + " may be missing, expected a default");
    if (setting.required) return;
    const double number = setting.default_number;
    const double most = setting.form == SettingForm::choice
                            ? static_cast<double>(setting.choices.size()) - 1
                            : static_cast<double>(kMostSetting);
    const bool is_index = setting.form != SettingForm::real;
    if (!std::isfinite(number) || (is_index && !(number >= 0 && number <= most)))
      fail(what + " has the default " + std::to_string(number) + ", expected one that is allowed");
    // A kind of this setting alone.
    LayerKind alone{kind_.name, ""};
    alone.settings.first = &setting;
    alone.settings.count = 1;
    try {
      CheckedSettings(alone, {{setting.name, default_value(setting)}}, Limits::checked);
    } catch (const std::invalid_argument& error) {
      fail(std::string("the default of ") + error.what());
    }
  }

  void check_parameter(const LayerArray& parameter) {
    const std::string name = taken_name(parameter.name, "parameter");
    if (!parameter.only_if) return;
    for (const SettingInfo& setting : kind_.settings)
      if (setting.form == SettingForm::boolean && text_of(parameter.only_if) == setting.name)
        return;
    fail(std::string(kind_.name) + ": parameter " + name + " depends on " + parameter.only_if +
         ", expected a setting that is true or false");
  }

  const LayerKind& kind_;
  std::set<std::string> taken_;
};

template <class Element>
void view(const std::vector<Element>& elements, ConstantArray<Element>& array) {
  array.first = elements.data();
  array.count = elements.size();
}

std::unique_ptr<RegisteredKind> copy_of(const LayerKind& kind, MakeCustomLayer make) {
  auto copy = std::make_unique<RegisteredKind>();
  const auto keep = [&](const char* text) -> const char* {
    return text ? copy->texts.emplace_back(text).c_str() : nullptr;
  };
  const auto keep_words = [&](const char* text) { return keep(text ? text : ""); };
  for (SettingInfo setting : kind.settings) {
    setting.name = keep(setting.name);
    setting.words = keep_words(setting.words);
    setting.default_setting = keep(setting.default_setting);
    std::vector<const char*>& choices = copy->choices.emplace_back();
    for (const char* choice : setting.choices) choices.push_back(keep(choice));
    view(choices, setting.choices);
    copy->settings.push_back(setting);
  }
  for (const LayerArray& parameter : kind.parameters)
    copy->parameters.push_back({keep(parameter.name), keep(parameter.only_if)});
  copy->kind = kind;
  copy->kind.name = keep(kind.name);
  copy->kind.words = keep_words(kind.words);
  view(copy->settings, copy->kind.settings);
  view(copy->parameters, copy->kind.parameters);
  copy->make = std::move(make);
  return copy;
}

}  // namespace

const RegisteredKind* find_registered_kind(const std::string& name) {
  return find_from(last_registered.load(std::memory_order_acquire), name);
}

std::unique_ptr<const Op> RegisteredKind::make_op(const Layer& layer) const {
  // The functions of the program do not check settings.
  const CheckedSettings checked(kind, layer.settings, Limits::checked);
  Settings complete;
  for (const SettingInfo& setting : kind.settings) {
    const auto found = layer.settings.find(setting.name);
    complete[setting.name] = found == layer.settings.end() ? default_value(setting) : found->second;
  }
  std::vector<std::string> names;
  for (const LayerArray& parameter : parameters) {
    if (!parameter.only_if || checked.boolean(parameter.only_if)) names.push_back(parameter.name);
  }
  std::shared_ptr<const CustomLayer> functions = make(complete);
  if (!functions) refuse(kind.name, "its registered function made no layer");
  return make_custom_op(layer, std::move(functions), std::move(names));
}

}  // namespace ops

void register_layer_kind(const LayerKind& kind, MakeCustomLayer make) {
  ops::Checker(kind).check();
  if (!make) {
    throw std::invalid_argument(std::string("register_layer_kind: make of ") + kind.name +
                                " is empty, expected a function");
  }
  std::unique_ptr<ops::RegisteredKind> added = ops::copy_of(kind, std::move(make));
  const ops::RegisteredKind* last = ops::last_registered.load(std::memory_order_acquire);
  do {
    // Another thread may have registered it since the check.
    if (ops::find_from(last, added->kind.name)) ops::Checker(kind).check();
    added->next = last;
  } while (!ops::last_registered.compare_exchange_weak(last, added.get(), std::memory_order_release,
                                                       std::memory_order_acquire));
  added.release();
}

std::vector<LayerKind> registered_layer_kinds() {
  std::vector<LayerKind> kinds;
  for (const auto* each = ops::last_registered.load(std::memory_order_acquire); each;
       each = each->next)
    kinds.push_back(each->kind);
  std::reverse(kinds.begin(), kinds.end());
  return kinds;
}

}  // namespace cnnx
