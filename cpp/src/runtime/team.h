// The threads that take part in loops, for the lifetime of the process. The standard library starts
// them, because it reports a refusal of the system, at which OpenMP's runtimes end the process.
//
// An OpenMP region per loop would end in a barrier that waits for all its threads, even for one
// that the operating system has not scheduled: on a busy machine that takes milliseconds, hundreds
// of times a second. Here such a thread gets no piece and delays nothing. A loop is a range per
// thread; each thread takes pieces of its own range, then of the others', and the caller finishes
// alone if it must. No result depends on which thread runs a piece, because pieces are independent.
// Threads begin with the same part of every loop, so a layer finds in a thread's cache what that
// thread wrote in the layer before.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>

namespace cnnx::runtime {

using LoopBody = void (*)(const void* context, int64_t begin, int64_t end, int slot);

// Calls of `body` for pieces of [0, count), all of at least `grain` items except the last ones, in
// the calling thread, whose slot is 0, and at most slots - 1 others.
struct Loop {
  LoopBody body;
  const void* context;
  int64_t count, grain;
  int slots;
  bool wakes;  // long enough to wake sleeping threads; otherwise only spinning ones take part
};

class Team {
 public:
  // Returns false, and does nothing, while another thread's loop or an outer one uses the team, or
  // if no other thread would take part: all sleep and the loop does not wake them, or all rest.
  static bool run(const Loop& loop);
  // Wakes the threads of the next loops, unless another thread uses the team.
  static void wake(int threads);

 private:
  // A range of the current loop, with the loop's description, on a cache line of its own: its
  // thread begins after one transfer of this line from the caller's core, and the caller reads it
  // again only when its own range is empty.
  struct alignas(64) Range {
    std::atomic<uint32_t> loop{0};  // its number; written last
    std::atomic<uint32_t> done{0};  // grains
    // The number of the loop, and the count of grains that are not yet taken. A late thread finds
    // another number or no grains. So a successful exchange proves that the loop still runs, and
    // that the other members, read before, describe it.
    std::atomic<uint64_t> untaken{0};
    std::atomic<int64_t> begin{0}, end{0}, grain{1};
    std::atomic<LoopBody> body{nullptr};
    std::atomic<const void*> context{nullptr};
    std::atomic<int> slots{0};
    std::atomic<bool> busy{false};  // its thread is in a piece
  };
  static_assert(sizeof(Range) == 64);
  using Clock = std::chrono::steady_clock;
  static constexpr int kMostRanges = 64;

  static Team* instance();
  bool rests(int slot, Clock::time_point now) const;
  bool all_rest(int slots, Clock::time_point now) const;
  void grow(int threads);
  void dismiss(int first);
  void stand_by(int slot);
  void wake_sleepers();
  bool lead(const Loop& loop);
  void take_part(uint32_t loop, int slot);
  void take_pieces(Range& range, uint32_t loop, int slot);
  void wait_for(const Range& range, Clock::time_point begun);

  Range ranges_[kMostRanges];

  // Of the caller.
  alignas(64) int threads_ = 1;  // requested so far, including the caller's
  uint32_t loops_ = 0;
  // A thread that the system often suspends within a piece takes no part until then.
  Clock::time_point rest_ends_[kMostRanges] = {}, last_rest_ends_ = {};
  Clock::time_point last_wait_ends_ = {};  // for a suspended thread
  Clock::duration waited_ = {};            // for suspended threads, as far as it is not forgiven

  static constexpr int kUnlimited = std::numeric_limits<int>::max();
  // Seldom written.
  alignas(64) std::atomic<int> members_{kUnlimited};  // slots below are in the team
  std::atomic<int> sleepers_{0}, waking_{0};          // threads that sleep; those of them notified
  std::atomic<uint32_t> notifications_{0};            // of sleepers
  std::atomic<bool> caller_sleeps_{false};
  std::mutex mutex_;
  std::condition_variable loop_begins_, range_is_done_;
};

}  // namespace cnnx::runtime
