// Starts and ends loops, divides their ranges, and lets waiting threads spin a little and then
// sleep.
#include "runtime/team.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <thread>
#include <vector>

#include "runtime/floating_point.h"
#include "runtime/thread_place.h"

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#endif

namespace cnnx::runtime {
namespace {

void relax() {
#if defined(__SSE2__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
  __asm__ volatile("yield");
#endif
}

// Longer than the gap between two loops of a train step, shorter than waking a sleeping thread; on
// a busy machine other processes then get the processor.
constexpr std::chrono::microseconds kSpin{50};

// Whether `ready` became true in that time.
template <class Ready>
bool spin_until(const Ready& ready) {
  const auto begun = std::chrono::steady_clock::now();
  do {
    for (int i = 0; i < 16; ++i) {
      if (ready()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() - begun < kSpin);
  return ready();
}

// The thread that sets it leads.
std::atomic_flag led = ATOMIC_FLAG_INIT;

}  // namespace

bool Team::run(int slots, int64_t count, int64_t grain, LoopBody body, const void* context) {
  if (led.test_and_set(std::memory_order_acquire)) return false;
  // Never destroyed: threads may sleep in it until the process ends.
  static Team* const team = new (std::nothrow) Team;
  if (team) {
    team->grow(slots);
    team->lead(slots, count, grain, body, context);
  }
  led.clear(std::memory_order_release);
  return team != nullptr;
}

// If the system refuses a thread, half of the new ones end again: they hold all the address space
// or all the threads that the process may have. The system is not asked again.
void Team::grow(int threads) {
  const int first = threads_;
  if (threads <= first) return;
  threads_ = threads;
  std::vector<std::thread> started;
  try {
    started.reserve(static_cast<std::size_t>(threads - first));
    for (int slot = first; slot < threads; ++slot) {
      started.emplace_back([this, slot, threads] {
        place_thread(slot, threads);
        stand_by(slot);
      });
    }
  } catch (const std::exception&) {  // no thread, or no memory for one
    threads_ = kUnlimited;
    dismiss(first + static_cast<int>(started.size() / 2));
  }
  int slot = first;
  for (std::thread& thread : started) slot++ < members_ ? thread.detach() : thread.join();
}

// Threads from this slot on end.
void Team::dismiss(int first) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    members_.store(first);
  }
  loop_begins_.notify_all();
}

// Sleepers count themselves before they check the gate for the last time, and the leader moves the
// gate before it reads their number: one of the two sees the other.
void Team::open_gate(uint32_t loop) {
  gate_.store(uint64_t{loop} << 32);
  if (sleepers_.load() == 0) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
  }
  loop_begins_.notify_all();
}

void Team::lead(int slots, int64_t count, int64_t grain, LoopBody body, const void* context) {
  body_ = body;
  context_ = context;
  grain_ = grain;
  slots_ = slots;
  range_count_ = std::min(slots, kMostRanges);
  for (int i = 0; i < range_count_; ++i) {
    ranges_[i].next.store(count * i / range_count_, std::memory_order_relaxed);
    ranges_[i].end = count * (i + 1) / range_count_;
  }
  if (++loops_ == 0) loops_ = 1;
  open_gate(loops_);
  take_part(0);
  gate_.fetch_and(uint64_t{0xffffffff});
  const auto left = [&] { return gate_.load() == 0; };
  if (spin_until(left)) return;
  std::unique_lock<std::mutex> lock(mutex_);
  leader_sleeps_ = true;
  loop_is_left_.wait(lock, left);
  leader_sleeps_ = false;
}

void Team::stand_by(int slot) {
  uint32_t seen = 0;
  while (slot < members_.load()) {
    const auto is_wanted = [&] {
      const uint32_t loop = loop_of(gate_.load());
      return (loop != 0 && loop != seen) || slot >= members_.load();
    };
    if (!spin_until(is_wanted)) {
      std::unique_lock<std::mutex> lock(mutex_);
      ++sleepers_;
      loop_begins_.wait(lock, is_wanted);
      --sleepers_;
    }
    uint64_t gate = gate_.load();
    const uint32_t loop = loop_of(gate);
    if (loop == 0 || loop == seen || !gate_.compare_exchange_strong(gate, gate + 1)) continue;
    seen = loop;
    if (slot < slots_) take_part(slot);
    const bool last = inside(gate_.fetch_sub(1)) == 1;
    if (last && leader_sleeps_.load()) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
      }
      loop_is_left_.notify_one();
    }
  }
}

// Half of the rest of a range at a time: few pieces, and the last ones small.
void Team::take_part(int slot) {
  const DefaultFloatingPoint mode;
  for (int i = 0; i < range_count_; ++i) {
    Range& range = ranges_[(slot + i) % range_count_];
    int64_t begin = range.next.load(std::memory_order_relaxed);
    while (begin < range.end) {
      const int64_t piece = std::max(grain_, (range.end - begin + 1) / 2);
      const int64_t end = std::min(range.end, begin + piece);
      if (!range.next.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
      body_(context_, begin, end, slot);
      begin = range.next.load(std::memory_order_relaxed);
    }
  }
}

}  // namespace cnnx::runtime
