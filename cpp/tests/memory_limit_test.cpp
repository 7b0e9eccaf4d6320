// A request for more memory than available gets std::bad_alloc at once, and the process continues,
// even where the system overcommits memory.
#include <cstddef>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/trainer.h"
#include "runtime/memory.h"

#if defined(_WIN32)
#include <windows.h>

#include <psapi.h>
#else
#include <sys/resource.h>
#endif

namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

// The peak memory of this process so far.
int64_t peak_bytes() {
#if defined(_WIN32)
  PROCESS_MEMORY_COUNTERS counters = {};
  CHECK(::K32GetProcessMemoryInfo(::GetCurrentProcess(), &counters, sizeof counters));
  return static_cast<int64_t>(counters.PeakWorkingSetSize);
#else
  struct rusage usage = {};
  CHECK_EQUAL(::getrusage(RUSAGE_SELF, &usage), 0);
#if defined(__APPLE__)
  return usage.ru_maxrss;
#else
  return usage.ru_maxrss * 1024;
#endif
#endif
}

void test_buffers() {
  const std::uint64_t limit = cnnx::runtime::memory_limit();
  CHECK(limit > std::uint64_t{64} << 20);
  if (limit > std::uint64_t{1} << 60) return;  // this system reports no limit
  const auto floats = static_cast<int64_t>(limit / sizeof(float));
  CHECK_THROWS(std::bad_alloc, "", cnnx::runtime::AlignedBuffer(floats + 1));
  CHECK_THROWS(
      std::bad_alloc, "",
      cnnx::runtime::AlignedBuffer(floats + 1, cnnx::runtime::AlignedBuffer::Contents::anything));
}

cnnx::Layer layer(const std::string& kind, const cnnx::Settings& settings = {}) {
  cnnx::Layer made;
  made.kind = kind;
  made.settings = settings;
  return made;
}

// Networks without weights.
void test_models() {
  const std::vector<uint8_t> pixels(16);
  const cnnx::ImageView image{pixels.data(), 4, 4, 1};
  const cnnx::Layer flatten = layer("flatten");
  const cnnx::Layer scale = layer(
      "upsample2d",
      {{"scale_factor", std::vector<int64_t>{1 << 17, 1 << 17}}, {"mode", std::string("nearest")}});
  const cnnx::Model large_image({layer("relu"), flatten}, {1 << 20, 1 << 20, 1});
  CHECK_THROWS(std::bad_alloc, "", large_image.predict(image));
  const cnnx::Model large_output(
      {scale, layer("relu"), layer("global_avg_pool2d"), layer("sigmoid")}, {8, 8, 1});
  CHECK_THROWS(std::bad_alloc, "", large_output.predict(image));
}

// Files of a few hundred bytes that need an array of `kSide` times `kSide + 1` floats. On a 32-bit
// system the number of its bytes exceeds the largest size by so few that a conversion to size_t
// would make it a small array. Elsewhere a layer's largest output exceeds the memory.
constexpr bool k32Bits = sizeof(std::size_t) == 4;
constexpr int64_t kSide = k32Bits ? 1 << 15 : (1 << 20) - 1;

void check_small_file(const std::vector<cnnx::Layer>& layers, const cnnx::Shape& input) {
  const std::vector<std::byte> file = cnnx::Model(layers, input).to_bytes();
  CHECK(file.size() < 2048);
  cnnx::Model model = cnnx::Model::from_bytes(file.data(), file.size());
  const std::vector<uint8_t> pixels(4);
  CHECK_THROWS(std::bad_alloc, "", model.predict(cnnx::ImageView{pixels.data(), 2, 2, 1}));
  if (cnnx::element_count(input) > 4) return;  // no caller has a batch of such images
  const cnnx::ImageBatch batch{pixels.data(), 1};
  CHECK_THROWS(std::bad_alloc, "", model.run(batch));
  if (model.parameters().empty()) return;
  const int64_t label = 1;
  cnnx::Trainer trainer(model);
  CHECK_THROWS(std::bad_alloc, "", trainer.evaluate(batch, {&label}));
  CHECK_THROWS(std::bad_alloc, "", trainer.step(batch, {&label}));
}

void test_small_files() {
  using namespace cnnx::layers;
  const cnnx::Layer enlarge = Upsample2d({kSide, kSide + 1});
  const cnnx::Layer average = GlobalAvgPool2d(), dense = Dense(2);
  check_small_file({enlarge, average, dense}, {1, 1, 1});
  check_small_file({enlarge, ReLU(), Conv2d(1, 3), MaxPool2d(2), average, dense}, {1, 1, 1});
  check_small_file({enlarge, Flatten()}, {1, 1, 1});
  check_small_file({AdaptiveAvgPool2d({kSide, kSide + 1}), average, dense}, {1, 1, 1});
  check_small_file({ZeroPad2d({0, kSide - 1, 0, kSide}), average, dense}, {1, 1, 1});
  check_small_file({average, dense}, {kSide, kSide + 1, 1});
}

// Outputs of one image that fit the memory, and of a small batch that do not.
void test_batch() {
  using namespace cnnx::layers;
  constexpr int64_t kWidth = k32Bits ? 1 << 10 : 1 << 16;
  const cnnx::Model model({Upsample2d({kWidth, kWidth}), Flatten()}, {1, 1, 1});
  const std::vector<uint8_t> pixels(4097);
  CHECK_THROWS(std::bad_alloc, "", model.run({pixels.data(), 4097}));
}

}  // namespace

int memory_limit_test(int, char*[]) {
  const int64_t before = peak_bytes();
  test_buffers();
  test_models();
  test_small_files();
  test_batch();
  CHECK(peak_bytes() - before < 64 * kMiB);
  return cnnx::test::finish("memory_limit_test");
}
