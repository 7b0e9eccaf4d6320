// The compiled module cnnx._core: a list of its blocks, and the mapping of C++ exceptions to
// Python's.
#include <cstring>
#include <new>
#include <system_error>

#include "bindings.h"
#include "cnnx/error.h"

namespace {

// pybind11 maps std::invalid_argument to ValueError. The exceptions below are cnnx's, and
// std::bad_alloc, whose text is its name.
void register_exceptions(pybind11::module_& module) {
  auto& format_error =
      pybind11::register_exception<cnnx::FormatError>(module, "FormatError", PyExc_ValueError);
  format_error.attr("__module__") = "cnnx";
  format_error.doc() = "A file is damaged, of a newer format, or not what its name says.";
  pybind11::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const std::system_error& error) {
      // With two arguments OSError becomes FileNotFoundError, PermissionError and so on.
      const pybind11::tuple arguments =
          pybind11::make_tuple(error.code().default_error_condition().value(), error.what());
      PyErr_SetObject(PyExc_OSError, arguments.ptr());
    } catch (const cnnx::NotFiniteError& error) {
      PyErr_SetString(PyExc_FloatingPointError, error.what());
    } catch (const std::bad_alloc& error) {
      // The what() of cnnx's own is a sentence, that of the standard library a name.
      const bool is_sentence = std::strchr(error.what(), ' ') != nullptr;
      PyErr_SetString(PyExc_MemoryError, is_sentence ? error.what()
                                                     : "cnnx: the memory is exhausted, expected a "
                                                       "smaller model, batch or image");
    }
  });
}

// pybind11's objects are for one interpreter. In another one, sets a Python error with the reason.
bool in_main_interpreter() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return true;
  PyErr_SetString(PyExc_ImportError,
                  "cnnx: imported by a second interpreter of the process, expected the main one");
  return false;
}

}  // namespace

PYBIND11_MODULE(_core_of_main_interpreter, module) {
  using namespace cnnx::bindings;
  if (!in_main_interpreter()) throw pybind11::error_already_set();
  module.doc() =
      "The compiled core of cnnx; use the package cnnx, whose functions check and convert.";
  register_exceptions(module);
  bind_runtime(module);
  bind_data(module);
  bind_generated_data(module);
  bind_layer_kinds(module);
  bind_model(module);
  bind_checkpoint(module);
  bind_trainer(module);
  bind_distributed(module);
  bind_operator(module);
  bind_benchmark(module);
  bind_batch_norm2d(module);
  bind_losses(module);
}

// The entry point for Python. Called before pybind11's, which in a second interpreter of Python <
// 3.12 waits for ever for the GIL that its own thread holds.
extern "C" PYBIND11_EXPORT PyObject* PyInit__core() {
  return in_main_interpreter() ? PyInit__core_of_main_interpreter() : nullptr;
}
