// run_fma_peak, run_integer_peak: one kernel on the calling thread; core_to_core_seconds: two
// threads take turns.
#include "cnnx/peak.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#include "kernels/integer_peak.h"
#include "kernels/peak.h"
#include "runtime/dispatch.h"

namespace cnnx {
namespace {

using Clock = std::chrono::steady_clock;

// The caller throws, the other thread throws back.
struct Ball {
  static constexpr int kLeft = -1;  // the caller plays no more
  alignas(64) std::atomic<int> throws{0};

  // Waits until the other side has thrown for the n-th time; false if the game is over.
  bool awaits(int n, Clock::time_point end) const {
    for (int i = 0; throws.load(std::memory_order_acquire) != n; ++i) {
      if (throws.load(std::memory_order_relaxed) == kLeft) return false;
      if (i % 1024 == 1023 && Clock::now() > end) return false;
    }
    return true;
  }
};

}  // namespace

int64_t run_fma_peak(int64_t rounds) {
  volatile float sink;
  float result = 0.0f;
  const int64_t operations = CNNX_KERNELS(peak_kernels).run(rounds, &result);
  sink = result;
  static_cast<void>(sink);
  return operations;
}

int64_t run_integer_peak(int64_t rounds) {
  volatile int32_t sink;
  int32_t result = 0;
  const int64_t operations = CNNX_INTEGER_TILE_KERNELS(integer_peak_kernels).run(rounds, &result);
  sink = result;
  static_cast<void>(sink);
  return operations;
}

double core_to_core_seconds() {
  constexpr int kMeasurements = 50, kThrows = 50;
  constexpr std::chrono::milliseconds kPatience{100};
  Ball ball;
  const Clock::time_point end = Clock::now() + kPatience;
  std::thread other([&] {
    for (int n = 1; ball.awaits(n, end); n += 2)
      ball.throws.store(n + 1, std::memory_order_release);
  });
  double least = std::numeric_limits<double>::infinity();
  bool together = true;
  for (int i = 0, n = 0; i < kMeasurements && together; ++i) {
    const Clock::time_point begun = Clock::now();
    for (int k = 0; k < kThrows && together; ++k, n += 2) {
      ball.throws.store(n + 1, std::memory_order_release);
      together = ball.awaits(n + 2, end);
    }
    const std::chrono::duration<double> passed = Clock::now() - begun;
    if (together) least = std::min(least, passed.count() / (2 * kThrows));
  }
  ball.throws.store(Ball::kLeft);
  other.join();
  return least;
}

}  // namespace cnnx
