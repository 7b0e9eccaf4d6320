// Tests of convolutions in bfloat16 against loops over single elements, bit for bit, with any
// number of threads. The instruction set is that of CNNX_ISA.
#include "ops/conv2d_bfloat16.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "bfloat16_numbers.h"
#include "check.h"
#include "cnnx/runtime.h"
#include "ops/bfloat16.h"
#include "runtime/memory.h"

namespace {

using cnnx::Conv2dGeometry;
using cnnx::ops::Conv2dPass;
using cnnx::ops::Epilogue;
using cnnx::ops::PassDirection;
using cnnx::ops::TargetType;
using cnnx::runtime::AlignedBuffer;
using cnnx::test::flushed;
using cnnx::test::fused_multiply_add;
using cnnx::test::rounded;
using cnnx::test::widened;

float multiply_add(float a, float b, float chain) {
  static const bool fuses = cnnx::isa() != "baseline";
  return flushed(fuses ? fused_multiply_add(a, b, chain) : flushed(a * b) + chain);
}

// The sum of a window in the order of kernels/bfloat16_product.h.
class Sum {
 public:
  void add(float pixel, float weight) {
    float& chain = chains_[count_ % 2];
    chain = multiply_add(flushed(pixel), flushed(weight), chain);
    if (++count_ == 32) end_block();
  }
  void end_run() {
    if (count_ > 0) end_block();
  }
  float value() const { return sum_; }

 private:
  void end_block() {
    sum_ = flushed(sum_ + flushed(chains_[0] + chains_[1]));
    chains_[0] = chains_[1] = 0.0f;
    count_ = 0;
  }
  float chains_[2] = {}, sum_ = 0.0f;
  int count_ = 0;
};

// Taps of one axis that meet a target pixel, in the order of the sum: kernel index and source
// pixel.
struct Tap {
  int64_t kernel, source;
};
struct AxisTaps {
  std::vector<Tap> taps;
  bool adjacent = true;
};

AxisTaps taps_of(int64_t target, int64_t kernel, int64_t stride, int64_t dilation, int64_t before,
                 PassDirection direction) {
  AxisTaps found;
  if (direction == PassDirection::forward) {
    for (int64_t k = 0; k < kernel; ++k)
      found.taps.push_back({k, target * stride - before + k * dilation});
    found.adjacent = dilation == 1;
    return found;
  }
  for (int64_t k = kernel - 1; k >= 0; --k) {
    const int64_t place = target + before - k * dilation;
    if (place % stride == 0) found.taps.push_back({k, place / stride});
  }
  int64_t common = stride, rest = dilation;
  while (rest > 0) std::swap(common %= rest, rest);
  found.adjacent = dilation / common == 1;
  return found;
}

struct Case {
  Conv2dGeometry g;
  PassDirection direction;
  bool bias, relu, ceiling, addend, in_place, mask;
  TargetType target;

