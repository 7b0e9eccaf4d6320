// A request for more memory than available gets std::bad_alloc at once, and the process continues,
// even where the system overcommits memory.
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/model.h"
#include "runtime/memory.h"

#if !defined(_WIN32)
#include <sys/resource.h>
#endif

namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

// The peak memory of this process so far.
int64_t peak_bytes() {
#if defined(_WIN32)
  return 0;
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

// Networks without weights, whose files have a few hundred bytes.
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

}  // namespace

int main() {
  const int64_t before = peak_bytes();
  test_buffers();
  test_models();
  CHECK(peak_bytes() - before < 64 * kMiB);
  return cnnx::test::finish("memory_limit_test");
}
