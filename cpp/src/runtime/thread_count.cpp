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

#if defined(__linux__)
#include <sched.h>
#endif

namespace cnnx {
namespace {

constexpr int kMostThreads = 1024;

// A positive number from the environment, or 0. OpenMP allows a list per nesting level: the first
// number is used.
int threads_from(const char* variable) {
  const char* text = std::getenv(variable);
  if (!text) return 0;
  char* end = nullptr;
  errno = 0;
  const long value = std::strtol(text, &end, 10);
  if (end == text || errno || value < 1) return 0;
  return static_cast<int>(std::min<long>(value, kMostThreads));
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
  if (!has_threads()) return 1;
  if (const int own = threads_from("CNNX_NUM_THREADS")) return own;
  if (const int openmp = threads_from("OMP_NUM_THREADS")) return openmp;
  const int threads = std::min(allowed_cpus(), kMostThreads);
  // Half a core rounds up to one thread.
  const double quota = std::ceil(runtime::cgroup_cpus());
  return quota > 0 && quota < threads ? static_cast<int>(quota) : threads;
}

std::atomic<int>& thread_setting() {
  static std::atomic<int> threads{default_threads()};
  return threads;
}

}  // namespace

int get_num_threads() { return thread_setting().load(std::memory_order_relaxed); }

void set_num_threads(int count) {
  if (count < 1 || count > kMostThreads) {
    throw std::invalid_argument("set_num_threads: count is " + std::to_string(count) +
                                ", expected 1 to " + std::to_string(kMostThreads));
  }
  if (has_threads()) thread_setting().store(count, std::memory_order_relaxed);
}

}  // namespace cnnx
