// The depthwise convolution has several orders of reading an image, chosen by CPU: all give the
// same bits.
#include "kernels/conv2d_depthwise.h"

#include <cmath>
#include <cstdint>
#include <vector>

#include "bfloat16_numbers.h"
#include "check.h"
#include "runtime/dispatch.h"

namespace {

using cnnx::DepthwiseOrder;

std::vector<float> waves(int64_t count, float speed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = std::sin(speed * static_cast<float>(i));
  }
  return values;
}

template <class Element>
std::vector<Element> elements_of(const std::vector<float>& values) {
  if constexpr (sizeof(Element) == sizeof(float)) return values;
  std::vector<Element> elements;
  for (const float value : values)
    elements.push_back(static_cast<Element>(cnnx::test::rounded(value)));
  return elements;
}

void run(const cnnx::DepthwisePass& pass) {
  CNNX_KERNELS(depthwise_kernels).convolve(pass, 0, pass.height);
}
void run(const cnnx::DepthwisePassOf<uint16_t>& pass) {
  CNNX_BFLOAT16_KERNELS(bfloat16_depthwise_kernels).convolve(pass, 0, pass.height);
}

// 3x3 windows with stride 1, padded to preserve the map size.
template <class Element>
std::vector<Element> convolve(int64_t height, int64_t width, int64_t channels, DepthwiseOrder order,
                              bool fetches = false) {
  const auto source = elements_of<Element>(waves(height * width * channels, 0.7f));
  const std::vector<float> weight = waves(9 * channels, 1.3f), bias = waves(channels, 0.1f);
  std::vector<Element> target(source.size(), Element{1});
  cnnx::DepthwisePassOf<Element> pass = {};
  pass.vertical = pass.horizontal = {-1, 1, 3, 1};
  pass.columns = width;
  pass.height = height;
  pass.width = width;
  pass.channels = channels;
  pass.order = order;
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
  run(pass);
  return target;
}

// Short and long pixels, whole vectors and not; maps of a tile's columns and of more.
template <class Element>
void every_way_gives_the_same_bits() {
  for (const int64_t channels : {17, 32, 256, 300, 512}) {
    for (const int64_t width : {3, 5, 7, 9, 14, 17}) {
      const auto by_rows = convolve<Element>(6, width, channels, DepthwiseOrder::by_rows);
      for (const DepthwiseOrder order :
           {DepthwiseOrder::down, DepthwiseOrder::down_with_prefetches})
        CHECK(convolve<Element>(6, width, channels, order) == by_rows);
      CHECK(convolve<Element>(6, width, channels, DepthwiseOrder::by_rows, true) == by_rows);
    }
  }
}

}  // namespace

int conv2d_depthwise_test(int, char*[]) {
  every_way_gives_the_same_bits<float>();
  every_way_gives_the_same_bits<uint16_t>();
  return cnnx::test::finish("conv2d_depthwise_test");
}
