// The library and the machine in C: version, instruction set, threads.
#include "cnnx/runtime.h"

#include <optional>
#include <string>

#include "c_api/status.h"
#include "runtime/thread_scope.h"

using cnnx::c_api::Call;
using cnnx::c_api::guarded;
using cnnx::runtime::check_thread_count;
using cnnx::runtime::own_threads;

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

namespace {

// The pool of a program in C.
class CPool final : public cnnx::ThreadPool {
 public:
  CPool(int threads, cnnx_run_tasks run_tasks, void* pool)
      : threads_(threads), run_tasks_(run_tasks), pool_(pool) {}
  int threads() const override { return threads_; }
  void run(int count, Task task, void* context) noexcept override {
    run_tasks_(pool_, count, task, context);
  }

 private:
  int threads_;
  cnnx_run_tasks run_tasks_;
  void* pool_;
};

}  // namespace

cnnx_status cnnx_use_threads(int32_t count) {
  return guarded(__func__, [&](const Call&) {
    check_thread_count("cnnx_use_threads", "count", count, 0);
    own_threads() = {count, nullptr};
  });
}

cnnx_status cnnx_use_thread_pool(int32_t threads, cnnx_run_tasks run, void* pool) {
  return guarded(__func__, [&](const Call& call) {
    check_thread_count("cnnx_use_thread_pool", "threads", threads);
    call.not_null(run, "run");
    thread_local std::optional<CPool> own;
    own.emplace(threads, run, pool);
    own_threads() = {threads, &*own};
  });
}