  bool is_forward() const { return direction == PassDirection::forward; }
  cnnx::Shape source() const { return is_forward() ? g.input_shape() : g.output_shape(); }
  cnnx::Shape target_shape() const { return is_forward() ? g.output_shape() : g.input_shape(); }
};

int64_t count_of(const cnnx::Shape& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

struct Arrays {
  std::vector<uint16_t> source, addend, mask;
  std::vector<float> weight, bias;
};

float sum_of(const Case& c, const Arrays& a, int64_t image, int64_t row, int64_t column,
             int64_t channel) {
  const Conv2dGeometry& g = c.g;
  const AxisTaps rows =
      taps_of(row, g.kernel_size.height, g.stride.height, g.dilation.height, g.top, c.direction);
  const AxisTaps columns =
      taps_of(column, g.kernel_size.width, g.stride.width, g.dilation.width, g.left, c.direction);
  const cnnx::Shape source = c.source();
  Sum sum;
  for (const Tap& v : rows.taps) {
    for (const Tap& h : columns.taps) {
      const bool inside =
          v.source >= 0 && v.source < source[1] && h.source >= 0 && h.source < source[2];
      for (int64_t k = 0; k < source[3]; ++k) {
        const int64_t tap = v.kernel * g.kernel_size.width + h.kernel;
        const int64_t in = c.is_forward() ? k : channel, out = c.is_forward() ? channel : k;
        const float weight = a.weight[(tap * g.in_channels + in) * g.out_channels + out];
        const int64_t at = ((image * source[1] + v.source) * source[2] + h.source) * source[3] + k;
        sum.add(inside ? widened(a.source[at]) : 0.0f, widened(rounded(weight)));
      }
      if (!columns.adjacent) sum.end_run();
    }
    sum.end_run();
  }
  return sum.value();
}

// The expected target, as floats.
std::vector<float> expected(const Case& c, const Arrays& a) {
  const cnnx::Shape shape = c.target_shape();
  std::vector<float> values;
  for (int64_t i = 0; i < count_of(shape); ++i) {
    const int64_t channel = i % shape[3], column = i / shape[3] % shape[2];
    const int64_t row = i / shape[3] / shape[2] % shape[1];
    float t = sum_of(c, a, i / shape[3] / shape[2] / shape[1], row, column, channel);
    if (c.bias) t = flushed(t + a.bias[channel]);
    if (c.addend) t = flushed(t + widened(a.addend[i]));
    if (c.relu) t = t < 0.0f ? 0.0f : t;
    if (c.ceiling) t = t > 6.0f ? 6.0f : t;
    if (c.mask && !(widened(a.mask[i]) > 0.0f)) t = 0.0f;
    values.push_back(c.target == TargetType::float32 ? t : widened(rounded(t)));
  }
  return values;
}

std::vector<float> computed(const Case& c, const Arrays& a, int threads) {
  using cnnx::ops::bfloat16_of;
  const auto pass = make_bfloat16_pass(c.g, c.direction, c.target);
  const int64_t count = count_of(c.target_shape());
  const auto copy = [](const std::vector<uint16_t>& words) {
    AlignedBuffer buffer(cnnx::ops::floats_of_bfloat16(static_cast<int64_t>(words.size())) + 1);
    std::copy(words.begin(), words.end(), bfloat16_of(buffer.data()));
    // Of a neighbouring array, which must not reach a sum.
    for (int i = 0; i < 32; ++i) bfloat16_of(buffer.data())[words.size() + i] = 0x7fc0;
    return buffer;
  };
  const AlignedBuffer source = copy(a.source), mask = copy(a.mask);
  AlignedBuffer addend = copy(a.addend), floats(count + 1);
  AlignedBuffer words = copy(std::vector<uint16_t>(a.addend.size(), 0x7fc0));
  AlignedBuffer packed(pass->packed_floats() + 1), scratch(pass->scratch_floats(threads) + 1);
  for (AlignedBuffer* each : {&packed, &scratch})
    std::fill_n(each->data(), each->size(), std::nanf(""));
  float* target = c.target == TargetType::float32 ? floats.data() : words.data();
  pass->pack_weights(a.weight.data(), threads, packed.data());
  cnnx::ForwardEpilogue output = {c.bias ? a.bias.data() : nullptr, c.relu, false, nullptr};
  if (c.ceiling) output.ceiling = 6.0f;
  if (c.in_place) target = addend.data();
  if (c.addend) output.addend = addend.data();
  Epilogue epilogue = output;
  epilogue.relu_output = c.mask ? mask.data() : nullptr;
  if (c.in_place && c.mask) {
    epilogue.addend = nullptr;
    epilogue.accumulate = true;
  }
  pass->run(source.data(), a.weight.data(), packed.data(), epilogue, threads, scratch.data(),
            target);
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    values.push_back(c.target == TargetType::float32 ? target[i] : widened(bfloat16_of(target)[i]));
  }
  return values;
}

class Random {
 public:
  int64_t between(int64_t least, int64_t most) {
    return std::uniform_int_distribution<int64_t>(least, most)(engine_);
  }
  bool coin() { return between(0, 1) == 1; }
  float number() { return std::normal_distribution<float>()(engine_); }
  // Some of them far apart, so that a changed order changes a sum.
  float wide_number() { return std::ldexp(number(), static_cast<int>(between(-12, 6))); }

