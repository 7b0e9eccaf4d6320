// Asks OpenMP for its places and binds threads to them.
#include "runtime/thread_place.h"

#if defined(_OPENMP) && defined(__linux__)
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <new>
#endif

namespace cnnx::runtime {

#if defined(_OPENMP) && defined(__linux__)
namespace {

constexpr int kMostCpus = CPU_SETSIZE;
constexpr int kMostPlaces = 1024;

struct Places {
  omp_proc_bind_t policy;
  int count;
  std::array<cpu_set_t, kMostPlaces> cpus;
};

// Empty if OpenMP does not know.
cpu_set_t cpus_of(int place) {
  cpu_set_t set;
  CPU_ZERO(&set);
  const int count = omp_get_place_num_procs(place);
  if (count < 1 || count > kMostCpus) return set;
  std::array<int, kMostCpus> cpus;
  omp_get_place_proc_ids(place, cpus.data());
  std::for_each_n(cpus.begin(), count, [&set](int cpu) { CPU_SET(cpu, &set); });
  return set;
}

// Null if threads are not bound.
const Places* ask_openmp() noexcept {
  const omp_proc_bind_t policy = omp_get_proc_bind();
  const int count = std::min(omp_get_num_places(), kMostPlaces);
  if (policy == omp_proc_bind_false || count < 1) return nullptr;
  Places* const places = new (std::nothrow) Places;
  if (places == nullptr) return nullptr;
  places->policy = policy;
  places->count = count;
  for (int place = 0; place < count; ++place) {
    places->cpus[static_cast<std::size_t>(place)] = cpus_of(place);
  }
  return places;
}

// The place of a thread by the policies of the OpenMP specification, for a team in the first place.
int place_of(omp_proc_bind_t policy, int slot, int threads, int places) {
  if (policy == omp_proc_bind_master) return 0;
  const bool side_by_side = policy != omp_proc_bind_spread && threads <= places;
  return side_by_side ? slot : slot * places / threads;
}

}  // namespace

void place_thread(int slot, int threads) noexcept {
  // Only one thread asks, once: LLVM's OpenMP crashes where several threads that it has not started
  // ask at the same time. Never destroyed, because a thread may start while the process ends.
  static const Places* const places = ask_openmp();
  if (places == nullptr) return;
  const int place = place_of(places->policy, slot, threads, places->count);
  // Without a binding the thread runs where the system puts it.
  const cpu_set_t& cpus = places->cpus[static_cast<std::size_t>(place)];
  static_cast<void>(sched_setaffinity(0, sizeof cpus, &cpus));
}
#else
void place_thread(int, int) noexcept {}
#endif

}  // namespace cnnx::runtime
