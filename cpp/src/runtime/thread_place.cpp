// Asks OpenMP for its places and binds threads to them.
#include "runtime/thread_place.h"

#if defined(_OPENMP) && defined(__linux__)
#include <omp.h>
#include <sched.h>

#include <algorithm>
#include <array>
#endif

namespace cnnx::runtime {

#if defined(_OPENMP) && defined(__linux__)
namespace {

constexpr int kMostCpus = 1024;  // of a cpu_set_t

// The place of a thread by the policies of the OpenMP specification, for a team in the first place.
int place_of(omp_proc_bind_t policy, int slot, int threads, int places) {
  if (policy == omp_proc_bind_master) return 0;
  const bool side_by_side = policy != omp_proc_bind_spread && threads <= places;
  return side_by_side ? slot : slot * places / threads;
}

}  // namespace

void place_thread(int slot, int threads) noexcept {
  const omp_proc_bind_t policy = omp_get_proc_bind();
  const int places = omp_get_num_places();
  if (policy == omp_proc_bind_false || places < 1) return;
  const int place = place_of(policy, slot, threads, places);
  const int count = omp_get_place_num_procs(place);
  std::array<int, kMostCpus> cpus;
  if (count < 1 || count > kMostCpus) return;
  omp_get_place_proc_ids(place, cpus.data());
  cpu_set_t set;
  CPU_ZERO(&set);
  std::for_each_n(cpus.begin(), count, [&set](int cpu) { CPU_SET(cpu, &set); });
  // Without a binding the thread runs where the system puts it.
  static_cast<void>(sched_setaffinity(0, sizeof set, &set));
}
#else
void place_thread(int, int) noexcept {}
#endif

}  // namespace cnnx::runtime
