// Declarations shared by the blocks of the extension: the list of blocks, and arrays from Python.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstdint>

#include "cnnx/shape.h"
#include "gil.h"

namespace cnnx {
class Trainer;
}

namespace cnnx::bindings {

namespace py = pybind11;

// Contiguous float32, exactly: the Python side has converted (cnnx.arguments), so no array is
// copied silently here.
using FloatArray = py::array_t<float, py::array::c_style>;

inline Shape shape_of(const py::array& array) {
  return Shape(array.shape(), array.shape() + array.ndim());
}

// A result. NumPy's memory begins 16 bytes after a cache line, so that each vector of a kernel
// would touch two: a large array is a view of one that is larger by a line.
inline FloatArray new_array(const Shape& shape) {
  constexpr uintptr_t kLine = 64, kLineFloats = kLine / sizeof(float);
  constexpr int64_t kLargeFloats = 4096;  // which take longer to compute than a view to make
  const int64_t count = element_count(shape);
  if (count < kLargeFloats) return FloatArray(shape);
  FloatArray block(Shape{count + static_cast<int64_t>(kLineFloats)});
  const uintptr_t behind_line = reinterpret_cast<uintptr_t>(block.data()) % kLine;
  return FloatArray(shape, block.data() + (kLine - behind_line) / sizeof(float), block);
}

// One block per component.
void bind_batch_norm2d(py::module_& module);
void bind_losses(py::module_& module);
void bind_benchmark(py::module_& module);
void bind_checkpoint(py::module_& module);
void bind_data(py::module_& module);
void bind_generated_data(py::module_& module);
void bind_distributed(py::module_& module);
void bind_layer_kinds(py::module_& module);
void bind_model(py::module_& module);
void bind_operator(py::module_& module);
void bind_runtime(py::module_& module);
void bind_trainer(py::module_& module);
// Its methods for several processes.
void bind_distribute(py::classh<Trainer>& type);

}  // namespace cnnx::bindings
