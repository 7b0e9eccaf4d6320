// Winograd's tiles that round against the direct method on arrays that end at unmapped
// pages; and the epilogues of every algorithm against the separate layers.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "check.h"
#include "cnnx/conv2d.h"
#include "cnnx/runtime.h"
#include "guarded_array.h"
#include "kernels/conv2d_winograd.h"
#include "ops/conv2d_plan.h"
#include "runtime/dispatch.h"
#include "runtime/memory.h"

namespace {

using cnnx::Conv2dGeometry;
using cnnx::Conv2dMethod;
using cnnx::test::GuardedArray;
using cnnx::test::same_bits;

struct Case {
  int64_t batch, height, width, in_channels, out_channels, top, bottom, left, right;
  int64_t groups = 1, taps = 3, stride = 1;
};

// Vector tails of every length class, maps smaller than a tile, padding on each side separately;
// those with most channels have weights and sums that are made a few columns at a time.
const std::vector<Case> kCases = {
    {1, 3, 3, 1, 1, 0, 0, 0, 0},
    {2, 8, 8, 16, 16, 1, 1, 1, 1},
    {3, 7, 9, 20, 24, 1, 1, 1, 1},
    {1, 5, 5, 17, 33, 0, 0, 0, 0},
    {2, 6, 10, 40, 72, 2, 2, 2, 2},
    {1, 9, 13, 31, 15, 4, 0, 1, 3},
    {40, 6, 5, 19, 18, 1, 1, 0, 2},
    {1, 2, 1, 65, 70, 1, 1, 1, 1},
    {2, 21, 6, 130, 128, 0, 1, 2, 0},
    {3, 9, 7, 48, 48, 1, 1, 1, 1, 3},
    {1, 13, 6, 96, 32, 2, 0, 1, 1, 2},
    {2, 6, 6, 160, 193, 1, 1, 1, 1},
    {1, 5, 9, 342, 350, 1, 1, 1, 1},
    {1, 5, 5, 1, 1, 0, 0, 0, 0, 1, 5},
    {3, 7, 9, 20, 50, 2, 2, 2, 2, 1, 5},
    {1, 5, 6, 17, 33, 4, 0, 1, 3, 1, 5},
    {2, 9, 6, 96, 32, 2, 2, 2, 2, 2, 5},
    {2, 5, 6, 160, 193, 2, 2, 2, 2, 1, 5},
    {1, 4, 5, 342, 350, 2, 2, 2, 2, 1, 5},
    {9, 8, 11, 20, 50, 0, 0, 0, 0, 1, 5},
    {2, 15, 17, 20, 24, 1, 0, 0, 2, 1, 5},
    {1, 7, 7, 1, 1, 0, 0, 0, 0, 1, 7},
    {3, 7, 9, 20, 50, 3, 3, 3, 3, 1, 7},
    {1, 5, 16, 33, 17, 4, 3, 0, 5, 1, 7},
    {1, 3, 3, 1, 1, 0, 0, 0, 0, 1, 3, 2},
    {3, 7, 10, 20, 50, 1, 1, 2, 0, 1, 3, 2},
    {2, 19, 16, 33, 17, 1, 2, 0, 3, 1, 3, 2},
    {1, 5, 5, 1, 1, 0, 0, 0, 0, 1, 5, 2},
    {3, 7, 10, 20, 50, 2, 2, 3, 1, 1, 5, 2},
    {2, 19, 16, 33, 17, 1, 2, 0, 3, 1, 5, 2},
    {1, 7, 7, 1, 1, 0, 0, 0, 0, 1, 7, 2},
    {3, 20, 21, 3, 50, 3, 3, 3, 3, 1, 7, 2},
    {2, 19, 16, 33, 17, 1, 2, 0, 3, 1, 7, 2},
};

Conv2dGeometry geometry(const Case& c) {
  return cnnx::conv2d_geometry(
      {c.batch, c.height, c.width, c.in_channels},
      {c.taps, c.taps, c.in_channels / c.groups, c.out_channels},
      {{c.stride, c.stride},
       {cnnx::Padding::Rule::explicit_sides, c.top, c.bottom, c.left, c.right},
       {1, 1},
       c.groups});
}

// Between -1 and 1, including zeros and repeated values.
std::vector<float> fractions(int64_t count, int64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] =
        static_cast<float>((i * 7 + i / 5 * 3 + seed * 11) % 27 - 13) / 13.0f;
  }
  return values;
}

