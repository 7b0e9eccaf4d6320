// Starts loops, divides them into ranges, and lets waiting threads spin a little and then sleep.
#include "runtime/team.h"

#include <algorithm>
#include <array>
#include <bitset>
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

// Longer than the gap between two loops of a train step, shorter than waking a sleeping thread.
constexpr std::chrono::microseconds kSpin{50};
// After that a spinning thread offers its processor to others: on a busy machine the thread that it
// waits for may need it.
constexpr std::chrono::microseconds kSpinWithoutYield{10};

// The caller forgives the time in which it waited for suspended threads at a fifth of the pace at
// which time passes. When more than so much is left, the threads rest for a multiple of it.
constexpr int kTimePerForgiven = 5, kRestPerWait = 16;
constexpr std::chrono::milliseconds kMostWaited{10};
// The process may have been stopped for hours.
constexpr std::chrono::milliseconds kLongestRest{500};

// Whether `ready` became true in that time.
template <class Ready>
bool spin_until(const Ready& ready) {
  if (ready()) return true;
  const auto begun = std::chrono::steady_clock::now();
  for (;;) {
    for (int i = 0; i < 16; ++i) {
      relax();
      if (ready()) return true;
    }
    const auto spun = std::chrono::steady_clock::now() - begun;
    if (spun > kSpin) return false;
    if (spun > kSpinWithoutYield) std::this_thread::yield();
  }
}

// The winpthreads library holds a lock of the whole process while a thread starts. If the process
// ended meanwhile, Windows would end that thread with the lock, for which the destructors of
// libstdc++ would wait for ever.
#ifdef __MINGW32__
constexpr bool kAwaitsStarts = true;
#else
constexpr bool kAwaitsStarts = false;
#endif

// The thread that sets it leads.
std::atomic_flag led = ATOMIC_FLAG_INIT;

constexpr uint64_t untaken(uint32_t loop, uint32_t grains) { return uint64_t{loop} << 32 | grains; }
constexpr uint32_t loop_of(uint64_t untaken) { return static_cast<uint32_t>(untaken >> 32); }
constexpr uint32_t grains_of(uint64_t untaken) { return static_cast<uint32_t>(untaken); }

}  // namespace

// Never destroyed: threads may sleep in it until the process ends.
Team* Team::instance() {
  static Team* const team = new (std::nothrow) Team;
  return team;
}

void Team::wake(int threads) {
  if (led.test_and_set(std::memory_order_acquire)) return;
  if (Team* const team = instance()) {
    team->grow(threads);
    if (!team->all_rest(threads, Clock::now())) team->wake_sleepers();
  }
  led.clear(std::memory_order_release);
}

bool Team::run(const Loop& loop) {
  if (led.test_and_set(std::memory_order_acquire)) return false;
  Team* const team = instance();
  bool runs = team != nullptr;
  if (runs) {
    team->grow(loop.slots);
    runs = loop.wakes || team->sleepers_.load(std::memory_order_relaxed) + 1 < loop.slots;
    runs = runs && team->lead(loop);
  }
  led.clear(std::memory_order_release);
  return runs;
}

