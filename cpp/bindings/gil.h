// The GIL around computations and Python functions, also at the end of the interpreter.
//
// When an interpreter ends, Python < 3.14 ends each daemon thread that requests the GIL, by
// unwinding its stack like an exception. In a destructor that ends the program, and elsewhere it
// would destroy Python objects without the GIL. Here the thread waits for the process to end
// instead, as in Python 3.14.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>
#include <thread>

namespace cnnx::bindings {

[[noreturn]] inline void wait_for_end_of_process() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

// Lets other Python threads run while C++ computes.
class ReleaseGil {
 public:
  ReleaseGil() : state_(PyEval_SaveThread()) {}
  ~ReleaseGil() {
    try {
      PyEval_RestoreThread(state_);
    } catch (...) {
      wait_for_end_of_process();
    }
  }
  ReleaseGil(const ReleaseGil&) = delete;
  ReleaseGil& operator=(const ReleaseGil&) = delete;

 private:
  PyThreadState* state_;
};

// For C++ that computes without the GIL and calls Python.
class AcquireGil {
 public:
  AcquireGil() : state_(acquired()) {}
  ~AcquireGil() { PyGILState_Release(state_); }
  AcquireGil(const AcquireGil&) = delete;
  AcquireGil& operator=(const AcquireGil&) = delete;

 private:
  static PyGILState_STATE acquired() {
    try {
      return PyGILState_Ensure();
    } catch (...) {
      wait_for_end_of_process();
    }
  }

  PyGILState_STATE state_;
};

}  // namespace cnnx::bindings
