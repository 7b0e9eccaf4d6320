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

#include "cnnx/setting_description.h"
#include "ops/image_shape.h"
#include "ops/op.h"
#include "ops/settings.h"

namespace cnnx::ops {

using namespace setting;

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
