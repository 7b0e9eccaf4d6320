// The weight gradient of bfloat16 arrays against a plain loop in the order of its sums, bit by bit:
// by the kernels of every instruction set of this CPU, on one to three threads, on arrays that end
// at unmapped pages.
#include "ops/conv2d_bfloat16_weight.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "bfloat16_numbers.h"
#include "check.h"
#include "guarded_array.h"
#include "kernels/bfloat16_weight.h"
#include "ops/bfloat16_windows.h"
#include "ops/gradient_kernels.h"
#include "runtime/isa.h"
#include "runtime/memory.h"
#include "runtime/philox.h"

namespace {

using cnnx::Conv2dGeometry;
using cnnx::Conv2dOptions;
using cnnx::Shape;
using cnnx::test::GuardedArray;
using cnnx::test::same_bits;
using cnnx::test::widened;

struct Case {
  Shape x, weight;
  Conv2dOptions options;
};

Conv2dOptions options(int64_t stride, int64_t padding, int64_t dilation = 1, int64_t groups = 1) {
  Conv2dOptions all = {{stride, stride}, {}, {dilation, dilation}, groups};
  all.padding = {cnnx::Padding::Rule::explicit_sides, padding, padding, padding, padding};
  return all;
}

const std::vector<Case> kCases = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}, options(1, 0)},
    {{2, 5, 7, 3}, {3, 3, 3, 5}, options(1, 1)},
    {{3, 7, 7, 33}, {3, 3, 33, 17}, options(1, 1)},
    {{2, 8, 9, 40}, {3, 3, 40, 70}, options(2, 1)},
    {{2, 7, 6, 64}, {1, 1, 64, 32}, options(1, 0)},
    {{3, 9, 8, 23}, {1, 1, 23, 40}, options(3, 0)},
    {{2, 8, 8, 16}, {1, 1, 16, 48}, options(2, 0)},
    {{1, 37, 41, 3}, {7, 7, 3, 20}, options(2, 3)},
    {{1, 13, 12, 9}, {3, 2, 9, 6}, options(2, 3, 2)},
    {{2, 11, 10, 12}, {3, 3, 12, 16}, options(1, 2, 2)},
    {{1, 3, 4, 16}, {5, 5, 16, 13}, options(1, 4)},
    {{2, 6, 6, 20}, {2, 2, 20, 24}, options(2, 0)},
    {{1, 6, 5, 8}, {3, 3, 8, 16}, options(1, 0, 2)},
    {{1, 4, 9, 30}, {1, 4, 30, 8}, {{1, 3}, {cnnx::Padding::Rule::same, 0, 0, 0, 0}, {1, 2}, 1}},
    {{1, 9, 3, 10}, {4, 1, 10, 8}, {{3, 1}, {cnnx::Padding::Rule::same, 0, 0, 0, 0}, {2, 1}, 1}},
    {{2, 7, 6, 48}, {3, 3, 16, 96}, options(1, 1, 1, 3)},
    {{2, 9, 8, 34}, {2, 3, 17, 20}, options(2, 1, 1, 2)},
    // Bands of several images, bands of an image, and several chunks.
    {{40, 4, 5, 10}, {3, 3, 10, 12}, options(1, 1)},
    {{2, 60, 61, 10}, {3, 3, 10, 5}, options(1, 1)},
    {{1, 150, 90, 2}, {3, 3, 2, 3}, options(1, 1)},
    {{3, 70, 60, 17}, {1, 1, 17, 16}, options(1, 0)},
};

struct Level {
  const char* name;
  const cnnx::Bfloat16WeightKernels* kernels;
  bool fuses;
};

std::vector<Level> levels() {
  const auto isa = cnnx::runtime::active_isa();
  std::vector<Level> all = {{"baseline", &cnnx::baseline::bfloat16_weight_kernels, false}};
  [[maybe_unused]] const bool avx512 = isa == cnnx::runtime::Isa::avx512;
  CNNX_IF_AVX2(if (avx512 || isa == cnnx::runtime::Isa::avx2)
                   all.push_back({"avx2", &cnnx::avx2::bfloat16_weight_kernels, true});)
  CNNX_IF_AVX512(if (avx512)
                     all.push_back({"avx512", &cnnx::avx512::bfloat16_weight_kernels, true});)
  // With products of bfloat16, or of another CPU.
  all.push_back({"active", cnnx::ops::gradient_kernels().bfloat16_weight,
                 isa != cnnx::runtime::Isa::baseline});
  return all;
}

