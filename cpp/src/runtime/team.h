// The threads that take part in loops, for the lifetime of the process. The standard library starts
// them, because it reports a refusal of the system, at which OpenMP's runtimes end the process.
//
// An OpenMP region per loop would end in a barrier that waits for all its threads, even for one
// that the operating system has not scheduled: on a busy machine that takes milliseconds, hundreds
// of times a second. Here such a thread gets no piece and delays nothing. A loop is a range per
// thread; each thread takes pieces of its own range, then of the others', and the caller finishes
// alone if it must. No result depends on which thread runs a piece, because pieces are independent.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <limits>
#include <mutex>

namespace cnnx::runtime {

using LoopBody = void (*)(const void* context, int64_t begin, int64_t end, int slot);

class Team {
 public:
  // Calls body for pieces of [0, count), all of at least `grain` items except the last ones, in the
  // calling thread, whose slot is 0, and at most slots - 1 others. Returns false, and does nothing,
  // while another thread's loop or an outer one uses the team.
  static bool run(int slots, int64_t count, int64_t grain, LoopBody body, const void* context);

 private:
  // The part of a range that is not yet taken; on a cache line of its own.
  struct alignas(64) Range {
    std::atomic<int64_t> next;
    int64_t end;
  };
  static constexpr int kMostRanges = 64;

  void grow(int threads);
  void dismiss(int first);
  void stand_by(int slot);
  void lead(int slots, int64_t count, int64_t grain, LoopBody body, const void* context);
  void take_part(int slot);
  void open_gate(uint32_t loop);

  // The number of the loop that threads may join, 0 for none, and the number of threads in it.
  static uint32_t loop_of(uint64_t gate) { return static_cast<uint32_t>(gate >> 32); }
  static uint32_t inside(uint64_t gate) { return static_cast<uint32_t>(gate); }
  alignas(64) std::atomic<uint64_t> gate_{0};

  // The loop, constant while the gate is open or a thread is inside.
  alignas(64) LoopBody body_ = nullptr;
  const void* context_ = nullptr;
  int64_t grain_ = 1;
  int slots_ = 1, range_count_ = 1;
  int threads_ = 1;  // requested so far, including the caller's
  uint32_t loops_ = 0;
  Range ranges_[kMostRanges];

  static constexpr int kUnlimited = std::numeric_limits<int>::max();
  std::atomic<int> members_{kUnlimited};  // slots below are in the team

  // For threads that stopped spinning.
  std::atomic<int> sleepers_{0};
  std::atomic<bool> leader_sleeps_{false};
  std::mutex mutex_;
  std::condition_variable loop_begins_, loop_is_left_;
};

}  // namespace cnnx::runtime
