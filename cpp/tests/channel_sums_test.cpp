// group_norm and prelu, whose weight gradients are sums over pixels, in addition to Python's parity
// tests: accumulation, omitted gradients, in-place outputs, reads past the end.
#include <cmath>
#include <cstdint>
#include <vector>

#include "check.h"
#include "cnnx/group_norm.h"
#include "cnnx/prelu.h"
#include "guarded_array.h"

namespace {

using cnnx::GroupNormGeometry;
using cnnx::Shape;
using cnnx::test::GuardedArray;
using cnnx::test::same_bits;
using Floats = std::vector<float>;

Floats numbers(int64_t count, int64_t seed) {
  Floats values(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = static_cast<float>((i * 7919 + seed * 104729) % 23 - 11);
  }
  return values;
}

// Accumulation onto 5 gives the overwritten result plus 5, up to rounding.
bool is_five_more(const GuardedArray& added, const GuardedArray& overwritten) {
  bool all = true;
  for (int64_t i = 0; i < added.size(); ++i) {
    const float expected = 5.0f + overwritten[i];
    all = all && std::abs(added[i] - expected) <= 1e-6f * (5.0f + std::abs(expected));
  }
  return all;
}

// The gradients of an op with one weight per channel; every array ends at an unmapped page.
struct Gradients {
  Gradients(int64_t count, int64_t channels, float value)
      : input(count, value), weight(channels, value), bias(channels, value) {}
  GuardedArray input, weight, bias;
};

void check_group_norm(const GroupNormGeometry& g) {
  const int64_t count = g.images * g.pixels * g.channels;
  const GuardedArray x(numbers(count, 1)), weight(numbers(g.channels, 2)),
      bias(numbers(g.channels, 3)), grad_output(numbers(count, 4));
  GuardedArray output(count, NAN);
  cnnx::group_norm(g, x.data(), weight.data(), bias.data(), output.data());
  bool finite = true;
  for (int64_t i = 0; i < count; ++i) finite = finite && std::isfinite(output[i]);
  CHECK(finite);

  Gradients over(count, g.channels, NAN), added(count, g.channels, 5.0f);
  const auto run = [&](float* grad_input, float* grad_weight, float* grad_bias, bool accumulate) {
    cnnx::group_norm_backward(g, grad_output.data(), x.data(), weight.data(), grad_input,
                              grad_weight, grad_bias, accumulate);
  };
  run(over.input.data(), over.weight.data(), over.bias.data(), false);
  run(added.input.data(), added.weight.data(), added.bias.data(), true);
  CHECK(is_five_more(added.input, over.input));
  CHECK(is_five_more(added.weight, over.weight));
  CHECK(is_five_more(added.bias, over.bias));
  Gradients alone(count, g.channels, NAN);
  run(alone.input.data(), nullptr, nullptr, false);
  run(nullptr, alone.weight.data(), nullptr, false);
  run(nullptr, nullptr, alone.bias.data(), false);
  CHECK(same_bits(alone.input.values(), over.input.values()));
  CHECK(same_bits(alone.weight.values(), over.weight.values()));
  CHECK(same_bits(alone.bias.values(), over.bias.values()));
}

void check_prelu(int64_t pixels, int64_t channels) {
  const int64_t count = pixels * channels;
  const GuardedArray x(numbers(count, 1)), weight(numbers(channels, 2)),
      grad_output(numbers(count, 3));
  GuardedArray output(count, NAN), in_place(x.values());
  cnnx::prelu(x.data(), weight.data(), pixels, channels, output.data());
  cnnx::prelu(in_place.data(), weight.data(), pixels, channels, in_place.data());
  CHECK(same_bits(in_place.values(), output.values()));

  Gradients over(count, channels, NAN), added(count, channels, 5.0f), alone(count, channels, NAN);
  const auto run = [&](float* grad_input, float* grad_weight, bool accumulate) {
    cnnx::prelu_backward(grad_output.data(), x.data(), weight.data(), pixels, channels, grad_input,
                         grad_weight, accumulate);
  };
  run(over.input.data(), over.weight.data(), false);
  run(added.input.data(), added.weight.data(), true);
  CHECK(is_five_more(added.input, over.input));
  CHECK(is_five_more(added.weight, over.weight));
  run(alone.input.data(), nullptr, false);
  run(nullptr, alone.weight.data(), false);
  CHECK(same_bits(alone.input.values(), over.input.values()));
  CHECK(same_bits(alone.weight.values(), over.weight.values()));
}

}  // namespace

int channel_sums_test(int, char*[]) {
  for (const int64_t channels : {1, 3, 4, 5, 7, 8, 9, 15, 16, 17, 33, 40}) {
    for (const Shape& x : {Shape{3, 5, 7, channels}, Shape{1, 70, 1, channels}}) {
      check_group_norm(cnnx::group_norm_geometry(x, 1, 0.5f));
      check_group_norm(cnnx::group_norm_geometry(x, channels, 0.5f));
      check_group_norm(cnnx::layer_norm_geometry(x, 0.5f));
      check_prelu(x[0] * x[1] * x[2], channels);
    }
  }
  check_group_norm(cnnx::group_norm_geometry({2, 9, 8, 34}, 2, 0.5f));
  check_group_norm(cnnx::group_norm_geometry({130, 51}, 3, 0.5f));
  return cnnx::test::finish("channel_sums_test");
}
