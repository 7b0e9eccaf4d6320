// Lets other Python threads run while C++ computes, at the interpreter's end, too.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>

namespace cnnx::bindings {

// pybind11::gil_scoped_release, but for a daemon thread whose interpreter ends meanwhile. Python
// < 3.14 then ends the thread where it asks for the GIL, by unwinding its stack as an exception
// does: out of a destructor that ends the program, and elsewhere it would destroy Python objects
// without the GIL. Here the thread waits for the process to end instead, which is what Python 3.14
// has it do.
class ReleaseGil {
 public:
  ReleaseGil() : state_(PyEval_SaveThread()) {}
  ~ReleaseGil() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  }
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace cnnx::bindings
