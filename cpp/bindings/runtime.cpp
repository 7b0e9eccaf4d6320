// Threads, instruction set and version.
#include "cnnx/runtime.h"

#include "bindings.h"

namespace cnnx::bindings {

void bind_runtime(py::module_& module) {
  module.attr("__version__") = version();
  module.def("get_num_threads", &get_num_threads);
  module.def("set_num_threads", &set_num_threads, py::arg("count"));
  module.def("isa", &isa);
  module.def("integer_isa", &integer_isa);
  module.def("has_native_bfloat16", &has_native_bfloat16);
  module.def("has_threads", &has_threads);
  module.def("has_openmp", &has_openmp);
}

}  // namespace cnnx::bindings
