// Refuses settings outside the limits that their struct declares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "cnnx/training_settings.h"

namespace cnnx::runtime {

// Throws std::invalid_argument: "<prefix><setting> is <value>, expected <expected>".
[[noreturn]] void refuse_setting(const std::string& prefix, const std::string& setting,
                                 const std::string& value, const std::string& expected);

// A number as an error shows it.
std::string in_words(int64_t value);
std::string in_words(double value);

template <class Number>
void check_number(const std::string& prefix, const std::string& setting, Number value,
                  const Limits& limits) {
  if (limits.allow(static_cast<double>(value))) return;
  using Shown = std::conditional_t<std::is_integral_v<Number>, int64_t, double>;
  refuse_setting(prefix, setting, in_words(static_cast<Shown>(value)), limits.expected);
}

// "a, b or c", as an error lists what it expects.
std::string alternatives(const std::vector<std::string>& names);

// Refuses a value of an enum that is none of those with names, as a program's cast may make it.
// Allocates nothing for one of them, because predictions check how they resize an image.
template <class Value, std::size_t count>
void check_named(std::string_view prefix, std::string_view setting, Value value,
                 const NamedValue<Value> (&allowed)[count]) {
  for (const NamedValue<Value>& each : allowed) {
    if (each.value == value) return;
  }
  refuse_setting(std::string(prefix), std::string(setting), in_words(static_cast<int64_t>(value)),
                 alternatives(names(allowed)));
}

// The visitor that checks: settings without limits pass.
struct CheckNumber {
  const std::string& prefix;  // of the error
  const std::string& suffix;  // of the setting's name in it

  template <class Value>
  void operator()(const char*, const Value&) const {}
  template <class Value, class Allowed>
  void operator()(const char*, const Value&, const Allowed&) const {}
  template <class Value, std::size_t count>
  void operator()(const char* name, const Value& value,
                  const NamedValue<Value> (&allowed)[count]) const {
    check_named(prefix, name + suffix, value, allowed);
  }
  template <class Number>
  void operator()(const char* name, const Number& value, const Limits& limits) const {
    check_number(prefix, (limits.name_in_error ? limits.name_in_error : name) + suffix, value,
                 limits);
  }
  template <class Number>
  void operator()(const char* name, const std::vector<Number>& values, const Limits& limits) const {
    for (const Number value : values) (*this)(name, value, limits);
  }
};

// Throws std::invalid_argument as refuse_setting.
template <class Each>
void check_settings(const std::string& prefix, const Each& settings,
                    const std::string& suffix = "") {
  Each::for_each_setting(settings, CheckNumber{prefix, suffix});
}

}  // namespace cnnx::runtime
