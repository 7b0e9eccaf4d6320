// The default number of threads of a call, from the program, the environment, the CPUs and the
// container.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include "cnnx/runtime.h"
#include "runtime/cgroup.h"
#include "runtime/thread_scope.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace cnnx {
namespace {

using runtime::kMostThreads;

// The number at the beginning of `text`, and the rest of it; 0 for no positive number.
long leading_number(const char* text, const char*& rest) {
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(text, &end, 10);
  rest = end;
  return end == text || errno || value < 1 ? 0 : value;
}

// 0 if the variable is unset or empty.
int threads_of_cnnx() {
  const char* const text = std::getenv("CNNX_NUM_THREADS");
  if (!text || *text == '\0') return 0;
  const char* rest = nullptr;
  const long value = leading_number(text, rest);
  if (value == 0 || value > kMostThreads || *rest != '\0') {
    throw std::invalid_argument("CNNX_NUM_THREADS is \"" + std::string(text) +
                                "\", expected a number from 1 to " + std::to_string(kMostThreads));
  }
  return static_cast<int>(value);
}

// 0 if the variable holds no positive number. OpenMP allows a list per nesting level: the first
// number is used. The variable is not cnnx's, so nothing is refused.
int threads_of_openmp() {
  const char* const text = std::getenv("OMP_NUM_THREADS");
  const char* rest = nullptr;
  return text ? static_cast<int>(std::min<long>(leading_number(text, rest), kMostThreads)) : 0;
}

int allowed_cpus() {
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int default_threads() {
  if (const int own = threads_of_cnnx()) return own;
  if (const int openmp = threads_of_openmp()) return openmp;
  const int threads = std::min(allowed_cpus(), kMostThreads);
  // Half a core rounds up to one thread.
  const double quota = std::ceil(runtime::cgroup_cpus());
  return quota > 0 && quota < threads ? static_cast<int>(quota) : threads;
}

std::atomic<int> thread_setting{0};  // 0: not yet determined

}  // namespace

int get_num_threads() {
  if (!has_threads()) return 1;
  if (const int own = runtime::own_threads().count) return own;
  int threads = thread_setting.load(std::memory_order_relaxed);
  if (threads > 0) return threads;
  const int default_count = default_threads();
  // Another thread may have set it meanwhile.
  return thread_setting.compare_exchange_strong(threads, default_count) ? default_count : threads;
}

void set_num_threads(int count) {
  runtime::check_thread_count("set_num_threads", "count", count);
  thread_setting.store(count, std::memory_order_relaxed);
}

}  // namespace cnnx