// bfloat16 numbers at the end of readable memory.
class Words {
 public:
  // Between -1 and 1, and `tiny` times as large at some places.
  Words(int64_t count, uint32_t stream, float tiny) : memory_((count + 1) / 2), count_(count) {
    const cnnx::runtime::Philox random(24, stream, 0);
    for (int64_t i = 0; i < count; ++i) {
      const float value = random.uniform(static_cast<uint64_t>(i)) * 2 - 1;
      const float scaled = i % 7 == 3 ? value * tiny : value;
      uint32_t bits;
      std::memcpy(&bits, &scaled, sizeof bits);
      data()[i] = static_cast<uint16_t>(bits >> 16);
    }
  }

  uint16_t* data() { return reinterpret_cast<uint16_t*>(memory_.data() + memory_.size()) - count_; }
  const float* array() { return reinterpret_cast<const float*>(data()); }
  int64_t size() const { return count_; }

 private:
  GuardedArray memory_;
  int64_t count_;
};

// The floating-point mode of the kernels, number by number.
float flushed(float value) {
#if defined(__EMSCRIPTEN__)
  return value;
#else
  return std::fpclassify(value) == FP_SUBNORMAL ? std::copysign(0.0f, value) : value;
#endif
}
float multiply_add(float a, float b, float sum, bool fuses) {
  const float x = flushed(a), y = flushed(b);
  return flushed(fuses ? cnnx::test::fused_multiply_add(x, y, sum) : flushed(x * y) + sum);
}

// The pixel of a tap's window, or 0. `channel` is one of the group of `output`.
float pixel(const Conv2dGeometry& g, const uint16_t* x, int64_t row, int64_t column, int64_t tap,
            int64_t channel, int64_t output) {
  const int64_t u = tap / g.kernel_size.width, v = tap % g.kernel_size.width;
  const int64_t i = row % g.out_height * g.stride.height + u * g.dilation.height - g.top;
  const int64_t j = column * g.stride.width + v * g.dilation.width - g.left;
  if (i < 0 || i >= g.in_height || j < 0 || j >= g.in_width) return 0;
  const int64_t place = (row / g.out_height * g.in_height + i) * g.in_width + j;
  const int64_t group = output / (g.out_channels / g.groups);
  return widened(x[place * g.in_channels + group * (g.in_channels / g.groups) + channel]);
}

// The chunks of one weight, added up.
float plain_sum(const Conv2dGeometry& g, const uint16_t* x, const uint16_t* grad_output,
                int64_t tap, int64_t channel, int64_t output, bool fuses) {
  const cnnx::ops::WindowPlanes planes(g);
  const cnnx::ops::GradientChunks chunks = cnnx::ops::bfloat16_weight_chunks(g);
  const int64_t width = planes.row_positions();
  float total = 0;
  for (int64_t chunk = 0; chunk < chunks.count(); ++chunk) {
    float sum = 0;
    const int64_t end = chunks.first_row(chunk + 1);
    for (int64_t row = chunks.first_row(chunk); row < end;) {
      const int64_t rows = planes.spans_images()
                               ? end - row
                               : std::min(end - row, g.out_height - row % g.out_height);
      for (int64_t block = 0; block < rows * width; block += cnnx::kBfloat16Block) {
        float chain[2] = {0, 0};
        for (int64_t q = block; q < std::min(block + cnnx::kBfloat16Block, rows * width); ++q) {
          const int64_t i = row + q / width, j = q % width;
          if (j >= g.out_width) continue;
          const float gradient =
              widened(grad_output[(i * g.out_width + j) * g.out_channels + output]);
          chain[q % 2] =
              multiply_add(pixel(g, x, i, j, tap, channel, output), gradient, chain[q % 2], fuses);
        }
        sum = flushed(sum + flushed(chain[0] + chain[1]));
      }
      row += rows;
    }
    total = chunk == 0 ? sum : total + sum;
  }
  return total;
}

std::vector<float> plain_gradient(const Conv2dGeometry& g, const uint16_t* x,
                                  const uint16_t* grad_output, bool fuses) {
  std::vector<float> gradient;
  for (int64_t tap = 0; tap < g.kernel_size.height * g.kernel_size.width; ++tap) {
    for (int64_t channel = 0; channel < g.in_channels / g.groups; ++channel) {
      for (int64_t output = 0; output < g.out_channels; ++output) {
        gradient.push_back(plain_sum(g, x, grad_output, tap, channel, output, fuses));
      }
    }
  }
  return gradient;
}

