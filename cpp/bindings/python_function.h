// Python functions that C++ keeps, and calls from threads without the GIL.
#pragma once

#include <memory>
#include <utility>

#include "bindings.h"

namespace cnnx::bindings {

// A Python object that may be released by a thread without the GIL.
inline std::shared_ptr<py::object> shared(py::object object) {
  return {new py::object(std::move(object)), [](const py::object* owned) {
            const AcquireGil gil;
            delete owned;
          }};
}

// Needs the GIL. An exception of the function is thrown as it is.
inline py::object call(const py::object& function, const py::tuple& arguments) {
  PyObject* result = nullptr;
  try {
    result = PyObject_CallObject(function.ptr(), arguments.ptr());
  } catch (...) {  // errors of Python are no exceptions here
    wait_for_end_of_process();
  }
  if (!result) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(result);
}

template <class... Arguments>
py::object call_method(const py::object& object, const char* name, const Arguments&... arguments) {
  return call(object.attr(name), py::make_tuple(arguments...));
}

}  // namespace cnnx::bindings