struct Arrays {
  explicit Arrays(const Conv2dGeometry& g)
      : x(fractions(cnnx::element_count(g.input_shape()), 1)),
        weight(fractions(cnnx::element_count(g.weight_shape()), 2)),
        bias(fractions(g.out_channels, 3)),
        grad_output(fractions(cnnx::element_count(g.output_shape()), 4)) {}
  GuardedArray x, weight, bias, grad_output;
};

struct Results {
  Results(const Conv2dGeometry& g, const Arrays& a, Conv2dMethod method, bool accumulate)
      : output(a.grad_output.size(), 3.0f),
        grad_input(a.x.size(), 3.0f),
        grad_weight(a.weight.size(), 3.0f),
        grad_bias(a.bias.size(), 3.0f) {
    cnnx::conv2d(g, a.x.data(), a.weight.data(), a.bias.data(), output.data(), method);
    cnnx::conv2d_backward(g, a.grad_output.data(), a.x.data(), a.weight.data(), grad_input.data(),
                          grad_weight.data(), grad_bias.data(), accumulate, method);
  }
  std::vector<std::vector<float>> values() const {
    return {output.values(), grad_input.values(), grad_weight.values(), grad_bias.values()};
  }
  GuardedArray output, grad_input, grad_weight, grad_bias;
};

// A wrong index changes a result by a product, about 1; rounding by about 1e-6 of the largest sum,
// of up to three thousand products.
bool is_close(const std::vector<float>& left, const std::vector<float>& right) {
  float largest = 100.0f;
  for (const float value : right) largest = std::max(largest, std::fabs(value));
  for (std::size_t i = 0; i < left.size(); ++i) {
    if (!(std::fabs(left[i] - right[i]) < 2e-5f * largest)) return false;
  }
  return left.size() == right.size();
}

std::vector<Conv2dMethod> methods_of(const Case& each) {
  if (each.taps == 5 && each.stride == 1) return {Conv2dMethod::direct, Conv2dMethod::winograd2x2};
  if (each.taps == 7 || each.stride == 2) return {Conv2dMethod::direct, Conv2dMethod::winograd4x4};
  return {Conv2dMethod::direct, Conv2dMethod::winograd2x2, Conv2dMethod::winograd4x4};
}

void test_agrees_with_the_direct_method() {
  for (const Case& each : kCases) {
    const Conv2dGeometry g = geometry(each);
    const Arrays arrays(g);
    for (const bool accumulate : {false, true}) {
      const auto expected = Results(g, arrays, Conv2dMethod::direct, accumulate).values();
      const auto found = Results(g, arrays, methods_of(each).back(), accumulate).values();
      for (std::size_t i = 0; i < expected.size(); ++i) CHECK(is_close(found[i], expected[i]));
    }
  }
}

void test_threads_do_not_matter() {
  for (const Case& each : kCases) {
    const Conv2dGeometry g = geometry(each);
    const Arrays arrays(g);
    for (const Conv2dMethod method : methods_of(each)) {
      cnnx::set_num_threads(1);
      const auto expected = Results(g, arrays, method, false).values();
      for (const int threads : {2, 3, 8}) {
        cnnx::set_num_threads(threads);
        const auto found = Results(g, arrays, method, false).values();
        for (std::size_t i = 0; i < expected.size(); ++i) CHECK(same_bits(found[i], expected[i]));
      }
    }
  }
  cnnx::set_num_threads(2);
}

