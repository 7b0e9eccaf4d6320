// Checks a layer's settings one by one and describes errors in a sentence.
#include "ops/settings.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

namespace cnnx {
namespace ops {
namespace {

using Sizes = std::vector<int64_t>;

std::string to_text(const Setting& value) {
  if (const bool* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const int64_t* number = std::get_if<int64_t>(&value)) return std::to_string(*number);
  if (const float* number = std::get_if<float>(&value)) return std::to_string(*number);
  if (const std::string* text = std::get_if<std::string>(&value)) return "\"" + *text + "\"";
  return to_string(std::get<Sizes>(value));
}

std::string to_text(float whole) { return std::to_string(static_cast<int64_t>(whole)); }

bool are_sizes(const SettingInfo& setting, const Setting& value, std::size_t count, Limits limits) {
  const Sizes* sizes = std::get_if<Sizes>(&value);
  if (limits == Limits::unchecked) return sizes && sizes->size() == count;
  const auto least = static_cast<int64_t>(setting.least), most = static_cast<int64_t>(setting.most);
  return sizes && sizes->size() == count &&
         std::all_of(sizes->begin(), sizes->end(),
                     [&](int64_t size) { return size >= least && size <= most; });
}

// The expected value, for an error sentence, or nothing if the value is valid.
std::string expected_real(const SettingInfo& setting, const Setting& value) {
  const float* number = std::get_if<float>(&value);
  if (!number || !std::isfinite(*number)) return "a finite number";
  const bool above = setting.least_excluded ? *number > setting.least : *number >= setting.least;
  const bool below = setting.most_excluded ? *number < setting.most : *number <= setting.most;
  if (above && below) return "";
  if (std::isinf(setting.most)) {
    return "a finite number >" + std::string(setting.least_excluded ? " " : "= ") +
           to_text(setting.least);
  }
  return "a number from " + to_text(setting.least) + " to " +
         (setting.most_excluded ? "below " : "") + to_text(setting.most);
}

std::string expected_padding(const SettingInfo& setting, const Setting& value, Limits limits) {
  if (const std::string* rule = std::get_if<std::string>(&value))
    return *rule == "valid" || *rule == "same" ? "" : "\"valid\", \"same\" or integers";
  if (are_sizes(setting, value, 4, limits)) return "";
  return "four integers >= 0 (top, bottom, left, right), \"valid\" or \"same\"";
}

std::string expected_choice(const SettingInfo& setting, const Setting& value) {
  std::string expected;
  for (const char* choice : setting.choices) {
    if (value == Setting(std::string(choice))) return "";
    expected += (expected.empty() ? "\"" : " or \"") + std::string(choice) + "\"";
  }
  return expected;
}

std::string expected_instead(const SettingInfo& setting, const Setting& value, Limits limits) {
  switch (setting.form) {
    case SettingForm::integer: {
      const int64_t* number = std::get_if<int64_t>(&value);
      if (number && are_sizes(setting, Sizes{*number}, 1, limits)) return "";
      return "an integer from " + to_text(setting.least) + " to " + to_text(setting.most);
    }
    case SettingForm::real:
      return expected_real(setting, value);
    case SettingForm::boolean:
      return std::holds_alternative<bool>(value) ? "" : "true or false";
    case SettingForm::pair:
      if (are_sizes(setting, value, 2, limits)) return "";
      return "two integers >= " + to_text(setting.least) + " (height, width)";
    case SettingForm::padding:
      return expected_padding(setting, value, limits);
    case SettingForm::sides:
      if (are_sizes(setting, value, 4, limits)) return "";
      return "four integers >= 0 (top, bottom, left, right)";
    case SettingForm::choice:
      return expected_choice(setting, value);
  }
  return "";
}

const SettingInfo* find(const LayerKind& kind, const std::string& name) {
  for (const SettingInfo& setting : kind.settings) {
    if (name == setting.name) return &setting;
  }
  return nullptr;
}

[[noreturn]] void refuse_setting(const LayerKind& kind, const std::string& what) {
  throw std::invalid_argument(std::string(kind.name) + ": " + what);
}

}  // namespace

CheckedSettings::CheckedSettings(const LayerKind& kind, const Settings& settings, Limits limits)
    : kind_(kind), settings_(settings) {
  for (const SettingInfo& setting : kind.settings) {
    const std::string name = setting.name;
    const auto found = settings.find(name);
    if (found == settings.end()) {
      if (setting.saved && !setting.omitted_if_default) refuse_setting(kind, name + " is missing");
      continue;
    }
    const std::string expected = expected_instead(setting, found->second, limits);
    if (!expected.empty())
      refuse_setting(kind, name + " is " + to_text(found->second) + ", expected " + expected);
  }
  for (const auto& [name, value] : settings) {
    if (!find(kind, name)) refuse_setting(kind, "has no setting named " + name);
  }
}

Setting CheckedSettings::value(const char* name) const {
  const auto found = settings_.find(name);
  return found == settings_.end() ? default_value(*find(kind_, name)) : found->second;
}

Pair CheckedSettings::pair(const char* name) const {
  const Sizes sizes = std::get<Sizes>(value(name));
  return {sizes[0], sizes[1]};
}

Padding CheckedSettings::padding(const char* name) const {
  const Setting padding = value(name);
  if (const std::string* rule = std::get_if<std::string>(&padding))
    return *rule == "same" ? Padding::same : Padding::valid;
  const Sizes& sides = std::get<Sizes>(padding);
  return {sides[0], sides[1], sides[2], sides[3]};
}

}  // namespace ops

Setting default_value(const SettingInfo& setting) {
  const auto whole = static_cast<int64_t>(setting.default_number);
  switch (setting.form) {
    case SettingForm::integer:
      return whole;
    case SettingForm::real:
      return static_cast<float>(setting.default_number);
    case SettingForm::boolean:
      return whole != 0;
    case SettingForm::pair:
      return std::vector<int64_t>(2, whole);
    case SettingForm::padding:
    case SettingForm::sides:
      return std::vector<int64_t>(4, whole);
    case SettingForm::choice:
      return std::string(setting.choices[static_cast<std::size_t>(whole)]);
  }
  return {};
}

}  // namespace cnnx
