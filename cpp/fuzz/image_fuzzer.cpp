// Fuzzes the resizer: any image, in a buffer of exactly its size, becomes any other size.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

#include "cnnx/image.h"
#include "cnnx/preprocessing.h"
#include "data/image.h"

namespace {

constexpr int64_t kHostile[] = {-1,
                                0,
                                int64_t{1} << 20,
                                (int64_t{1} << 20) + 1,
                                int64_t{1} << 31,
                                int64_t{1} << 62,
                                std::numeric_limits<int64_t>::max(),
                                std::numeric_limits<int64_t>::min()};
constexpr int64_t kMostPixels = int64_t{1} << 14;

// Mostly small, sometimes long, rarely invalid.
int64_t side(FuzzedDataProvider& random) {
  const auto kind = random.ConsumeIntegralInRange<int>(0, 31);
  if (kind == 0) return random.PickValueInArray(kHostile);
  return random.ConsumeIntegralInRange<int64_t>(1, kind < 4 ? 5000 : 40);
}

bool is_allowed(int64_t size) { return size >= 1 && size <= int64_t{1} << 20; }

bool is_small(int64_t height, int64_t width) {
  int64_t pixels = 0;
  return height > 0 && width > 0 && !__builtin_mul_overflow(height, width, &pixels) &&
         pixels <= kMostPixels;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  FuzzedDataProvider random(data, size);
  cnnx::ImageView image;
  image.height = side(random);
  image.width = side(random);
  image.channels = random.ConsumeIntegralInRange<int64_t>(0, 5);
  image.type = random.ConsumeBool() ? cnnx::PixelType::uint8 : cnnx::PixelType::float32;
  const int64_t height = side(random), width = side(random);
  const int64_t channels = random.ConsumeIntegralInRange<int64_t>(0, 4);
  const auto resize = static_cast<cnnx::Resize>(random.ConsumeIntegralInRange<int>(0, 2));
  const int64_t element = image.type == cnnx::PixelType::uint8 ? 1 : 4;
  const bool has_pixels = is_small(image.height, image.width);
  // Valid but large images are no error and only slow.
  if (!has_pixels && is_allowed(image.height) && is_allowed(image.width)) return 0;
  if (!is_small(height, width) && is_allowed(height) && is_allowed(width)) return 0;

  std::vector<uint8_t> pixels;
  if (has_pixels) {
    const int64_t tight = image.width * image.channels * element;
    const int64_t stride = tight + random.ConsumeIntegralInRange<int64_t>(-8, 16);
    if (random.ConsumeBool()) image.row_stride = stride;
    const int64_t row = std::max(image.row_stride, tight);
    pixels.resize(static_cast<std::size_t>((image.height - 1) * row + tight));
    const std::vector<uint8_t> given = random.ConsumeRemainingBytes<uint8_t>();
    for (std::size_t i = 0; i < pixels.size() && !given.empty(); ++i)
      pixels[i] = given[i % given.size()];
  }
  image.pixels = has_pixels ? pixels.data() : nullptr;
  try {
    const cnnx::data::PreparedImage prepared(image, height, width, channels, resize);
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
