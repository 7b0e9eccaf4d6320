// Collects the descriptions of layers from the ops that cpp/CMakeLists.txt lists.
#include "ops/registry.h"

#include <stdexcept>

#include "ops/custom_layer.h"
#include "ops/layer_description.h"
#include "ops/registered_kinds.h"

namespace cnnx {
namespace ops {

#define CNNX_OP_WITH_LAYERS(op) ConstantArray<LayerDescription> op##_layers();
#include "cnnx_layer_list.inc"
#undef CNNX_OP_WITH_LAYERS

namespace {

constexpr ConstantArray<LayerDescription> (*kDescriptions[])() = {
#define CNNX_OP_WITH_LAYERS(op) op##_layers,
#include "cnnx_layer_list.inc"
#undef CNNX_OP_WITH_LAYERS
};

const LayerDescription* find_description(const std::string& kind) {
  for (const auto descriptions : kDescriptions) {
    for (const LayerDescription& each : descriptions()) {
      // Most names differ in their first letter, and a call of a small op takes a microsecond.
      if (kind[0] == each.name[0] && kind == each.name) return &each;
    }
  }
  return nullptr;
}

std::vector<LayerKind> all_kinds() {
  std::vector<LayerKind> kinds;
  for (const auto descriptions : kDescriptions) {
    for (const LayerDescription& each : descriptions()) kinds.push_back(each);
  }
  return kinds;
}

}  // namespace

const LayerKind* find_layer_kind(const std::string& name) {
  if (const LayerDescription* description = find_description(name)) return description;
  const RegisteredKind* registered = find_registered_kind(name);
  return registered ? &registered->kind : nullptr;
}

const LayerKind& kind_of(const Layer& layer) {
  return layer.kind == kCustomKind.name ? kCustomKind : *find_layer_kind(layer.kind);
}

std::unique_ptr<const Op> make_op(const Layer& layer, Limits limits) {
  if (layer.custom || layer.kind == kCustomKind.name) return make_custom_op(layer);
  if (const LayerDescription* description = find_description(layer.kind))
    return description->make(CheckedSettings(*description, layer.settings, limits));
  if (const RegisteredKind* registered = find_registered_kind(layer.kind))
    return registered->make_op(layer);
  throw std::invalid_argument(
      "layer kind \"" + layer.kind +
      "\" is unknown to this version of cnnx, expected one of the library, or one that the program "
      "registers before (cnnx/custom_layer.h)");
}

}  // namespace ops

const std::vector<LayerKind>& layer_kinds() {
  static const std::vector<LayerKind> kinds = ops::all_kinds();
  return kinds;
}

}  // namespace cnnx
