// Passes batches from the thread that gathers to the thread that trains.
#include "training/prefetch.h"

#include <exception>
#include <utility>

#include "cnnx/runtime.h"
#include "runtime/fork.h"

namespace cnnx::training {

Prefetch::Prefetch(Gather gather, int64_t batches)
    : gather_(std::move(gather)),
      batches_(batches),
      generation_(runtime::fork_generation()),
      exchange_(std::make_unique<Exchange>()) {
  if (!has_threads()) return;
  try {
    exchange_->thread = std::thread([this] { work(); });
  } catch (const std::exception&) {  // no thread, or no memory for one
  }
}

Prefetch::~Prefetch() {
  if (!exchange_->thread.joinable()) return;
  if (!has_thread()) {
    // The fork may have interrupted the thread anywhere: its batch may be half written, and the
    // condition variable's destructor would wait for it. So a child does not destroy them.
    static_cast<void>(exchange_.release());
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(exchange_->mutex);
    exchange_->wanted = kStop;
  }
  exchange_->changed.notify_all();
  exchange_->thread.join();
}

bool Prefetch::has_thread() const {
  return exchange_->thread.joinable() && generation_ == runtime::fork_generation();
}

const Batch& Prefetch::batch(int64_t index) {
  Exchange& exchange = *exchange_;
  if (!has_thread()) {
    Batch& batch = exchange.batches[exchange.current];
    gather_(index, get_num_threads(), batch);
    return batch;
  }
  std::unique_lock<std::mutex> lock(exchange.mutex);
  if (exchange.wanted != index) {
    exchange.changed.wait(lock, [&] { return exchange.wanted == kNone || exchange.ready; });
    exchange.wanted = index;
    exchange.ready = false;
    exchange.changed.notify_all();
  }
  exchange.changed.wait(lock, [&] { return exchange.ready; });
  exchange.wanted = kNone;
  exchange.ready = false;
  if (exchange.error) std::rethrow_exception(std::exchange(exchange.error, nullptr));
  exchange.current = 1 - exchange.current;
  if (index + 1 < batches_) {
    exchange.wanted = index + 1;
    exchange.changed.notify_all();
  }
  return exchange.batches[exchange.current];
}

// One thread: all others are training.
void Prefetch::work() {
  Exchange& exchange = *exchange_;
  std::unique_lock<std::mutex> lock(exchange.mutex);
  for (;;) {
    exchange.changed.wait(lock, [&] {
      return exchange.wanted == kStop || (exchange.wanted != kNone && !exchange.ready);
    });
    if (exchange.wanted == kStop) return;
    const int64_t index = exchange.wanted;
    Batch& batch = exchange.batches[1 - exchange.current];
    lock.unlock();
    std::exception_ptr error;
    try {
      gather_(index, /*threads=*/1, batch);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (exchange.wanted == kStop) return;
    exchange.error = error;
    exchange.ready = true;
    exchange.changed.notify_all();
  }
}

}  // namespace cnnx::training
