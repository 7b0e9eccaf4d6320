// The library and the machine in C: version, instruction set, threads.
#include "cnnx/runtime.h"

#include <string>

#include "c_api/status.h"

using cnnx::c_api::Call;
using cnnx::c_api::guarded;

const char* cnnx_version(void) { return cnnx::version(); }

cnnx_status cnnx_isa(const char** name) {
  return guarded(__func__, [&](const Call& call) {
    const char*& result = call.not_null(name, "name");
    static const std::string active = cnnx::isa();
    result = active.c_str();
  });
}

cnnx_status cnnx_integer_isa(const char** name) {
  return guarded(__func__, [&](const Call& call) {
    const char*& result = call.not_null(name, "name");
    static const std::string active = cnnx::integer_isa();
    result = active.c_str();
  });
}

cnnx_status cnnx_has_native_bfloat16(int32_t* native) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(native, "native") = cnnx::has_native_bfloat16() ? 1 : 0;
  });
}

int32_t cnnx_has_threads(void) { return cnnx::has_threads() ? 1 : 0; }

int32_t cnnx_has_openmp(void) { return cnnx::has_openmp() ? 1 : 0; }

cnnx_status cnnx_get_num_threads(int32_t* count) {
  return guarded(
      __func__, [&](const Call& call) { call.not_null(count, "count") = cnnx::get_num_threads(); });
}

cnnx_status cnnx_set_num_threads(int32_t count) {
  return guarded(__func__, [&](const Call&) { cnnx::set_num_threads(count); });
}
