// Layers as lines of text, with the settings and defaults of cnnx/layer_kinds.h, and a model's
// options.
#include "c_api/model_text.h"

#include <string>

#include "c_api/settings_text.h"
#include "cnnx/layer_kinds.h"
#include "ops/registry.h"

namespace cnnx::c_api {
namespace {

const LayerKind& kind_of(const SettingsText& line) {
  if (line.kind().empty()) line.refuse("expected the kind of a layer first, such as conv2d");
  if (const LayerKind* kind = ops::find_layer_kind(line.kind())) return *kind;
  line.refuse("there is no layer of this kind");
}

Layer layer_of(SettingsText& line) {
  const LayerKind& kind = kind_of(line);
  Layer layer;
  layer.kind = kind.name;
  for (const SettingInfo& setting : kind.settings) {
    Setting& value = layer.settings[setting.name];
    value = setting.default_setting ? layer.settings.at(setting.default_setting)
                                    : default_value(setting);
    line.set(setting.name, value);
  }
  line.set("name", layer.name);
  line.set("inputs", layer.inputs);
  line.set("trainable", layer.trainable);
  line.finish();
  // Last, because a misspelt setting is missing by its right name.
  for (const SettingInfo& setting : kind.settings) {
    if (setting.required) line.require(setting.name);
  }
  return layer;
}

}  // namespace

std::vector<Layer> layers_of(const Call& call, const char* text, const char* argument) {
  std::vector<Layer> layers;
  for (SettingsText& line : settings_of_lines(call, text, argument))
    layers.push_back(layer_of(line));
  return layers;
}

ModelOptions model_options_of(const Call& call, const char* text) {
  ModelOptions options;
  if (!text) return options;
  SettingsText line = settings_of_line(call, text, "options");
  if (!line.kind().empty()) line.refuse("is no setting, expected name=value");
  line.set("seed", options.seed);
  line.set("mean", options.preprocessing.mean);
  line.set("std", options.preprocessing.std);
  line.set_word("resize", kResizes, options.preprocessing.resize);
  line.finish();
  return options;
}

}  // namespace cnnx::c_api
