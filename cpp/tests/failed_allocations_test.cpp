// Train steps that run out of memory: every allocation of a step fails in turn. The model is then
// unchanged, and the same step computes the same bits as a trainer whose allocations succeed.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#if defined(_WIN32)
#include <malloc.h>
#endif

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/runtime.h"
#include "cnnx/trainer.h"
#include "xo_samples.h"

namespace {

// Allocations of this thread until the one that fails; below 0 none does.
thread_local int64_t remaining = -1;

bool fails() { return remaining >= 0 && remaining-- == 0; }

void* allocated(std::size_t size) {
  if (!fails()) {
    if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  }
  throw std::bad_alloc();
}

void* allocated(std::size_t size, std::align_val_t alignment) {
  const auto bytes = static_cast<std::size_t>(alignment);
  const std::size_t whole = (size + bytes - 1) / bytes * bytes;
  if (!fails()) {
#if defined(_WIN32)
    void* const memory = _aligned_malloc(whole, bytes);
#else
    void* const memory = std::aligned_alloc(bytes, whole);
#endif
    if (memory) return memory;
  }
  throw std::bad_alloc();
}

void free_aligned(void* memory) {
#if defined(_WIN32)
  _aligned_free(memory);
#else
  std::free(memory);
#endif
}

}  // namespace

