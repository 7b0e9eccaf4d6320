// The self-description of training settings: each by name, with its allowed values.
//
// Each struct of settings (optimizers.h, schedules.h, augmentation.h, trainer.h) has a name, kKind,
// where a text names it, and calls visit(name, value) or visit(name, value, allowed) for each of
// its settings in
//
//   for_each_setting(settings, visit)
//
// `allowed` is a Limits, an array of NamedValue, or kRequired. The C interface, the Python
// extension and the checks of ranges read the settings through it alone.
#pragma once

#include <cfloat>
#include <cstddef>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cnnx {

// The numbers that a setting may be: `least` to `most`, NaN never.
struct Limits {
  double least, most;
  bool includes_most;
  const char* expected;                 // the end of the error that refuses other numbers
  const char* name_in_error = nullptr;  // null: the setting's own

  constexpr Limits called(const char* name) const {
    return {least, most, includes_most, expected, name};
  }
  constexpr bool allow(double value) const {
    return value >= least && (includes_most ? value <= most : value < most);
  }
};

// Larger numbers would not fit the kernels' float32.
inline constexpr Limits kNotNegative = {0, double{FLT_MAX}, true, "a finite number >= 0"};
inline constexpr Limits kBelowOne = {0, 1, false, "a number >= 0 and < 1"};
inline constexpr Limits kZeroToOne = {0, 1, true, "a number from 0 to 1"};

// A word that stands for a value.
template <class Value>
struct NamedValue {
  const char* name;
  Value value;
};

// A setting without a default.
struct Required {};
inline constexpr Required kRequired = {};

// Makes a variant of settings the alternative of this kind, with its defaults; false if none is.
template <class... Each>
bool emplace_kind(std::variant<Each...>& settings, std::string_view kind) {
  return (... || (kind == Each::kKind && (settings.template emplace<Each>(), true)));
}

// The kinds of all alternatives, in their order.
template <class... Each>
std::vector<std::string> kinds(const std::variant<Each...>&) {
  return {Each::kKind...};
}

// Whether a value has this name, which `value` then becomes.
template <class Value, std::size_t count>
bool find_value(const NamedValue<Value> (&values)[count], std::string_view name, Value& value) {
  for (const NamedValue<Value>& each : values) {
    if (each.name != name) continue;
    value = each.value;
    return true;
  }
  return false;
}

// The name of one of the values, "unknown" for any other.
template <class Value, std::size_t count>
const char* name_of(const NamedValue<Value> (&values)[count], Value value) {
  for (const NamedValue<Value>& each : values) {
    if (each.value == value) return each.name;
  }
  return "unknown";
}

// The names of all values, in their order.
template <class Value, std::size_t count>
std::vector<std::string> names(const NamedValue<Value> (&values)[count]) {
  std::vector<std::string> result;
  for (const NamedValue<Value>& each : values) result.emplace_back(each.name);
  return result;
}

}  // namespace cnnx
