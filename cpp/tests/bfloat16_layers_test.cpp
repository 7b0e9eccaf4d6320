// Layers on arrays of bfloat16 against the same layers on floats, whose results are rounded: every
// bit.
#include "bfloat16_layer.h"
#include "kernels/bfloat16_arrays.h"
#include "runtime/dispatch.h"

namespace {

using namespace cnnx;
using cnnx::ops::Fusion;
using cnnx::test::Bfloat16Case;
using cnnx::test::check_bfloat16_layer;
using cnnx::test::check_bfloat16_ways;

// Channels of a whole vector, of several with a rest, of less than one, and maps of several chunks.
const Shape kImages[] = {{2, 5, 7, 16}, {3, 9, 5, 37}, {2, 3, 5, 3}, {2, 31, 33, 24}};

// Ties, neighbours of ties, carries into the exponent, denormals, infinities and NaN.
void test_rounding() {
  std::vector<float> values;
  for (uint32_t upper = 0; upper < 0x10000; upper += 0x55) {
    for (const uint32_t lower : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) {
      const uint32_t bits = upper << 16 | lower;
      float value;
      std::memcpy(&value, &bits, sizeof value);
      values.push_back(value);
    }
  }
  const auto round = CNNX_BFLOAT16_KERNELS(bfloat16_array_kernels).round;
  for (std::size_t begin = 0; begin + 67 < values.size(); begin += 67) {
    const std::size_t count = 1 + begin % 67;
    cnnx::test::Words actual(count, 7), expected;
    round(values.data() + begin, static_cast<int64_t>(count), actual.data());
    for (std::size_t i = 0; i < count; ++i)
      expected.push_back(cnnx::test::rounded(values[begin + i]));
    CHECK(actual == expected);
  }
}

void check_on_images(const Layer& layer) {
  for (const Shape& x : kImages) check_bfloat16_ways({layer, {x}});
}

void test_batch_norm() {
  for (const Shape& x : kImages) {
    for (const int fused : {0, 1, 2, 3, 4, 5}) {
      Fusion fusion;
      fusion.add = fused % 2 == 1;
      fusion.relu = fused / 2 == 1;
      fusion.relu6 = fused / 2 == 2;
      Bfloat16Case c = {BatchNorm2d().affine(fused != 3), {x}, fusion};
      if (fusion.add) c.inputs.push_back(x);
      check_bfloat16_ways(c);
      c.frozen = true;
      check_bfloat16_layer(c);
      c.relu_masked = true;
      check_bfloat16_layer(c);
    }
  }
}

// Windows that overlap, lie side by side, leave pixels out or extend beyond the image.
void test_pooling() {
  check_on_images(MaxPool2d(3).stride(2).padding(1));
  check_on_images(MaxPool2d(2));
  check_on_images(MaxPool2d({2, 3}).stride(3).padding({1, 0, 0, 2}).ceil_mode(true));
  check_on_images(MaxPool2d(2).stride(1).dilation(2));
  check_on_images(AvgPool2d(3).stride(1).padding(1));
  check_on_images(AvgPool2d(2));
  check_on_images(AvgPool2d(3).stride(2).padding(1).count_include_pad(false).ceil_mode(true));
  check_on_images(AvgPool2d(2).stride(1).dilation(2));
  check_on_images(AdaptiveAvgPool2d({2, 3}));
  check_on_images(GlobalAvgPool2d());
  // Gradients of several bands of rows.
  for (const Layer& layer : {Layer(MaxPool2d(3).stride(2)), Layer(AvgPool2d(3).stride(1))})
    check_bfloat16_ways({layer, {{1, 37, 65, 67}}});
}

void test_activations() {
  for (const Layer& layer :
       {Layer(ReLU()),        Layer(ReLU6()),         Layer(LeakyReLU()),
        Layer(ELU()),         Layer(SELU()),          Layer(Sigmoid()),
        Layer(Tanh()),        Layer(Softsign()),      Layer(GELU()),
        Layer(SiLU()),        Layer(Mish()),          Layer(HardSwish()),
        Layer(HardSigmoid()), Layer(Clip(-1.5, 2.5)), Layer(Softplus()),
        Layer(PReLU()),       Layer(Scale2d()),       Layer(Scale2d().bias(false)),
        Layer(Dropout(0.3)),  Layer(HardShrink()),    Layer(SoftShrink())}) {
    check_on_images(layer);
  }
}

void test_merging() {
  for (const Shape& x : kImages) {
    for (const bool relu : {false, true}) {
      Fusion fusion;
      fusion.relu = relu;
      check_bfloat16_ways({Add(), {x, x}, fusion});
      check_bfloat16_ways({Add(), {x, x, x, x}, fusion});
    }
    check_bfloat16_ways({Multiply(), {x, x}});
    check_bfloat16_ways({Multiply(), {x, {x[0], 1, 1, x[3]}}});
    check_bfloat16_ways({Multiply(), {x, {x[0], x[1], x[2], 1}}});
    check_bfloat16_ways({Maximum(), {x, x}});
    check_bfloat16_ways({Maximum(), {x, x, x, x}});
    check_bfloat16_ways({Concat(), {x, {x[0], x[1], x[2], 1}, {x[0], x[1], x[2], 21}}});
  }
}

void test_global_response_norm() { check_on_images(GlobalResponseNorm()); }

void test_copies() {
  check_on_images(ZeroPad2d({1, 0, 2, 3}));
  check_on_images(Crop2d({1, 0, 2, 1}));
  check_on_images(SliceChannels(1, 3));
  check_on_images(Upsample2d(2));
  check_on_images(Upsample2d().size({7, 9}).mode(UpsampleMode::bilinear));
  check_on_images(Upsample2d().size({7, 9}).mode(UpsampleMode::bilinear).align_corners(true));
  check_bfloat16_ways({ChannelShuffle(2), {{2, 33, 31, 34}}});
  check_bfloat16_ways({ChannelShuffle(5), {{2, 5, 3, 35}}});
  check_bfloat16_ways({ChannelShuffle(18), {{2, 1, 3, 18 * 37}}});
  check_bfloat16_ways({ChannelShuffle(300), {{1, 1, 1, 300 * 131}}});
  for (const BlockMode mode : {BlockMode::dcr, BlockMode::crd}) {
    check_bfloat16_ways({DepthToSpace(2).mode(mode), {{2, 13, 15, 36}}});
    check_bfloat16_ways({SpaceToDepth(3).mode(mode), {{2, 27, 33, 7}}});
  }
}

}  // namespace

int bfloat16_layers_test(int, char*[]) {
  test_rounding();
  test_batch_norm();
  test_pooling();
  test_activations();
  test_merging();
  test_global_response_norm();
  test_copies();
  return cnnx::test::finish("bfloat16_layers_test");
}
