// Layers as lines of text: the kinds and settings that a line may have; the defaults are those of
// cnnx/layers.h.
#include "c_api/model_text.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "c_api/settings_text.h"
#include "cnnx/layers.h"

namespace cnnx::c_api {
namespace {

template <typename Kind>
Layer plain(SettingsText&) {
  return Kind();
}

Layer conv2d(SettingsText& line) {
  return Conv2d(line.get<int64_t>("out_channels"), line.get<Pair>("kernel_size"));
}
Layer conv_transpose2d(SettingsText& line) {
  return ConvTranspose2d(line.get<int64_t>("out_channels"), line.get<Pair>("kernel_size"));
}
Layer dense(SettingsText& line) { return Dense(line.get<int64_t>("out_features")); }
Layer max_pool2d(SettingsText& line) { return MaxPool2d(line.get<Pair>("kernel_size")); }
Layer avg_pool2d(SettingsText& line) { return AvgPool2d(line.get<Pair>("kernel_size")); }
Layer adaptive_avg_pool2d(SettingsText& line) {
  return AdaptiveAvgPool2d(line.get<Pair>("output_size"));
}
Layer group_norm(SettingsText& line) { return GroupNorm(line.get<int64_t>("groups")); }
Layer zero_pad2d(SettingsText& line) {
  line.require("padding");
  return ZeroPad2d(0);
}
Layer upsample2d(SettingsText& line) { return Upsample2d(line.get<Pair>("scale_factor")); }

struct Kind {
  const char* name;
  Layer (*make)(SettingsText& line);  // with required settings, and defaults for the others
};

constexpr Kind kKinds[] = {
    {"conv2d", conv2d},
    {"conv_transpose2d", conv_transpose2d},
    {"dense", dense},
    {"max_pool2d", max_pool2d},
    {"avg_pool2d", avg_pool2d},
    {"adaptive_avg_pool2d", adaptive_avg_pool2d},
    {"global_avg_pool2d", plain<GlobalAvgPool2d>},
    {"batch_norm2d", plain<BatchNorm2d>},
    {"group_norm", group_norm},
    {"layer_norm", plain<LayerNorm>},
    {"dropout", plain<Dropout>},
    {"relu", plain<ReLU>},
    {"relu6", plain<ReLU6>},
    {"leaky_relu", plain<LeakyReLU>},
    {"prelu", plain<PReLU>},
    {"sigmoid", plain<Sigmoid>},
    {"tanh", plain<Tanh>},
    {"gelu", plain<GELU>},
    {"silu", plain<SiLU>},
    {"hard_swish", plain<HardSwish>},
    {"softmax", plain<Softmax>},
    {"flatten", plain<Flatten>},
    {"zero_pad2d", zero_pad2d},
    {"upsample2d", upsample2d},
    {"add", plain<Add>},
    {"multiply", plain<Multiply>},
    {"concat", plain<Concat>},
};

constexpr Word<Resize> kResizes[] = {
    {"stretch", Resize::stretch}, {"fit", Resize::fit}, {"crop", Resize::crop}};

Layer layer_of(SettingsText& line) {
  const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const Kind& each) { return line.kind() == each.name; });
  if (line.kind().empty()) line.refuse("expected the kind of a layer first, such as conv2d");
  if (kind == std::end(kKinds)) line.refuse("there is no layer of this kind");
  Layer layer = kind->make(line);
  line.set(layer.settings);
  line.set("name", layer.name);
  line.set("inputs", layer.inputs);
  line.set("trainable", layer.trainable);
  line.finish();
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
