// Descriptions of the settings of a kind of layer, in one line each:
//
//   constexpr cnnx::SettingInfo kSettings[] = {
//       cnnx::setting::pair("kernel_size", 1, "size of the window"),
//       cnnx::setting::pair("stride", 1, "step of the window").same_as("kernel_size"),
//       cnnx::setting::real("rate", "probability of a zero").otherwise(0.5).from(0).below(1),
//   };
#pragma once

#include <cstddef>

#include "cnnx/layer_kinds.h"

namespace cnnx {
namespace setting {

class SettingDescription : public SettingInfo {
 public:
  constexpr SettingDescription(const char* name_, SettingForm form_, const char* words_)
      : SettingInfo{name_, words_, form_} {}

  // The default.
  constexpr SettingDescription& otherwise(double number) {
    required = false;
    default_number = number;
    return *this;
  }
  constexpr SettingDescription& same_as(const char* setting) {
    required = false;
    default_setting = setting;
    return *this;
  }
  constexpr SettingDescription& not_saved() {
    saved = false;
    return *this;
  }
  constexpr SettingDescription& omit_default() {
    omitted_if_default = true;
    return *this;
  }
  constexpr SettingDescription& from(float limit) {
    least = limit;
    return *this;
  }
  constexpr SettingDescription& to(float limit) {
    most = limit;
    return *this;
  }
  constexpr SettingDescription& above(float limit) {
    least_excluded = true;
    return from(limit);
  }
  constexpr SettingDescription& below(float limit) {
    most_excluded = true;
    return to(limit);
  }
};

constexpr SettingDescription real(const char* name, const char* words) {
  return {name, SettingForm::real, words};
}

constexpr SettingDescription boolean(const char* name, const char* words) {
  return {name, SettingForm::boolean, words};
}

// Of integers from `least` to kMostSetting.
constexpr SettingDescription of_sizes(const char* name, SettingForm form, int least,
                                      const char* words) {
  return SettingDescription(name, form, words)
      .from(static_cast<float>(least))
      .to(static_cast<float>(kMostSetting));
}

constexpr SettingDescription integer(const char* name, int least, const char* words) {
  return of_sizes(name, SettingForm::integer, least, words);
}

constexpr SettingDescription pair(const char* name, int least, const char* words) {
  return of_sizes(name, SettingForm::pair, least, words);
}

constexpr SettingDescription padding(const char* name, const char* words) {
  return of_sizes(name, SettingForm::padding, 0, words);
}

constexpr SettingDescription sides(const char* name, const char* words) {
  return of_sizes(name, SettingForm::sides, 0, words);
}

template <std::size_t count>
constexpr SettingDescription choice(const char* name, const char* const (&choices)[count],
                                    const char* words) {
  SettingDescription described = {name, SettingForm::choice, words};
  described.choices = choices;
  return described;
}

}  // namespace setting
}  // namespace cnnx
