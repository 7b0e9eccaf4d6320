// Layers on arrays of bfloat16 against the same layers on floats, whose results are rounded: every
// bit.
#include "bfloat16_layer.h"

namespace {

using cnnx::Settings;
using cnnx::Shape;
using cnnx::ops::Fusion;
using cnnx::test::Bfloat16Case;
using cnnx::test::check_bfloat16_layer;
using cnnx::test::check_bfloat16_ways;

// Channels of a whole vector, of several with a rest, of less than one, and maps of several chunks.
const Shape kImages[] = {{2, 5, 7, 16}, {3, 9, 5, 37}, {2, 3, 5, 3}, {2, 31, 33, 24}};

void test_batch_norm() {
  for (const Shape& x : kImages) {
    for (const int fused : {0, 1, 2, 3, 4, 5}) {
      Fusion fusion;
      fusion.add = fused % 2 == 1;
      fusion.relu = fused / 2 == 1;
      fusion.relu6 = fused / 2 == 2;
      const Settings settings = {{"momentum", 0.1f}, {"epsilon", 1e-5f}, {"affine", fused != 3}};
      Bfloat16Case c = {"batch_norm2d", settings, {x}, fusion};
      if (fusion.add) c.inputs.push_back(x);
      check_bfloat16_ways(c);
      c.frozen = true;
      check_bfloat16_layer(c);
      c.relu_masked = true;
      check_bfloat16_layer(c);
    }
  }
}

}  // namespace

int main() {
  test_batch_norm();
  return cnnx::test::finish("bfloat16_layers_test");
}
