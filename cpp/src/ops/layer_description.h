// The vocabulary in which an op's source describes the kinds of layers that it provides:
//
//   constexpr SettingInfo kSettings[] = {
//       pair("kernel_size", 1, "size of the window"),
//       pair("stride", 1, "step of the window").same_as("kernel_size"),
//   };
//   constexpr LayerDescription kKinds[] = {
//       LayerDescription("max_pool2d", "maximum of each window", make_max_pool2d)
//           .with_settings(kSettings),
//   };
#pragma once

#include <cstddef>
#include <memory>

#include "cnnx/layer_kinds.h"
#include "ops/image_shape.h"
#include "ops/op.h"
#include "ops/settings.h"

namespace cnnx::ops {

class SettingDescription : public SettingInfo {
 public:
  constexpr SettingDescription(const char* name_, SettingForm form_, const char* words_)
      : SettingInfo{name_, words_, form_} {}

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

constexpr SettingDescription of_sizes(const char* name, SettingForm form, int least,
                                      const char* words) {
  return SettingDescription(name, form, words).from(static_cast<float>(least)).to(kMostSetting);
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
  SettingDescription described(name, SettingForm::choice, words);
  described.choices = choices;
  return described;
}

class LayerDescription : public LayerKind {
 public:
  using Make = std::unique_ptr<const Op> (*)(const CheckedSettings& settings);

  constexpr LayerDescription(const char* name_, const char* words_, Make function)
      : LayerKind{name_, words_, {}, {}, {}}, make_(function) {}

  constexpr LayerDescription& with_settings(ConstantArray<SettingInfo> described) {
    settings = described;
    return *this;
  }
  constexpr LayerDescription& with_parameters(ConstantArray<LayerArray> described) {
    parameters = described;
    return *this;
  }
  constexpr LayerDescription& with_buffers(ConstantArray<LayerArray> described) {
    buffers = described;
    return *this;
  }
  constexpr LayerDescription& with_inputs(int least, int most) {
    least_inputs = least;
    most_inputs = most;
    return *this;
  }

  std::unique_ptr<const Op> make(const CheckedSettings& values) const { return make_(values); }

 private:
  Make make_;
};

}  // namespace cnnx::ops
