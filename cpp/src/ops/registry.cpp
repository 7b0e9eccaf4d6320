// Looks a layer kind up by name in the list that cpp/CMakeLists.txt wrote into the build folder.
#include "ops/registry.h"

#include <stdexcept>

namespace cnnx::ops {

#define CNNX_LAYER(kind) std::unique_ptr<const Op> make_##kind(const Settings& settings);
#include "cnnx_layer_list.inc"
#undef CNNX_LAYER

std::unique_ptr<const Op> make_op(const std::string& kind, const Settings& settings) {
#define CNNX_LAYER(name) \
  if (kind == #name) return make_##name(settings);
#include "cnnx_layer_list.inc"
#undef CNNX_LAYER
  throw std::invalid_argument("layer kind \"" + kind + "\" is unknown to this version of cnnx");
}

}  // namespace cnnx::ops
