// Depthwise convolutions in bfloat16 against those of floats with the same numbers, bit for bit.
// The instruction set is that of CNNX_ISA.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "bfloat16_numbers.h"
#include "check.h"
#include "cnnx/runtime.h"
#include "guarded_array.h"
#include "ops/bfloat16.h"
#include "ops/conv2d_algorithms.h"
#include "ops/conv2d_bfloat16.h"
#include "runtime/memory.h"

namespace {

using cnnx::Conv2dGeometry;
using cnnx::ops::Conv2dPass;
using cnnx::ops::Epilogue;
using cnnx::ops::PassDirection;
using cnnx::runtime::AlignedBuffer;
using cnnx::test::rounded;
using cnnx::test::widened;

struct Random {
  std::mt19937 engine{3};

  int64_t between(int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(engine);
  }
  bool coin() { return between(0, 1) == 1; }
  // Of bfloat16.
  std::vector<float> numbers(int64_t count) {
    std::vector<float> values;
    for (int64_t i = 0; i < count; ++i)
      values.push_back(widened(rounded(std::normal_distribution<float>()(engine))));
    return values;
  }
};

struct Arrays {
  std::vector<float> source, weight, bias, target, addend, mask;
};

struct Settings {
  PassDirection direction;
  bool bias, accumulate, addend, relu, mask;
};

int64_t pixels(int64_t batch, int64_t height, int64_t width) { return batch * height * width; }

Conv2dGeometry drawn_geometry(Random& random) {
  constexpr int64_t kChannels[] = {2, 7, 16, 17, 32, 40, 256, 260};
  const int64_t channels = kChannels[random.between(0, 7)], kernel = random.between(1, 5);
  const int64_t size = random.between(kernel, 17), padding = random.between(0, kernel / 2);
  cnnx::Conv2dOptions options;
  options.stride = random.between(1, 2);
  options.padding = {cnnx::Padding::Rule::explicit_sides, padding, padding, padding, padding};
  options.groups = channels;
  return cnnx::conv2d_geometry({random.between(1, 2), size, size, channels},
                               {kernel, kernel, 1, channels}, options);
}

Epilogue epilogue_of(const Settings& s, const Arrays& a) {
  const cnnx::ForwardEpilogue output = {s.bias ? a.bias.data() : nullptr, s.relu, false, nullptr};
  Epilogue epilogue = output;
  epilogue.ceiling = 1.0f;
  epilogue.accumulate = s.accumulate;
  return epilogue;
}

void run(const Conv2dPass& pass, const float* source, const Arrays& a, const Epilogue& epilogue,
         int threads, float* target) {
  AlignedBuffer packed(pass.packed_floats() + 1), scratch(pass.scratch_floats(threads) + 1);
  pass.pack_weights(a.weight.data(), threads, packed.data());
  pass.run(source, a.weight.data(), packed.data(), epilogue, threads, scratch.data(), target);
}

// By the pass of floats without its addend, ReLU and mask.
std::vector<float> expected(const Conv2dGeometry& g, const Settings& s, const Arrays& a) {
  Settings plain = s;
  plain.relu = false;
  std::vector<float> target = a.target;
  run(*make_depthwise_pass(g, s.direction), a.source.data(), a, epilogue_of(plain, a), 1,
      target.data());
  for (std::size_t i = 0; i < target.size(); ++i) {
    float& value = target[i];
    if (s.addend) value += a.addend[i];
    if (s.relu) value = value < 0.0f ? 0.0f : value > 1.0f ? 1.0f : value;
    if (s.mask && a.mask[i] <= 0.0f) value = 0.0f;
    value = widened(rounded(value));
  }
  return target;
}

std::vector<float> computed(const Conv2dGeometry& g, const Settings& s, const Arrays& a,
                            int threads) {
  using cnnx::ops::bfloat16_of;
  const auto words_of = [](const std::vector<float>& values) {
    AlignedBuffer words(cnnx::ops::floats_of_bfloat16(static_cast<int64_t>(values.size())));
    std::transform(values.begin(), values.end(), bfloat16_of(words.data()), rounded);
    return words;
  };
  const AlignedBuffer source = words_of(a.source), addend = words_of(a.addend);
  const AlignedBuffer mask = words_of(a.mask);
  AlignedBuffer target = words_of(a.target);
  Epilogue epilogue = epilogue_of(s, a);
  epilogue.addend = s.addend ? addend.data() : nullptr;
  epilogue.relu_output = s.mask ? mask.data() : nullptr;
  run(*make_bfloat16_depthwise_pass(g, s.direction), source.data(), a, epilogue, threads,
      target.data());
  std::vector<float> values(a.target.size());
  std::transform(bfloat16_of(target.data()), bfloat16_of(target.data()) + values.size(),
                 values.begin(), widened);
  return values;
}

void test_drawn_convolutions() {
  Random random;
  for (int i = 0; i < cnnx::test::cases(300); ++i) {
    const Conv2dGeometry g = drawn_geometry(random);
    const bool forward = random.coin();
    const int64_t channels = g.in_channels;
    const int64_t in = pixels(g.batch, g.in_height, g.in_width) * channels;
    const int64_t out = pixels(g.batch, g.out_height, g.out_width) * channels;
    const int64_t targets = forward ? out : in;
    const Settings s = {forward ? PassDirection::forward : PassDirection::input_gradient,
                        forward && random.coin(),
                        !forward && random.coin(),
                        forward && random.coin(),
                        forward && random.coin(),
                        !forward && random.coin()};
    const Arrays a = {random.numbers(forward ? in : out),
                      random.numbers(g.kernel_size.height * g.kernel_size.width * channels),
                      random.numbers(channels),
                      random.numbers(targets),
                      random.numbers(targets),
                      random.numbers(targets)};
    const std::vector<float> values = expected(g, s, a);
    for (int threads = 1; threads <= 3; ++threads)
      CHECK(cnnx::test::same_bits(computed(g, s, a, threads), values));
  }
}

// Weights are rounded.
void test_weights() {
  Random random;
  const Conv2dGeometry g = drawn_geometry(random);
  const int64_t in = pixels(g.batch, g.in_height, g.in_width) * g.in_channels;
  const int64_t out = pixels(g.batch, g.out_height, g.out_width) * g.in_channels;
  Arrays a = {random.numbers(in), {}, {}, random.numbers(out), {}, {}};
  a.weight = random.numbers(g.kernel_size.height * g.kernel_size.width * g.in_channels);
  const Settings s = {PassDirection::forward, false, false, false, false, false};
  const std::vector<float> values = computed(g, s, a, 1);
  for (float& weight : a.weight) weight *= 1.0f + 1.0f / 1024;
  CHECK(cnnx::test::same_bits(computed(g, s, a, 1), values));
}

}  // namespace

int conv2d_bfloat16_depthwise_test(int, char*[]) {
  test_drawn_convolutions();
  test_weights();
  return cnnx::test::finish("conv2d_bfloat16_depthwise_test");
}
