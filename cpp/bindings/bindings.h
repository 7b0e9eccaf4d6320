// Declarations shared by the blocks of the extension: the list of blocks, and arrays from Python.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

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

inline FloatArray new_array(const Shape& shape) { return FloatArray(shape); }

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
