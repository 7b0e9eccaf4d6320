// A batch of images for layers of the program's own, and the arrays of the models that read it.
#pragma once

#include <cstdint>
#include <vector>

#include "cnnx/model.h"
#include "guarded_array.h"

namespace cnnx::test {

using Floats = std::vector<float>;

inline Floats values(int64_t count, int64_t seed) {
  Floats result(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < result.size(); ++i) {
    const int64_t step = (static_cast<int64_t>(i) * 7919 + seed * 104729) % 1009;
    result[i] = static_cast<float>(step - 504) / 600.0f;
  }
  return result;
}

inline const Shape kImage{8, 8, 2};
inline constexpr int64_t kImages = 11;
inline const Floats kPixels = values(kImages * 8 * 8 * 2, 1);
inline const ImageBatch kBatch(kPixels.data(), kImages);
inline const std::vector<int64_t> kLabels{0, 1, 2, 2, 1, 0, 0, 1, 2, 1, 0};

inline Floats array(const Model& model, std::size_t index) {
  const ParameterInfo& info = model.parameters()[index];
  Floats result(static_cast<std::size_t>(element_count(info.shape)));
  model.get_parameter(info, result.data());
  return result;
}

inline bool same_arrays(const Model& model, const Model& other) {
  bool same = true;
  for (std::size_t i = 0; i < model.parameters().size(); ++i)
    same = same && same_bits(array(model, i), array(other, i));
  for (const ParameterInfo& info : model.buffers()) {
    Floats own_values(static_cast<std::size_t>(element_count(info.shape))), others = own_values;
    model.get_buffer(info, own_values.data());
    other.get_buffer(info, others.data());
    same = same && same_bits(own_values, others);
  }
  return same;
}

}  // namespace cnnx::test