// Another thread may have computed the next tile.
void test_a_tile_leaves_the_next_one_as_it_is() {
  for (const cnnx::WinogradKernels* kernels :
       {&cnnx::baseline::winograd2_kernels, &CNNX_KERNELS(winograd2_kernels)}) {
    for (int64_t channels = 1; channels < 36; ++channels) {
      const cnnx::WinogradShape shape = {4, 6, channels, 0, 0, 2, 4, channels, 1, false};
      const GuardedArray source(fractions(4 * 6 * channels, 1));
      GuardedArray memory(cnnx::winograd_planes_floats(16, 2, channels), 7.0f);
      const cnnx::WinogradPlanes planes = cnnx::winograd_planes(memory.data(), 2, channels);
      kernels->transform_input(shape, source.data(), {0, 1}, planes);
      for (int64_t point = 0; point < 16; ++point) {
        for (int64_t channel = 0; channel < channels; ++channel)
          CHECK_EQUAL(planes.at(1, channel).data[point * planes.plane_floats], 7.0f);
      }
    }
  }
}

constexpr int kThreads = 2;

void run(const cnnx::ops::Conv2dPass& pass, const GuardedArray& source, const Arrays& arrays,
         const cnnx::ops::Epilogue& epilogue, float* target) {
  cnnx::runtime::AlignedBuffer packed(pass.packed_floats());
  cnnx::runtime::AlignedBuffer scratch(pass.scratch_floats(kThreads));
  pass.pack_weights(arrays.weight.data(), kThreads, packed.data());
  pass.run(source.data(), arrays.weight.data(), packed.data(), epilogue, kThreads, scratch.data(),
           target);
}

std::vector<float> forward(const Conv2dGeometry& g, const cnnx::ops::Conv2dPlan& plan,
                           const Arrays& arrays, const cnnx::ForwardEpilogue& epilogue) {
  const int64_t pixels = epilogue.pool ? g.batch * (g.out_height / 2) * (g.out_width / 2)
                                       : g.batch * g.out_height * g.out_width;
  GuardedArray output(pixels * g.out_channels, 99.0f);
  run(*plan.forward, arrays.x, arrays, epilogue, output.data());
  return output.values();
}

std::vector<float> relu(std::vector<float> values) {
  for (float& value : values) value = value < 0.0f ? 0.0f : value;
  return values;
}

struct Pooled {
  std::vector<float> maxima;
  std::vector<uint8_t> argmax;  // channels without gaps
};

Pooled pool(const Conv2dGeometry& g, const std::vector<float>& map, bool with_relu) {
  Pooled pooled;
  for (int64_t n = 0; n < g.batch; ++n)
    for (int64_t i = 0; i < g.out_height / 2; ++i)
      for (int64_t j = 0; j < g.out_width / 2; ++j)
        for (int64_t c = 0; c < g.out_channels; ++c) {
          float best = 0.0f;
          uint8_t argmax_index = 0;
          for (uint8_t k = 0; k < 4; ++k) {
            const int64_t pixel = (n * g.out_height + 2 * i + k / 2) * g.out_width + 2 * j + k % 2;
            const float value = map[static_cast<std::size_t>(pixel * g.out_channels + c)];
            if (k > 0 && (value <= best || best != best)) continue;
            best = value;
            argmax_index = k;
          }
          pooled.maxima.push_back(best);
          pooled.argmax.push_back(with_relu && !(best > 0.0f) ? cnnx::kNoArgmax : argmax_index);
        }
  return pooled;
}

