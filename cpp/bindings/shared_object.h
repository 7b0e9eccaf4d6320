// Python objects that C++ keeps.
#pragma once

#include <memory>
#include <utility>

#include "bindings.h"

namespace cnnx::bindings {

// A Python object that may be released by a thread without the GIL.
inline std::shared_ptr<py::object> shared(py::object object) {
  return {new py::object(std::move(object)), [](const py::object* owned) {
            const py::gil_scoped_acquire gil;
            delete owned;
          }};
}

}  // namespace cnnx::bindings
