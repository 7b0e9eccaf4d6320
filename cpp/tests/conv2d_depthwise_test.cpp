// The depthwise convolution has two orders of reading an image, chosen by CPU: both give the same
// bits.
#include "kernels/conv2d_depthwise.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "check.h"
#include "runtime/dispatch.h"

namespace {

std::vector<float> waves(int64_t count, float speed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = std::sin(speed * static_cast<float>(i));
  }
  return values;
}

// 3x3 windows with stride 1, padded to preserve the map size.
std::vector<float> convolve(int64_t height, int64_t width, int64_t channels, bool by_rows,
                            bool fetches = false) {
  const std::vector<float> source = waves(height * width * channels, 0.7f);
  const std::vector<float> weight = waves(9 * channels, 1.3f), bias = waves(channels, 0.1f);
  std::vector<float> target(source.size(), -1.0f);
  cnnx::DepthwisePass pass = {};
  pass.vertical = pass.horizontal = {-1, 1, 3, 1};
  pass.columns = width;
  pass.height = height;
  pass.width = width;
  pass.channels = channels;
  pass.by_rows = by_rows;
  pass.fetches = fetches;
  pass.source = source.data();
  pass.weight = weight.data();
  pass.tap_row_step = 3 * channels;
  pass.tap_column_step = channels;
  pass.bias = bias.data();
  pass.relu = true;
  pass.ceiling = cnnx::kNoCeiling;
  pass.target = target.data();
  pass.row_step = width * channels;
  pass.column_step = channels;
  CNNX_KERNELS(depthwise_kernels).convolve(pass, 0, height);
  return target;
}

// Short and long pixels, whole vectors and not; maps of a tile's columns and of more.
void every_way_gives_the_same_bits() {
  for (const int64_t channels : {17, 32, 256, 300, 512}) {
    for (const int64_t width : {3, 5, 7, 9, 14, 17}) {
      const std::vector<float> by_rows = convolve(6, width, channels, true);
      CHECK(convolve(6, width, channels, false) == by_rows);
      CHECK(convolve(6, width, channels, true, true) == by_rows);
    }
  }
}

}  // namespace

int main() {
  every_way_gives_the_same_bits();
  return cnnx::test::finish("conv2d_depthwise_test");
}
