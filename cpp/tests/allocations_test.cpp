// How often a warm prediction allocates memory: every call of operator new is counted.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/runtime.h"

namespace {

std::atomic<int64_t> allocations{0};

void* counted(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size > 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

namespace {

using cnnx::ImageView;
using cnnx::Model;

constexpr int64_t kMost = 4;

Model small_model() {
  cnnx::ModelOptions options;
  options.classes = {"X", "O"};
  using namespace cnnx;
  return Model({Conv2d(8, 3), ReLU(), MaxPool2d(2), Conv2d(16, 3), ReLU(), MaxPool2d(2), Flatten(),
                Dense(2)},
               {32, 32, 1}, options);
}

int64_t allocations_of_a_prediction(const Model& model, const ImageView& image) {
  const int64_t before = allocations;
  const cnnx::Prediction prediction = model.predict(image);
  return allocations - before;
}

// The probabilities, and what the image is resized with.
void a_warm_prediction_hardly_allocates() {
  const std::vector<uint8_t> bytes(64 * 48 * 3, 100);
  const std::vector<float> floats(32 * 32, 0.5f);
  for (const int threads : {1, 2}) {
    cnnx::set_num_threads(threads);
    const Model model = small_model();
    model.warm_up();
    const int64_t first = allocations_of_a_prediction(model, {floats.data(), 32, 32, 1});
    const int64_t second = allocations_of_a_prediction(model, {floats.data(), 32, 32, 1});
    const int64_t resized = allocations_of_a_prediction(model, {bytes.data(), 64, 48, 3});
    std::printf(
        "%d threads: %lld allocations at first, then %lld, %lld with an image of another "
        "size (at most %lld)\n",
        threads, static_cast<long long>(first), static_cast<long long>(second),
        static_cast<long long>(resized), static_cast<long long>(kMost));
    CHECK(first <= kMost);
    CHECK(second <= kMost);
    CHECK(resized <= kMost);
  }
}

}  // namespace

int allocations_test(int, char*[]) {
  a_warm_prediction_hardly_allocates();
  return cnnx::test::finish("allocations_test");
}