struct Gradients {
  std::vector<float> weight, bias;
};

Gradients run(const cnnx::ops::Conv2dWeightGradient& op, const Conv2dGeometry& g, Words& x,
              Words& grad_output, const Level& level, int threads, bool accumulate) {
  cnnx::runtime::AlignedBuffer scratch(op.scratch_floats(threads));
  std::fill_n(scratch.data(), scratch.size(), NAN);
  cnnx::ops::GradientKernels kernels = cnnx::ops::gradient_kernels();
  kernels.bfloat16_weight = level.kernels;
  GuardedArray weight(cnnx::element_count(g.weight_shape()), 0.5f), bias(g.out_channels, 0.25f);
  op.run({&kernels, x.array(), grad_output.array(), accumulate, threads, scratch.data(),
          weight.data(), bias.data()});
  return {weight.values(), bias.values()};
}

Gradients computed(const Conv2dGeometry& g, Words& x, Words& grad_output, const Level& level,
                   int threads, bool accumulate = false) {
  return run(*cnnx::ops::make_bfloat16_weight_gradient(g), g, x, grad_output, level, threads,
             accumulate);
}

Words input_of(const Conv2dGeometry& g, float tiny) {
  return {cnnx::element_count(g.input_shape()), 1, tiny};
}
Words gradient_of(const Conv2dGeometry& g, float tiny) {
  return {cnnx::element_count(g.output_shape()), 2, tiny};
}

Conv2dGeometry geometry(const Case& c) { return conv2d_geometry(c.x, c.weight, c.options); }

void sums_have_the_bits_of_a_plain_loop(float tiny) {
  for (const Case& c : kCases) {
    const Conv2dGeometry g = geometry(c);
    Words x = input_of(g, tiny), grad_output = gradient_of(g, tiny);
    const std::vector<float> fused = plain_gradient(g, x.data(), grad_output.data(), true);
    const std::vector<float> rounded = plain_gradient(g, x.data(), grad_output.data(), false);
    for (const Level& level : levels()) {
      const std::vector<float>& expected = level.fuses ? fused : rounded;
      for (const int threads : {1, 2, 3}) {
        const bool equal = same_bits(computed(g, x, grad_output, level, threads).weight, expected);
        CHECK(equal);
        if (!equal)
          std::fprintf(stderr, "case %d, %s, %d threads\n", static_cast<int>(&c - kCases.data()),
                       level.name, threads);
      }
      std::vector<float> added = expected;
      for (float& value : added) value = 0.5f + value;
      CHECK(same_bits(computed(g, x, grad_output, level, 2, true).weight, added));
    }
  }
}

// The order of the float32 layer: column q belongs to chain q % 8 of a chunk.
void biases_have_the_order_of_float32() {
  for (const Case& c : kCases) {
    const Conv2dGeometry g = geometry(c);
    Words x = input_of(g, 1), grad_output = gradient_of(g, 1);
    const cnnx::ops::GradientChunks chunks = cnnx::ops::bfloat16_weight_chunks(g);
    std::vector<float> expected, added;
    for (int64_t output = 0; output < g.out_channels; ++output) {
      float total = 0;
      for (int64_t chunk = 0; chunk < chunks.count(); ++chunk) {
        float chains[8] = {};
        for (int64_t row = chunks.first_row(chunk); row < chunks.first_row(chunk + 1); ++row) {
          for (int64_t q = 0; q < g.out_width; ++q)
            chains[q % 8] +=
                widened(grad_output.data()[(row * g.out_width + q) * g.out_channels + output]);
        }
        for (const float chain : chains) total += chain;
      }
      expected.push_back(total);
      added.push_back(total + 0.25f);
    }
    for (const Level& level : levels()) {
      CHECK(same_bits(computed(g, x, grad_output, level, 3).bias, expected));
      CHECK(same_bits(computed(g, x, grad_output, level, 1, true).bias, added));
    }
  }
}

