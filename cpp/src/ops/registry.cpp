// Collects the descriptions of layers from the ops that cpp/CMakeLists.txt lists.
#include "ops/registry.h"

#include <stdexcept>

#include "ops/layer_description.h"

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

const LayerKind* find_layer_kind(const std::string& name) { return find_description(name); }

std::unique_ptr<const Op> make_op(const std::string& kind, const Settings& settings,
                                  Limits limits) {
  const LayerDescription* description = find_description(kind);
  if (!description)
    throw std::invalid_argument("layer kind \"" + kind + "\" is unknown to this version of cnnx");
  return description->make(CheckedSettings(*description, settings, limits));
}

}  // namespace ops

const std::vector<LayerKind>& layer_kinds() {
  static const std::vector<LayerKind> kinds = ops::all_kinds();
  return kinds;
}

}  // namespace cnnx
