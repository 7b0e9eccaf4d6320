// Turns the dictionary of a layer's settings into a Layer.
#include "layer.h"

#include <tuple>
#include <utility>
#include <vector>

#include "custom_layer.h"

namespace cnnx::bindings {
namespace {

Setting setting_of(const py::handle& value) {
  if (py::isinstance<py::bool_>(value)) return value.cast<bool>();
  if (py::isinstance<py::int_>(value)) return value.cast<int64_t>();
  if (py::isinstance<py::float_>(value)) return value.cast<float>();
  if (py::isinstance<py::str>(value)) return value.cast<std::string>();
  return value.cast<std::vector<int64_t>>();
}

}  // namespace

Layer layer_of(const std::string& kind, const py::dict& settings) {
  Layer layer;
  layer.kind = kind;
  for (const auto& [key, value] : settings)
    layer.settings[key.cast<std::string>()] = setting_of(value);
  return layer;
}

Layer layer_of(const py::handle& tuple) {
  const auto [kind, settings, name, inputs, trainable, branches] =
      tuple.cast<std::tuple<std::string, py::dict, std::string, std::vector<std::string>, bool,
                            std::vector<std::vector<py::tuple>>>>();
  Layer layer;
  if (kind == "custom") {
    layer.kind = kind;
    layer.custom = custom_layer(settings["functions"]);
  } else {
    layer = layer_of(kind, settings);
  }
  layer.name = name;
  layer.inputs = inputs;
  layer.trainable = trainable;
  for (const std::vector<py::tuple>& branch : branches) {
    layer.branches.emplace_back();
    for (const py::tuple& within : branch) layer.branches.back().push_back(layer_of(within));
  }
  return layer;
}

}  // namespace cnnx::bindings
