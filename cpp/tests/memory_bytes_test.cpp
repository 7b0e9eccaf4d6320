// Model::memory_bytes and Trainer::memory_bytes agree with the memory that calls allocate.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/runtime.h"
#include "cnnx/trainer.h"

namespace {

std::atomic<int64_t> bytes_now{0}, bytes_peak{0};

// Arrays of floats are the only memory that is aligned. The size is stored before it.
void* aligned(std::size_t size, std::size_t alignment) {
  char* const block = static_cast<char*>(std::malloc(size + 2 * alignment));
  if (!block) throw std::bad_alloc();
  const auto address = reinterpret_cast<std::uintptr_t>(block) + alignment;
  char* const memory = block + alignment + (alignment - address % alignment) % alignment;
  reinterpret_cast<void**>(memory)[-1] = block;
  reinterpret_cast<std::size_t*>(memory)[-2] = size;
  const int64_t now = bytes_now += static_cast<int64_t>(size);
  bytes_peak = std::max(bytes_peak.load(), now);
  return memory;
}

void free_aligned(void* memory) {
  if (!memory) return;
  bytes_now -= static_cast<int64_t>(reinterpret_cast<std::size_t*>(memory)[-2]);
  std::free(reinterpret_cast<void**>(memory)[-1]);
}

}  // namespace

void* operator new(std::size_t size, std::align_val_t alignment) {
  return aligned(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory, std::align_val_t) noexcept { free_aligned(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { free_aligned(memory); }

namespace {

using cnnx::Layer;
using Size = std::size_t;
using namespace cnnx::layers;

std::vector<Layer> small_network() {
  return {Conv2d(16, 3).padding(cnnx::Padding::same),
          BatchNorm2d(),
          ReLU(),
          MaxPool2d(2),
          Conv2d(32, 5).stride(2),
          ReLU(),
          Flatten(),
          Dense(40),
          ReLU(),
          Dense(10)};
}

// Of so many parameters that updates follow each layer's backward.
std::vector<Layer> large_network() { return {Flatten(), Dense(400), ReLU(), Dense(10)}; }

// The peak of the memory for arrays. An estimate may be wrong by the padding of arrays and 1 %.
void check_estimate(int64_t estimated, const char* what) {
  const int64_t peak = bytes_peak, most_wrong = peak / 100 + 8192;
  std::printf("%-40s estimated %11lld, peak %11lld\n", what, static_cast<long long>(estimated),
              static_cast<long long>(peak));
  CHECK(estimated <= peak + most_wrong);
  CHECK(estimated >= peak - most_wrong);
}

// Counts from here on.
void begin_count() { bytes_peak = bytes_now.load(); }

void test_predictions(const std::vector<Layer>& layers, cnnx::ComputeDtype dtype, int64_t count) {
  const std::vector<uint8_t> pixels(static_cast<Size>(count) * 64 * 64 * 3, 100);
  std::vector<float> outputs(static_cast<Size>(count) * 10);
  begin_count();
  cnnx::Model model(layers, {64, 64, 3});
  model.set_compute_dtype(dtype);
  const int64_t made = bytes_now, estimated = model.memory_bytes(count);
  CHECK_EQUAL(bytes_now.load(), made);
  model.run({pixels.data(), count}, outputs.data());
  check_estimate(estimated, "prediction");
}

void test_training(const std::vector<Layer>& layers, const cnnx::OptimizerSettings& optimizer,
                   const cnnx::TrainerOptions& options, int64_t rows, const char* what) {
  const std::vector<uint8_t> pixels(static_cast<Size>(rows) * 64 * 64 * 3, 100);
  const std::vector<int64_t> labels(static_cast<Size>(rows), 1);
  begin_count();
  cnnx::Model model(layers, {64, 64, 3});
  cnnx::Trainer trainer(model, optimizer, cnnx::Loss{}, options);
  const int64_t made = bytes_now, estimated = trainer.memory_bytes(rows);
  CHECK_EQUAL(bytes_now.load(), made);
  for (int step = 0; step < 2; ++step)
    trainer.step({pixels.data(), rows}, cnnx::Targets{labels.data()});
  check_estimate(estimated, what);
}

void test_wrong_counts() {
  cnnx::Model model(small_network(), {64, 64, 3});
  CHECK_THROWS(std::invalid_argument, "memory_bytes: count is 0, expected 1",
               model.memory_bytes(0));
  const cnnx::Trainer trainer(model);
  CHECK_THROWS(std::invalid_argument, "memory_bytes: batch_size is -1", trainer.memory_bytes(-1));
}

}  // namespace

int memory_bytes_test(int, char*[]) {
  for (const int threads : {1, 2}) {
    cnnx::set_num_threads(threads);
    for (const int64_t count : {1, 3, 64}) {
      for (const auto& layers : {small_network(), large_network()}) {
        test_predictions(layers, cnnx::ComputeDtype::float32, count);
        test_predictions(layers, cnnx::ComputeDtype::bfloat16, count);
      }
    }
    cnnx::TrainerOptions recomputing, sharded, averaging, many_shards;
    recomputing.recompute = true;
    sharded.shards = 4;
    many_shards.shards = 12;
    averaging.averaging = cnnx::Averaging{};
    for (const auto& layers : {small_network(), large_network()}) {
      test_training(layers, cnnx::Adam{}, {}, 16, "step, Adam");
      test_training(layers, cnnx::Sgd{}, {}, 3, "step, SGD");
      test_training(layers, cnnx::Sgd{}, recomputing, 16, "step, recompute");
      test_training(layers, cnnx::Adam{}, sharded, 16, "step, 4 shards");
      test_training(layers, cnnx::Adam{}, many_shards, 24, "step, 12 shards");
      test_training(layers, cnnx::Adam{}, averaging, 16, "step, average");
    }
  }
  test_wrong_counts();
  return cnnx::test::finish("memory_bytes_test");
}
