// Threads, instruction set and version.
#include "cnnx/runtime.h"

#include <optional>

#include "bindings.h"
#include "cnnx/threads.h"

namespace cnnx::bindings {
namespace {

// Ends when it is told to, because Python may destroy it late and in another thread.
struct PythonScope {
  explicit PythonScope(int count) : threads(std::in_place, count) {}
  std::optional<ThreadScope> threads;
};

}  // namespace

void bind_runtime(py::module_& module) {
  module.attr("__version__") = version();
  module.def("get_num_threads", &get_num_threads);
  module.def("set_num_threads", &set_num_threads, py::arg("count"));
  py::class_<PythonScope>(module, "ThreadScope")
      .def(py::init<int>(), py::arg("threads"))
      .def("end", [](PythonScope& scope) { scope.threads.reset(); });
  module.def("isa", &isa);
  module.def("integer_isa", &integer_isa);
  module.def("has_native_bfloat16", &has_native_bfloat16);
  module.def("has_threads", &has_threads);
  module.def("has_openmp", &has_openmp);
}

}  // namespace cnnx::bindings
