// Settings from Python, which cnnx.arguments has converted to one form each.
#pragma once

#include <pybind11/stl.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <variant>

#include "bindings.h"

namespace cnnx::bindings {

// [height, width]
using PairArgument = std::array<int64_t, 2>;
// "valid", "same" or [top, bottom, left, right]
using PaddingArgument = std::variant<std::string, std::array<int64_t, 4>>;

inline Pair to_pair(const PairArgument& value) { return {value[0], value[1]}; }

inline Padding to_padding(const PaddingArgument& value) {
  if (const std::string* rule = std::get_if<std::string>(&value)) {
    Padding padding;
    padding.rule = *rule == "same" ? Padding::Rule::same : Padding::Rule::valid;
    return padding;
  }
  const auto& sides = std::get<std::array<int64_t, 4>>(value);
  return {Padding::Rule::explicit_sides, sides[0], sides[1], sides[2], sides[3]};
}

// "conv2d_backward: grad_output has shape (1, 2), expected (1, 3)"
inline void check_shape(const char* function, const char* argument, const py::array& array,
                        const Shape& expected) {
  if (shape_of(array) == expected) return;
  throw std::invalid_argument(std::string(function) + ": " + argument + " has shape " +
                              to_string(shape_of(array)) + ", expected " + to_string(expected));
}

}  // namespace cnnx::bindings
