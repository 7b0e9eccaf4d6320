// The kinds of layers as plain dictionaries.
#include "cnnx/layer_kinds.h"

#include "bindings.h"

namespace cnnx::bindings {
namespace {

const char* word_of(SettingForm form) {
  switch (form) {
    case SettingForm::integer:
      return "integer";
    case SettingForm::real:
      return "real";
    case SettingForm::boolean:
      return "boolean";
    case SettingForm::pair:
      return "pair";
    case SettingForm::padding:
      return "padding";
    case SettingForm::sides:
      return "sides";
    case SettingForm::choice:
      return "choice";
  }
  return "";
}

py::object default_of(const SettingInfo& setting) {
  if (setting.required || setting.default_setting) return py::none();
  if (setting.form == SettingForm::real) return py::float_(setting.default_number);
  return py::cast(default_value(setting));
}

py::dict dictionary_of(const SettingInfo& setting) {
  const std::vector<std::string> choices(setting.choices.begin(), setting.choices.end());
  py::dict info;
  info["name"] = setting.name;
  info["words"] = setting.words;
  info["form"] = word_of(setting.form);
  info["required"] = setting.required;
  info["default"] = default_of(setting);
  info["default_setting"] = setting.default_setting;
  info["saved"] = setting.saved;
  info["omitted_if_default"] = setting.omitted_if_default;
  info["least"] = setting.least;
  info["most"] = setting.most;
  info["least_excluded"] = setting.least_excluded;
  info["most_excluded"] = setting.most_excluded;
  info["choices"] = py::tuple(py::cast(choices));
  return info;
}

py::list tuples_of(const ConstantArray<LayerArray>& arrays) {
  py::list infos;
  for (const LayerArray& array : arrays) infos.append(py::make_tuple(array.name, array.only_if));
  return infos;
}

py::dict dictionary_of(const LayerKind& kind) {
  py::list settings;
  for (const SettingInfo& setting : kind.settings) settings.append(dictionary_of(setting));
  py::dict info;
  info["name"] = kind.name;
  info["words"] = kind.words;
  info["settings"] = settings;
  info["parameters"] = tuples_of(kind.parameters);
  info["buffers"] = tuples_of(kind.buffers);
  info["inputs"] = py::make_tuple(kind.least_inputs, kind.most_inputs);
  return info;
}

}  // namespace

void bind_layer_kinds(py::module_& module) {
  module.def("layer_kinds", [] {
    py::list kinds;
    for (const LayerKind& kind : layer_kinds()) kinds.append(dictionary_of(kind));
    return kinds;
  });
}

}  // namespace cnnx::bindings