void test_forward_epilogues() {
  for (const Case& each : kCases) {
    const Conv2dGeometry g = geometry(each);
    Arrays arrays(g);
    arrays.x[arrays.x.size() / 2] = NAN;
    arrays.bias[0] = -0.0f;
    for (const Conv2dMethod method : methods_of(each)) {
      const auto plan = cnnx::ops::choose_conv2d_plan(g, method);
      for (const float* bias :
           {static_cast<const float*>(arrays.bias.data()), static_cast<const float*>(nullptr)}) {
        for (const bool with_relu : {false, true}) {
          auto expected = forward(g, plan, arrays, {bias, false, false, nullptr});
          if (with_relu) expected = relu(expected);
          CHECK(same_bits(forward(g, plan, arrays, {bias, with_relu, false, nullptr}), expected));
          const Pooled pooled = pool(g, expected, with_relu);
          CHECK(
              same_bits(forward(g, plan, arrays, {bias, with_relu, true, nullptr}), pooled.maxima));
          const auto step = static_cast<std::size_t>(cnnx::argmax_step(g.out_channels));
          const auto channels = static_cast<std::size_t>(g.out_channels);
          std::vector<uint8_t> argmax(pooled.argmax.size() / channels * step);
          CHECK(same_bits(forward(g, plan, arrays, {bias, with_relu, true, argmax.data()}),
                          pooled.maxima));
          bool same = true;
          for (std::size_t i = 0; i < pooled.argmax.size(); ++i) {
            same = same && argmax[i / channels * step + i % channels] == pooled.argmax[i];
          }
          CHECK(same);
        }
      }
    }
  }
}

void test_addends() {
  for (const Case& each : kCases) {
    const Conv2dGeometry g = geometry(each);
    const Arrays arrays(g);
    const std::vector<float> addend = arrays.grad_output.values();
    for (const Conv2dMethod method : methods_of(each)) {
      const auto plan = cnnx::ops::choose_conv2d_plan(g, method);
      const bool is_winograd = method != Conv2dMethod::direct;
      CHECK(plan.forward->adds() || !is_winograd);
      CHECK(plan.forward->adds_in_place() == is_winograd);
      if (!plan.forward->adds()) continue;
      for (const bool with_relu : {false, true}) {
        std::vector<float> expected =
            forward(g, plan, arrays, {arrays.bias.data(), false, false, nullptr});
        for (std::size_t i = 0; i < expected.size(); ++i) expected[i] += addend[i];
        if (with_relu) expected = relu(expected);
        const cnnx::ForwardEpilogue beside = {arrays.bias.data(), with_relu, false, nullptr,
                                              arrays.grad_output.data()};
        CHECK(same_bits(forward(g, plan, arrays, beside), expected));
        if (!plan.forward->adds_in_place()) continue;
        GuardedArray in_place(addend);
        cnnx::ForwardEpilogue over = beside;
        over.addend = in_place.data();
        run(*plan.forward, arrays.x, arrays, over, in_place.data());
        CHECK(same_bits(in_place.values(), expected));
      }
    }
  }
}

std::vector<float> input_gradient(const cnnx::ops::Conv2dPlan& plan, const Arrays& arrays,
                                  const cnnx::GradientEpilogue& epilogue) {
  GuardedArray grad_input(arrays.x.size(), 0.25f);
  const cnnx::ops::Epilogue with_kernels(epilogue, &cnnx::ops::gradient_kernels());
  run(*plan.input_gradient, arrays.grad_output, arrays, with_kernels, grad_input.data());
  return grad_input.values();
}

void test_gradient_epilogue() {
  for (const Case& each : kCases) {
    const Conv2dGeometry g = geometry(each);
    Arrays arrays(g);
    GuardedArray relu_output(relu(arrays.x.values()));
    relu_output[0] = NAN;
    for (const Conv2dMethod method : methods_of(each)) {
      const auto plan = cnnx::ops::choose_conv2d_plan(g, method);
      for (const bool accumulate : {false, true}) {
        auto expected = input_gradient(plan, arrays, {accumulate, nullptr});
        for (std::size_t i = 0; i < expected.size(); ++i) {
          if (relu_output[static_cast<int64_t>(i)] <= 0.0f) expected[i] = 0.0f;
        }
        CHECK(same_bits(input_gradient(plan, arrays, {accumulate, relu_output.data()}), expected));
      }
    }
  }
}

}  // namespace

int conv2d_winograd_test(int, char*[]) {
  test_agrees_with_the_direct_method();
  test_threads_do_not_matter();
  test_a_tile_leaves_the_next_one_as_it_is();
  test_forward_epilogues();
  test_addends();
  test_gradient_epilogue();
  return cnnx::test::finish("conv2d_winograd_test");
}
