// Images from Python: a contiguous uint8 or float32 array whose shape the Python side has checked.
#pragma once

#include <cstring>
#include <string>

#include "bindings.h"
#include "cnnx/model.h"

namespace cnnx::bindings {

// Whether the array is a numpy.memmap, or a view of one.
inline bool is_mapped(const py::array& array) {
  for (py::object base = array; py::isinstance<py::array>(base); base = base.attr("base")) {
    if (std::strcmp(Py_TYPE(base.ptr())->tp_name, "memmap") == 0) return true;
  }
  return false;
}

inline ImageBatch image_batch(const py::array& pixels, bool integer_values) {
  const bool bytes = py::isinstance<py::array_t<uint8_t>>(pixels);
  if ((!bytes && !py::isinstance<FloatArray>(pixels)) || !(pixels.flags() & py::array::c_style) ||
      pixels.ndim() != 4) {
    throw py::type_error(
        "expected contiguous uint8 or float32 images (batch, height, width, channels)");
  }
  return {pixels.data(), bytes ? PixelType::uint8 : PixelType::float32, integer_values,
          pixels.shape(0), is_mapped(pixels)};
}

inline Resize resize_of(const std::string& name) {
  Resize resize;
  if (find_value(kResizes, name, resize)) return resize;
  throw py::value_error("preprocessing: resize is \"" + name +
                        "\", expected \"stretch\", \"fit\" or \"crop\"");
}

}  // namespace cnnx::bindings