 private:
  std::mt19937 engine_{7};
};

Case random_case(Random& random) {
  constexpr int64_t kChannels[] = {1, 2, 3, 5, 8, 16, 17, 24, 31, 32, 33, 48, 64, 80, 100};
  const auto channels = [&] { return kChannels[random.between(0, 14)]; };
  for (;;) {
    const cnnx::Shape weight = {random.between(1, 4), random.between(1, 4), channels(), channels()};
    const cnnx::Shape x = {random.between(1, 3), random.between(1, 12), random.between(1, 12),
                           weight[2]};
    cnnx::Conv2dOptions options;
    options.stride = {random.between(1, 3), random.between(1, 3)};
    options.dilation = {random.between(1, 2), random.between(1, 2)};
    options.padding = {cnnx::Padding::Rule::explicit_sides, random.between(0, 2),
                       random.between(0, 2), random.between(0, 2), random.between(0, 2)};
    if (random.coin()) options.stride = options.dilation = {1, 1};
    const int64_t height = x[1] + options.padding.top + options.padding.bottom;
    const int64_t width = x[2] + options.padding.left + options.padding.right;
    if ((weight[0] - 1) * options.dilation.height >= height ||
        (weight[1] - 1) * options.dilation.width >= width) {
      continue;
    }
    const bool addend = random.coin(), relu = random.coin();
    const TargetType target = random.between(0, 3) ? TargetType::bfloat16 : TargetType::float32;
    return {cnnx::conv2d_geometry(x, weight, options),
            random.coin() ? PassDirection::forward : PassDirection::input_gradient,
            random.coin(),
            relu,
            relu && random.coin(),
            addend,
            addend && target == TargetType::bfloat16 && random.coin(),
            random.coin(),
            target};
  }
}

Arrays random_arrays(const Case& c, Random& random) {
  Arrays a;
  const auto words = [&](const cnnx::Shape& shape, std::vector<uint16_t>& array) {
    for (int64_t i = 0; i < count_of(shape); ++i) array.push_back(rounded(random.wide_number()));
  };
  const auto floats = [&](int64_t count, std::vector<float>& array) {
    for (int64_t i = 0; i < count; ++i) array.push_back(random.wide_number());
  };
  words(c.source(), a.source);
  words(c.target_shape(), a.addend);
  words(c.target_shape(), a.mask);
  // What ReLU stored, among it a zero of each sign.
  for (size_t i = 0; i < a.mask.size(); i += 3) a.mask[i] = i % 2 == 0 ? 0 : 0x8000;
  floats(count_of(c.g.weight_shape()), a.weight);
  floats(c.target_shape()[3], a.bias);
  return a;
}

std::string text_of(const Case& c) {
  const Conv2dGeometry& g = c.g;
  char text[256];
  std::snprintf(
      text, sizeof text,
      "%s %dx%dx%d -> %dx%dx%d, kernel %dx%d, stride %dx%d, dilation %dx%d, padding %d %d",
      c.is_forward() ? "forward" : "gradient", int(g.in_height), int(g.in_width),
      int(g.in_channels), int(g.out_height), int(g.out_width), int(g.out_channels),
      int(g.kernel_size.height), int(g.kernel_size.width), int(g.stride.height),
      int(g.stride.width), int(g.dilation.height), int(g.dilation.width), int(g.top), int(g.left));
  return text;
}

// Equal in every bit, or both NaN.
bool same(const std::vector<float>& left, const std::vector<float>& right) {
  return left.size() == right.size() &&
         std::equal(left.begin(), left.end(), right.begin(), [](float a, float b) {
           return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
         });
}

void check(const Case& c, const Arrays& a) {
  const std::vector<float> values = expected(c, a);
  for (int threads = 1; threads <= 3; ++threads) {
    cnnx::test::record(same(computed(c, a, threads), values), __FILE__, __LINE__,
                       text_of(c) + ", " + std::to_string(threads) + " threads");
  }
}

void test_drawn_convolutions() {
  Random random;
  for (int i = 0; i < cnnx::test::cases(250); ++i) {
    const Case c = random_case(random);
    check(c, random_arrays(c, random));
  }
}

// Products and sums below the smallest normal number are zeros.
void test_tiny_numbers() {
  if (cnnx::test::left_out_of_webassembly("tiny numbers", "it cannot flush denormals to zero"))
    return;
  Random random;
  for (int i = 0; i < cnnx::test::cases(20); ++i) {
    const Case c = random_case(random);
    Arrays a = random_arrays(c, random);
    for (uint16_t& word : a.source)
      word = rounded(std::ldexp(widened(word), static_cast<int>(random.between(-126, -100))));
    for (float& weight : a.weight)
      weight = std::ldexp(weight, static_cast<int>(random.between(-40, 0)));
    check(c, a);
  }
}

// An infinity or NaN of one pixel reaches the outputs whose windows contain it.
void test_infinite_pixels() {
  Random random;
  for (int i = 0; i < cnnx::test::cases(60); ++i) {
    Case c = random_case(random);
    c.mask = c.relu = c.ceiling = false;
    Arrays a = random_arrays(c, random);
    a.source[static_cast<std::size_t>(random.between(0, count_of(c.source()) - 1))] =
        random.coin() ? 0x7f80 : 0x7fc0;
    check(c, a);
  }
}

}  // namespace

int conv2d_bfloat16_test(int, char*[]) {
  std::printf("%s\n", cnnx::integer_isa().c_str());
  test_drawn_convolutions();
  test_tiny_numbers();
  test_infinite_pixels();
  return cnnx::test::finish("conv2d_bfloat16_test");
}