// NaN in pixels that no window reads reaches no sum.
void unread_pixels_do_not_matter() {
  int64_t unread = 0;
  for (const Case& c : kCases) {
    const Conv2dGeometry g = geometry(c);
    Words x = input_of(g, 1), marked = input_of(g, 1), grad_output = gradient_of(g, 1);
    std::vector<bool> read(static_cast<std::size_t>(g.in_height * g.in_width), false);
    for (int64_t tap = 0; tap < g.kernel_size.height * g.kernel_size.width; ++tap) {
      for (int64_t output = 0; output < g.out_height * g.out_width; ++output) {
        const int64_t i = output / g.out_width * g.stride.height +
                          tap / g.kernel_size.width * g.dilation.height - g.top;
        const int64_t j = output % g.out_width * g.stride.width +
                          tap % g.kernel_size.width * g.dilation.width - g.left;
        if (i >= 0 && i < g.in_height && j >= 0 && j < g.in_width)
          read[static_cast<std::size_t>(i * g.in_width + j)] = true;
      }
    }
    for (int64_t i = 0; i < x.size(); ++i) {
      const auto place = static_cast<std::size_t>(i / g.in_channels) % read.size();
      if (read[place]) continue;
      marked.data()[i] = 0x7fc0;
      ++unread;
    }
    for (const Level& level : levels()) {
      CHECK(same_bits(computed(g, marked, grad_output, level, 2).weight,
                      computed(g, x, grad_output, level, 2).weight));
    }
  }
  CHECK(unread > 0);
}

// Groups of few channels have the bits of the float32 layer on widened arrays.
void narrow_groups_have_the_bits_of_float32() {
  const std::vector<Case> cases = {
      {{2, 9, 11, 20}, {3, 3, 1, 20}, options(1, 1, 1, 20)},
      {{3, 30, 28, 40}, {3, 3, 1, 40}, options(2, 1, 1, 40)},
      {{1, 10, 9, 19}, {5, 3, 1, 38}, options(2, 2, 1, 19)},
      {{1, 40, 50, 30}, {3, 3, 1, 30}, options(1, 2, 2, 30)},
      {{2, 5, 17, 10}, {3, 3, 2, 5}, options(1, 1, 1, 5)},
      {{2, 37, 29, 24}, {3, 3, 8, 24}, options(1, 1, 1, 3)},
      {{2, 7, 9, 20}, {3, 3, 4, 20}, options(2, 1, 1, 5)},
  };
  for (const Case& c : cases) {
    const Conv2dGeometry g = geometry(c);
    Words x = input_of(g, 1), grad_output = gradient_of(g, 1);
    std::vector<float> wide_x, wide_gradient;
    for (int64_t i = 0; i < x.size(); ++i) wide_x.push_back(widened(x.data()[i]));
    for (int64_t i = 0; i < grad_output.size(); ++i)
      wide_gradient.push_back(widened(grad_output.data()[i]));
    for (const bool accumulate : {false, true}) {
      std::vector<float> weight(static_cast<std::size_t>(cnnx::element_count(g.weight_shape())));
      std::vector<float> bias(static_cast<std::size_t>(g.out_channels));
      std::fill(weight.begin(), weight.end(), 0.5f);
      std::fill(bias.begin(), bias.end(), 0.25f);
      conv2d_backward(g, wide_gradient.data(), wide_x.data(), nullptr, nullptr, weight.data(),
                      bias.data(), accumulate, cnnx::Conv2dMethod::direct);
      for (const int threads : {1, 3}) {
        const auto op = cnnx::ops::choose_bfloat16_weight_gradient(g);
        const Gradients gradients =
            run(*op, g, x, grad_output, levels().back(), threads, accumulate);
        CHECK(same_bits(gradients.weight, weight));
        CHECK(same_bits(gradients.bias, bias));
      }
    }
  }
}

void an_empty_batch_gives_zeros() {
  const Conv2dGeometry g = conv2d_geometry({0, 5, 5, 16}, {3, 3, 16, 16}, options(1, 1));
  Words x = input_of(g, 1), grad_output = gradient_of(g, 1);
  const Gradients gradients = computed(g, x, grad_output, levels().back(), 2);
  CHECK(same_bits(gradients.weight, std::vector<float>(9 * 16 * 16)));
  CHECK(same_bits(gradients.bias, std::vector<float>(16)));
}

}  // namespace

int conv2d_bfloat16_weight_test(int, char*[]) {
  sums_have_the_bits_of_a_plain_loop(1);
  // Products below the smallest normal number, and denormal factors; the accesses are those above.
  if (!cnnx::test::kIsWebAssembly && !cnnx::test::kIsSanitized)
    sums_have_the_bits_of_a_plain_loop(1e-37f);
  biases_have_the_order_of_float32();
  unread_pixels_do_not_matter();
  narrow_groups_have_the_bits_of_float32();
  an_empty_batch_gives_zeros();
  return cnnx::test::finish("conv2d_bfloat16_weight_test");
}