// If the system refuses a thread, half of the new ones end again: they hold all the address space
// or all the threads that the process may have. The system is not asked again.
void Team::grow(int threads) {
  const int first = threads_;
  if (threads <= first) return;
  threads_ = threads;
  std::vector<std::thread> started;
  std::atomic<std::size_t> runs{0};
  try {
    started.reserve(static_cast<std::size_t>(threads - first));
    for (int slot = first; slot < threads; ++slot) {
      started.emplace_back([this, slot, threads, &runs] {
        if (kAwaitsStarts) runs.fetch_add(1);
        place_thread(slot, threads);
        stand_by(slot);
      });
    }
  } catch (const std::exception&) {  // no thread, or no memory for one
    threads_ = kUnlimited;
    dismiss(first + static_cast<int>(started.size() / 2));
  }
  while (kAwaitsStarts && runs.load() < started.size()) std::this_thread::yield();
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

bool Team::rests(int slot, Clock::time_point now) const {
  return now < last_rest_ends_ && now < rest_ends_[slot % kMostRanges];
}

bool Team::all_rest(int slots, Clock::time_point now) const {
  for (int slot = 1; slot < slots; ++slot) {
    if (!rests(slot, now)) return false;
  }
  return true;
}

// Returns false, and does nothing, if all other threads rest.
bool Team::lead(const Loop& loop) {
  const Clock::time_point begun = Clock::now();
  if (all_rest(loop.slots, begun)) return false;
  const int most = std::min(loop.slots, kMostRanges);
  std::array<Range*, kMostRanges> ranges;
  int count = 0;
  for (int slot = 0; slot < most; ++slot) {
    if (!rests(slot, begun)) ranges[static_cast<std::size_t>(count++)] = &ranges_[slot];
  }
  if (++loops_ == 0) loops_ = 1;
  // The grains of a range fit into their counter.
  const int64_t grain = std::max(loop.grain, loop.count >> 31);
  for (int i = count - 1; i >= 0; --i) {
    const int64_t begin = loop.count * i / count, end = loop.count * (i + 1) / count;
    Range& range = *ranges[static_cast<std::size_t>(i)];
    range.begin.store(begin, std::memory_order_relaxed);
    range.end.store(end, std::memory_order_relaxed);
    range.grain.store(grain, std::memory_order_relaxed);
    range.body.store(loop.body, std::memory_order_relaxed);
    range.context.store(loop.context, std::memory_order_relaxed);
    range.slots.store(loop.slots, std::memory_order_relaxed);
    range.done.store(0, std::memory_order_relaxed);
    const auto grains = static_cast<uint32_t>((end - begin + grain - 1) / grain);
    range.untaken.store(untaken(loops_, grains), std::memory_order_relaxed);
    range.loop.store(loops_, std::memory_order_release);
  }
  if (loop.wakes) wake_sleepers();
  take_part(loops_, 0);
  for (int i = 0; i < count; ++i) wait_for(*ranges[static_cast<std::size_t>(i)], begun);
  return true;
}

// A thread that needs much longer for its last piece than the caller for all of its own was
// suspended, because other processes use its processor. Once in a while that happens on every
// machine. If it takes a fifth of the time, the thread rests for a multiple of the time that the
// caller lost, so on a busy machine the caller loses a small part of its time at most.
void Team::wait_for(const Range& range, Clock::time_point begun) {
  const int64_t items =
      range.end.load(std::memory_order_relaxed) - range.begin.load(std::memory_order_relaxed);
  const int64_t grain = range.grain.load(std::memory_order_relaxed);
  const auto grains = static_cast<uint32_t>((items + grain - 1) / grain);
  const auto is_done = [&] { return range.done.load() == grains; };
  if (is_done()) return;
  const Clock::time_point from = Clock::now();
  if (spin_until(is_done)) return;
  std::bitset<kMostRanges> late;
  for (std::size_t i = 1; i < kMostRanges; ++i)
    late[i] = ranges_[i].busy.load(std::memory_order_relaxed);
  {
    std::unique_lock<std::mutex> lock(mutex_);
    caller_sleeps_ = true;
    range_is_done_.wait(lock, is_done);
    caller_sleeps_ = false;
  }
  const Clock::time_point now = Clock::now();
  if (now - from < 2 * (from - begun)) return;
  waited_ -= std::min(waited_, (now - last_wait_ends_) / kTimePerForgiven);
  waited_ += now - from;
  last_wait_ends_ = now;
  if (waited_ < kMostWaited) return;
  last_rest_ends_ = now + std::min<Clock::duration>(kRestPerWait * waited_, kLongestRest);
  for (std::size_t i = 1; i < kMostRanges; ++i) {
    if (late[i]) rest_ends_[i] = last_rest_ends_;
  }
}

// A thread that falls asleep at this moment may miss the loop, which ends without it.
void Team::wake_sleepers() {
  if (sleepers_.load(std::memory_order_relaxed) <= waking_.load(std::memory_order_relaxed)) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    waking_.store(sleepers_);
    ++notifications_;
  }
  loop_begins_.notify_all();
}

void Team::stand_by(int slot) {
  const Range& own = ranges_[slot % kMostRanges];
  uint32_t seen = 0;
  while (slot < members_.load(std::memory_order_relaxed)) {
    const auto is_wanted = [&] {
      return own.loop.load(std::memory_order_acquire) != seen ||
             slot >= members_.load(std::memory_order_relaxed);
    };
    if (!spin_until(is_wanted)) {
      std::unique_lock<std::mutex> lock(mutex_);
      ++sleepers_;
      const uint32_t before = notifications_;
      loop_begins_.wait(lock, [&] { return notifications_ != before || is_wanted(); });
      --sleepers_;
      if (waking_ > 0) --waking_;
    }
    seen = own.loop.load(std::memory_order_acquire);
    if (slot < own.slots.load(std::memory_order_relaxed)) take_part(seen, slot);
  }
}

void Team::take_part(uint32_t loop, int slot) {
  [[maybe_unused]] const DefaultFloatingPoint mode;
  const int slots = ranges_[slot % kMostRanges].slots.load(std::memory_order_relaxed);
  const int ranges = std::min(slots, kMostRanges);
  for (int i = 0; i < ranges; ++i) take_pieces(ranges_[(slot + i) % ranges], loop, slot);
}

// Half of the rest of a range at a time: few pieces, and the last ones small.
void Team::take_pieces(Range& range, uint32_t loop, int slot) {
  if (range.loop.load(std::memory_order_acquire) != loop) return;
  const int64_t begin = range.begin.load(std::memory_order_relaxed);
  const int64_t end = range.end.load(std::memory_order_relaxed);
  const int64_t grain = range.grain.load(std::memory_order_relaxed);
  const LoopBody body = range.body.load(std::memory_order_relaxed);
  const void* const context = range.context.load(std::memory_order_relaxed);
  const int64_t grains = (end - begin + grain - 1) / grain;
  Range& own = ranges_[slot % kMostRanges];
  uint64_t rest = range.untaken.load(std::memory_order_relaxed);
  while (loop_of(rest) == loop && grains_of(rest) > 0) {
    const uint32_t piece = (grains_of(rest) + 1) / 2;
    if (!range.untaken.compare_exchange_weak(rest, rest - piece, std::memory_order_acq_rel,
                                             std::memory_order_relaxed)) {
      continue;
    }
    const int64_t first = begin + (grains - grains_of(rest)) * grain;
    own.busy.store(true, std::memory_order_relaxed);
    body(context, first, std::min(end, first + piece * grain), slot);
    own.busy.store(false, std::memory_order_relaxed);
    range.done.fetch_add(piece);
    if (caller_sleeps_.load() && slot != 0) {
      {
        const std::lock_guard<std::mutex> lock(mutex_);
      }
      range_is_done_.notify_one();
    }
    rest = range.untaken.load(std::memory_order_relaxed);
  }
}

}  // namespace cnnx::runtime
