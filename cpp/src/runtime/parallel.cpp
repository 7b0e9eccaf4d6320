// What parallel_for calls, the thread count and its sources, what keeps a forked child alive.
#include "runtime/parallel.h"

#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "cnnx/runtime.h"
#include "runtime/cgroup.h"
#include "runtime/floating_point.h"
#include "runtime/team.h"

#if defined(__linux__)
#include <pthread.h>
#include <sched.h>
#endif

namespace cnnx::runtime {
namespace {

constexpr int kMostThreads = 1024;

#if defined(_OPENMP)
// A positive number from the environment, or 0. OpenMP allows a list per nesting level: the first
// one counts.
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

#if defined(__linux__)
double read_ratio(const std::string& quota_path, const std::string& period_path) {
  std::ifstream quota_file(quota_path), period_file(period_path);
  double quota = 0, period = 0;
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0)
    return quota / period;
  return 0;
}

// CPUs that the process's cgroups may use, or 0.
double cgroup_cpus() {
  double least = 0;
  const auto consider = [&least](double cpus) {
    if (cpus > 0 && (least == 0 || cpus < least)) least = cpus;
  };
  for_each_cgroup("cpu", [&](const std::string& folder, bool is_version2) {
    if (!is_version2) {
      consider(read_ratio(folder + "/cpu.cfs_quota_us", folder + "/cpu.cfs_period_us"));
      return;
    }
    std::ifstream file(folder + "/cpu.max");
    double quota = 0, period = 0;
    if (file >> quota >> period && period > 0) consider(quota / period);
  });
  return least;
}
#endif
#endif

int default_threads() {
#if defined(_OPENMP)
  if (const int own = threads_from("CNNX_NUM_THREADS")) return own;
  if (const int openmp = threads_from("OMP_NUM_THREADS")) return openmp;
  int threads = std::min(allowed_cpus(), kMostThreads);
#if defined(__linux__)
  // Half a core rounds up to one thread.
  if (const double quota = cgroup_cpus(); quota > 0) {
    threads = std::max(1, std::min(threads, static_cast<int>(std::ceil(quota))));
  }
#endif
  return threads;
#else
  return 1;
#endif
}

std::atomic<int>& thread_setting() {
  static std::atomic<int> threads{default_threads()};
  return threads;
}

#if defined(_OPENMP) && defined(__linux__)
std::atomic<bool> started_threads{false};
std::atomic<bool> forked_after_start{false};

// Threads do not survive a fork: the child would wait forever for what they were doing.
void in_forked_child() {
  if (started_threads.load(std::memory_order_relaxed)) forked_after_start.store(true);
}

bool may_start_threads() {
  if (!started_threads.load(std::memory_order_relaxed)) {
    static const int registered = pthread_atfork(nullptr, nullptr, in_forked_child);
    started_threads.store(registered == 0);
    return registered == 0;
  }
  return !forked_after_start.load(std::memory_order_relaxed);
}
#else
[[maybe_unused]] bool may_start_threads() { return true; }
#endif

}  // namespace

void run_loop(int slots, int64_t count, int64_t grain, LoopBody body, const void* context) {
#if defined(_OPENMP)
  if (slots > 1 && may_start_threads() && Team::run(slots, count, grain, body, context)) return;
#else
  static_cast<void>(slots), static_cast<void>(grain);
#endif
  const DefaultFloatingPoint mode;
  body(context, 0, count, 0);
}

}  // namespace cnnx::runtime

namespace cnnx {

int get_num_threads() { return runtime::thread_setting().load(std::memory_order_relaxed); }

void set_num_threads(int count) {
  if (count < 1 || count > runtime::kMostThreads) {
    throw std::invalid_argument("set_num_threads: count is " + std::to_string(count) +
                                ", expected 1 to " + std::to_string(runtime::kMostThreads));
  }
#if defined(_OPENMP)
  runtime::thread_setting().store(count, std::memory_order_relaxed);
#endif
}

bool has_openmp() {
#if defined(_OPENMP)
  return true;
#else
  return false;
#endif
}

}  // namespace cnnx