void* operator new(std::size_t size) { return allocated(size); }
void* operator new[](std::size_t size) { return allocated(size); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocated(size, alignment);
}
// Sanitizers have one of their own for it, whose memory is not that of malloc.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return fails() ? nullptr : std::malloc(size > 0 ? size : 1);
}
void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { free_aligned(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { free_aligned(memory); }

namespace {

using namespace cnnx::layers;
using cnnx::Model;
using cnnx::Trainer;

constexpr int64_t kSize = 16, kCount = 4;

using Samples = cnnx::test::Samples<kCount>;
using Call = std::function<void()>;

Model small_model() {
  return Model(
      {Conv2d(4, 3), BatchNorm2d(), ReLU(), Dropout(0.3f), MaxPool2d(2), Flatten(), Dense(2)},
      {kSize, kSize, 1});
}

enum class Outcome { fewer_allocations, threw, did_without };

// Of a call whose allocation `number` fails.
Outcome outcome_of(int64_t number, const Call& call) {
  remaining = number;
  bool threw = false;
  try {
    call();
  } catch (const std::bad_alloc&) {
    threw = true;
  }
  const bool failed = remaining < 0;
  remaining = -1;
  if (threw) return Outcome::threw;
  return failed ? Outcome::did_without : Outcome::fewer_allocations;
}

// `make` returns a call that trains this model.
void check_every_allocation(const char* name, const std::function<Call(Model& model)>& make,
                            const std::function<Model()>& build = small_model) {
  Model expected = build();
  const Call undisturbed = make(expected);
  undisturbed();
  const std::vector<std::byte> once = expected.to_bytes();
  undisturbed();
  const std::vector<std::byte> twice = expected.to_bytes();
  constexpr int64_t kMost = 5000;
  int64_t failures = 0;
  for (int64_t number = 0; number < kMost; ++number) {
    Model model = build();
    const Call call = make(model);
    const std::vector<std::byte> before = model.to_bytes();
    const Outcome outcome = outcome_of(number, call);
    if (outcome == Outcome::fewer_allocations) break;
    ++failures;
    if (outcome == Outcome::threw) {
      CHECK(model.to_bytes() == before);
      call();
    }
    CHECK(model.to_bytes() == once);
    if (number % 8 > 0) continue;
    call();
    CHECK(model.to_bytes() == twice);
  }
  std::printf("%s: %lld allocations failed in turn\n", name, static_cast<long long>(failures));
  CHECK(failures > 0 && failures < kMost);
}

void a_step_is_one_change(const Samples& samples) {
  const auto check = [&](const char* name, const cnnx::OptimizerSettings& optimizer,
                         const cnnx::TrainerOptions& options) {
    check_every_allocation(name, [&](Model& model) -> Call {
      auto trainer = std::make_shared<Trainer>(model, optimizer, cnnx::Loss{}, options);
      return [trainer, &samples] { trainer->step(samples.images(), samples.targets()); };
    });
  };
  check("adam", cnnx::Adam{}, {});
  check("sgd", cnnx::Sgd{0.1, 0.9}, {});
  cnnx::Muon muon;
  check("muon", muon, {});
  muon.nesterov = !muon.nesterov;
  check("muon, the other momentum", muon, {});
  cnnx::TrainerOptions options;
  options.clip_norm = 0.1;
  check("clipping", cnnx::Adam{}, options);
  options.shards = 3;
  options.averaging = cnnx::Averaging{};
  check("shards and averaging", cnnx::Adam{}, options);
}

void an_advance_is_one_change(const Samples& samples) {
  cnnx::EpochOptions options;
  options.batch_size = 2;
  options.augmentation.shift = 1;
  for (const bool prefetch : {false, true}) {
    options.prefetch = prefetch;
    check_every_allocation("an epoch", [&](Model& model) -> Call {
      cnnx::TrainerOptions clipped;
      clipped.clip_norm = 0.1;
      auto trainer = std::make_shared<Trainer>(model, cnnx::Adam{}, cnnx::Loss{}, clipped);
      auto epoch = std::make_shared<cnnx::Epoch>(
          trainer->begin_epoch(samples.images(), samples.targets(), options));
      return [trainer, epoch] { epoch->advance(); };
    });
  }
}

void apply_gradients_is_one_change(const Samples& samples) {
  check_every_allocation("apply_gradients", [&](Model& model) -> Call {
    auto trainer = std::make_shared<Trainer>(model, cnnx::Muon{});
    trainer->compute_gradients(samples.images(), samples.targets());
    return [trainer] { trainer->apply_gradients(); };
  });
}

// With loops that are shared, whose threads cannot pass an exception on.
void a_step_of_positions_is_one_change(const Samples& samples) {
  cnnx::set_num_threads(2);
  std::vector<int64_t> labels(kCount * kSize * kSize);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i % 3 == 0 ? 1 : 0;
  cnnx::Loss dice;
  dice.kind = cnnx::Loss::Kind::dice;
  check_every_allocation(
      "dice",
      [&](Model& model) -> Call {
        auto trainer = std::make_shared<Trainer>(model, cnnx::Adam{}, dice);
        return [trainer, &samples, &labels] { trainer->step(samples.images(), {labels.data()}); };
      },
      [] { return Model({Conv2d(2, 3).padding(1)}, {kSize, kSize, 1}); });
  cnnx::set_num_threads(1);
}

// A step that fails after it has found out which layers are frozen.
void a_frozen_layer_stays_frozen(const Samples& samples) {
  check_every_allocation("a frozen layer", [&](Model& model) -> Call {
    auto trainer = std::make_shared<Trainer>(model, cnnx::Sgd{0.1});
    trainer->step(samples.images(), samples.targets());
    model.set_trainable("conv2d_1", false);
    return [trainer, &samples] { trainer->step(samples.images(), samples.targets()); };
  });
}

// A lock whose thread has no memory to note it is free for other threads.
void a_thread_may_have_no_memory_for_its_locks(const Samples& samples) {
  if (cnnx::test::left_out_of_webassembly("locks of another thread", cnnx::test::kOneThread))
    return;
  Model model = small_model();
  Trainer trainer(model);
  for (int64_t number = 0; number < 8; ++number) {
    std::thread([&] {
      outcome_of(number, [&] { trainer.step(samples.images(), samples.targets()); });
    }).join();
    CHECK(trainer.step(samples.images(), samples.targets()) > 0);
  }
}

}  // namespace

int failed_allocations_test(int, char*[]) {
  const Samples samples;
  cnnx::set_num_threads(1);
  // What the first calls of a process allocate.
  Model first = small_model();
  Trainer(first).step(samples.images(), samples.targets());
  a_step_is_one_change(samples);
  a_step_of_positions_is_one_change(samples);
  an_advance_is_one_change(samples);
  apply_gradients_is_one_change(samples);
  a_frozen_layer_stays_frozen(samples);
  a_thread_may_have_no_memory_for_its_locks(samples);
  return cnnx::test::finish("failed_allocations_test");
}
