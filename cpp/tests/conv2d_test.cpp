// conv2d against its formula in double precision, by the methods that are exact on small integers,
// on arrays that end at unmapped pages: shapes at the limits of vectors and tiles, accumulated
// gradients, and the layer kind.
#include "cnnx/conv2d.h"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/runtime.h"
#include "guarded_array.h"
#include "ops/registry.h"
#include "weighted_layer.h"

namespace {

using cnnx::Conv2dGeometry;
using cnnx::Conv2dMethod;
using cnnx::Conv2dOptions;
using cnnx::Shape;
using cnnx::test::check_threads_do_not_matter;
using cnnx::test::fractions;
using cnnx::test::GuardedArray;
using cnnx::test::integers;
using cnnx::test::run_layer;

struct Case {
  Shape x, weight;
  Conv2dOptions options;
};

Conv2dOptions options(int64_t stride, int64_t padding, int64_t dilation = 1, int64_t groups = 1) {
  return {{stride, stride},
          {cnnx::Padding::Rule::explicit_sides, padding, padding, padding, padding},
          {dilation, dilation},
          groups};
}

const std::vector<Case> kCases = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}, options(1, 0)},
    {{2, 5, 7, 3}, {3, 3, 3, 5}, options(1, 1)},
    {{1, 28, 28, 1}, {5, 5, 1, 6}, options(1, 2)},
    {{3, 14, 14, 6}, {5, 5, 6, 16}, options(1, 0)},
    {{2, 8, 9, 17}, {3, 3, 17, 33}, options(1, 1)},
    {{1, 6, 31, 32}, {3, 3, 32, 32}, options(1, 1)},
    {{1, 7, 15, 20}, {3, 3, 20, 24}, options(2, 1)},
    {{2, 9, 8, 7}, {1, 1, 7, 40}, options(3, 0)},
    {{1, 13, 12, 6}, {3, 2, 6, 9}, options(2, 3, 2)},
    {{1, 3, 4, 5}, {5, 5, 5, 13}, options(1, 4)},
    {{2, 7, 6, 12}, {3, 3, 4, 15}, options(1, 1, 1, 3)},
    {{2, 9, 11, 20}, {3, 3, 1, 20}, options(1, 1, 1, 20)},
    {{1, 10, 9, 19}, {5, 3, 1, 38}, options(2, 2, 1, 19)},
    {{1, 5, 17, 10}, {3, 3, 2, 10}, options(1, 1, 1, 5)},
    {{2, 7, 9, 20}, {3, 3, 4, 20}, options(2, 1, 1, 5)},
    {{1, 9, 8, 12}, {3, 2, 4, 12}, options(1, 2, 2, 3)},
    {{2, 6, 15, 24}, {3, 3, 8, 24}, options(1, 1, 1, 3)},
    {{5, 4, 4, 64}, {3, 3, 64, 70}, options(1, 1)},
    {{1, 3, 2, 700}, {3, 3, 700, 18}, options(1, 1)},
    // As many columns of outputs, two apart, as would fit into two rows of input; the rows must not
    // be joined.
    {{2, 5, 3, 2},
     {1, 1, 2, 5},
     {{2, 2}, {cnnx::Padding::Rule::explicit_sides, 0, 0, 1, 1}, {1, 1}, 1}},
    {{1, 4, 6, 3}, {1, 1, 3, 5}, options(1, 0)},
    {{2, 1, 40, 1}, {1, 3, 1, 1}, {{1, 1}, {cnnx::Padding::Rule::same, 0, 0, 0, 0}, {1, 1}, 1}},
};

// Calls visit(output index, input index, weight index) for every product of the formula.
template <class Visit>
void for_each_product(const Conv2dGeometry& g, const Visit& visit) {
  const int64_t group_inputs = g.in_channels / g.groups, group_outputs = g.out_channels / g.groups;
  for (int64_t n = 0; n < g.batch; ++n)
    for (int64_t i = 0; i < g.out_height; ++i)
      for (int64_t j = 0; j < g.out_width; ++j)
        for (int64_t u = 0; u < g.kernel_size.height; ++u)
          for (int64_t v = 0; v < g.kernel_size.width; ++v) {
            const int64_t row = i * g.stride.height + u * g.dilation.height - g.top;
            const int64_t column = j * g.stride.width + v * g.dilation.width - g.left;
            if (row < 0 || row >= g.in_height || column < 0 || column >= g.in_width) continue;
            for (int64_t o = 0; o < g.out_channels; ++o)
              for (int64_t c = 0; c < group_inputs; ++c) {
                visit(((n * g.out_height + i) * g.out_width + j) * g.out_channels + o,
                      ((n * g.in_height + row) * g.in_width + column) * g.in_channels +
                          o / group_outputs * group_inputs + c,
                      ((u * g.kernel_size.width + v) * group_inputs + c) * g.out_channels + o);
              }
          }
}

struct Arrays {
  explicit Arrays(const Conv2dGeometry& g)
      : x(integers(cnnx::element_count(g.input_shape()), 1)),
        weight(integers(cnnx::element_count(g.weight_shape()), 2)),
        bias(integers(g.out_channels, 3)),
        grad_output(integers(cnnx::element_count(g.output_shape()), 4)) {}
  GuardedArray x, weight, bias, grad_output;
};

std::vector<float> expected_output(const Conv2dGeometry& g, const Arrays& arrays, bool with_bias) {
  std::vector<double> sums(static_cast<std::size_t>(arrays.grad_output.size()));
  if (with_bias) {
    for (std::size_t i = 0; i < sums.size(); ++i) {
      sums[i] = arrays.bias[static_cast<int64_t>(i) % g.out_channels];
    }
  }
  for_each_product(g, [&](int64_t output, int64_t input, int64_t weight) {
    sums[static_cast<std::size_t>(output)] += double{arrays.x[input]} * arrays.weight[weight];
  });
  return std::vector<float>(sums.begin(), sums.end());
}

struct Gradients {
  std::vector<float> input, weight, bias;
};

// Initialised to `start`.
Gradients expected_gradients(const Conv2dGeometry& g, const Arrays& arrays, float start) {
  std::vector<double> input(static_cast<std::size_t>(arrays.x.size()), start);
  std::vector<double> weight(static_cast<std::size_t>(arrays.weight.size()), start);
  std::vector<double> bias(static_cast<std::size_t>(g.out_channels), start);
  for_each_product(g, [&](int64_t output, int64_t from, int64_t tap) {
    input[static_cast<std::size_t>(from)] +=
        double{arrays.grad_output[output]} * arrays.weight[tap];
    weight[static_cast<std::size_t>(tap)] += double{arrays.grad_output[output]} * arrays.x[from];
  });
  for (int64_t i = 0; i < arrays.grad_output.size(); ++i) {
    bias[static_cast<std::size_t>(i % g.out_channels)] += arrays.grad_output[i];
  }
  return {{input.begin(), input.end()}, {weight.begin(), weight.end()}, {bias.begin(), bias.end()}};
}

// Winograd's 2x2 tiles halve and quarter weights, which is exact; the 4x4 tiles round.
std::vector<Conv2dMethod> exact_methods(const Conv2dGeometry& g) {
  const auto equals = [](cnnx::Pair pair, int64_t size) {
    return pair.height == size && pair.width == size;
  };
  if (equals(g.kernel_size, 3) && equals(g.stride, 1) && equals(g.dilation, 1) && g.groups == 1) {
    return {Conv2dMethod::direct, Conv2dMethod::winograd2x2};
  }
  return {Conv2dMethod::direct};
}

void test_forward() {
  for (const Case& each : kCases) {
    const Conv2dGeometry g = cnnx::conv2d_geometry(each.x, each.weight, each.options);
    const Arrays arrays(g);
    for (const bool with_bias : {true, false}) {
      const std::vector<float> expected = expected_output(g, arrays, with_bias);
      for (const Conv2dMethod method : exact_methods(g)) {
        GuardedArray output(arrays.grad_output.size(), 99.0f);
        cnnx::conv2d(g, arrays.x.data(), arrays.weight.data(),
                     with_bias ? arrays.bias.data() : nullptr, output.data(), method);
        CHECK(output.values() == expected);
      }
    }
  }
}

void test_backward_overwrites_or_accumulates() {
  for (const Case& each : kCases) {
    const Conv2dGeometry g = cnnx::conv2d_geometry(each.x, each.weight, each.options);
    const Arrays arrays(g);
    for (const bool accumulate : {false, true}) {
      const Gradients expected = expected_gradients(g, arrays, accumulate ? 100.0f : 0.0f);
      for (const Conv2dMethod method : exact_methods(g)) {
        GuardedArray input(arrays.x.size(), 100.0f), weight(arrays.weight.size(), 100.0f);
        GuardedArray bias(g.out_channels, 100.0f);
        cnnx::conv2d_backward(g, arrays.grad_output.data(), arrays.x.data(), arrays.weight.data(),
                              input.data(), weight.data(), bias.data(), accumulate, method);
        CHECK(input.values() == expected.input);
        CHECK(weight.values() == expected.weight);
        CHECK(bias.values() == expected.bias);
      }
    }
  }
}

void test_gradients_may_be_left_out() {
  const Case& each = kCases[1];
  const Conv2dGeometry g = cnnx::conv2d_geometry(each.x, each.weight, each.options);
  const Arrays arrays(g);
  const Gradients expected = expected_gradients(g, arrays, 0.0f);
  for (const Conv2dMethod method : exact_methods(g)) {
    GuardedArray input(arrays.x.size()), weight(arrays.weight.size()), bias(g.out_channels);
    const auto backward = [&](float* to_input, float* to_weight, float* to_bias) {
      cnnx::conv2d_backward(g, arrays.grad_output.data(), arrays.x.data(), arrays.weight.data(),
                            to_input, to_weight, to_bias, false, method);
    };
    backward(input.data(), nullptr, nullptr);
    CHECK(input.values() == expected.input);
    backward(nullptr, weight.data(), nullptr);
    CHECK(weight.values() == expected.weight);
    backward(nullptr, nullptr, bias.data());
    CHECK(bias.values() == expected.bias);
  }
}

void test_empty_batch() {
  const Conv2dGeometry g = cnnx::conv2d_geometry({0, 5, 5, 3}, {3, 3, 3, 4}, options(1, 1));
  CHECK_EQUAL(cnnx::to_string(g.output_shape()), "(0, 5, 5, 4)");
  const GuardedArray kernel(integers(3 * 3 * 3 * 4, 2)), offsets(integers(4, 3));
  for (const Conv2dMethod method : exact_methods(g)) {
    for (const bool accumulate : {false, true}) {
      GuardedArray weight(kernel.size(), 7.0f), bias(g.out_channels, 7.0f), nothing(0);
      cnnx::conv2d(g, nothing.data(), kernel.data(), offsets.data(), nothing.data(), method);
      cnnx::conv2d_backward(g, nothing.data(), nothing.data(), kernel.data(), nothing.data(),
                            weight.data(), bias.data(), accumulate, method);
      const float left = accumulate ? 7.0f : 0.0f;
      CHECK(weight.values() == std::vector<float>(static_cast<std::size_t>(weight.size()), left));
      CHECK(bias.values() == std::vector<float>(4, left));
    }
  }
}

void test_threads_do_not_matter() {
  for (const Case& each : kCases) {
    const Conv2dGeometry g = cnnx::conv2d_geometry(each.x, each.weight, each.options);
    const std::vector<float> x = fractions(cnnx::element_count(g.input_shape()), 1);
    const std::vector<float> weight = fractions(cnnx::element_count(g.weight_shape()), 2);
    const std::vector<float> grad = fractions(cnnx::element_count(g.output_shape()), 3);
    check_threads_do_not_matter(
        {grad, x, weight, std::vector<float>(weight.size())},
        [&](std::vector<std::vector<float>>& results) {
          cnnx::conv2d(g, x.data(), weight.data(), nullptr, results[0].data());
          cnnx::conv2d_backward(g, grad.data(), x.data(), weight.data(), results[1].data(),
                                results[2].data(), results[3].data());
        });
  }
}

void test_refusals() {
  CHECK_THROWS(std::invalid_argument,
               "conv2d: weight has shape (3, 3, 4, 8), expected in_channels/groups = 3 in axis 2",
               cnnx::conv2d_geometry({1, 8, 8, 3}, {3, 3, 4, 8}));
  CHECK_THROWS(std::invalid_argument, "conv2d: groups is 2, expected a divisor of in_channels = 3",
               cnnx::conv2d_geometry({1, 8, 8, 3}, {3, 3, 1, 8}, options(1, 0, 1, 2)));
  CHECK_THROWS(std::invalid_argument,
               "conv2d: weight has shape (3, 3, 1, 8), expected a multiple of groups = 3 in axis 3",
               cnnx::conv2d_geometry({1, 8, 8, 3}, {3, 3, 1, 8}, options(1, 0, 1, 3)));
  CHECK_THROWS(std::invalid_argument,
               "conv2d: x has shape (8, 8, 3), expected (batch, height, width, channels)",
               cnnx::conv2d_geometry({8, 8, 3}, {3, 3, 3, 8}));
  const Conv2dGeometry strided = cnnx::conv2d_geometry({0, 8, 8, 3}, {3, 3, 3, 8}, options(3, 1));
  CHECK_THROWS(
      std::invalid_argument,
      "conv2d: method is Winograd's, expected kernel size 3, 5 with tiles of 2x2 or 7 with tiles "
      "of 4x4, stride 1, the same dilation both ways and one group or groups of whole sixteens of "
      "channels with it, or stride 2, dilation 1, kernel size 3",
      cnnx::conv2d(strided, nullptr, nullptr, nullptr, nullptr, Conv2dMethod::winograd4x4));
  CHECK_THROWS(std::invalid_argument, "too many elements",
               cnnx::conv2d_geometry({1, 1, 1, 1}, {1, 1, 1, 1}, options(1, int64_t{1} << 24)));
  CHECK_THROWS(std::invalid_argument, "too many elements",
               cnnx::conv2d_geometry({int64_t{1} << 40, 1 << 10, 1 << 10, 1}, {1, 1, 1, 1}));
}

// The layer kind runs the same algorithm in its own scratch.
void test_layer() {
  const cnnx::Settings settings = {{"out_channels", int64_t{9}},
                                   {"kernel_size", std::vector<int64_t>{3, 3}},
                                   {"stride", std::vector<int64_t>{2, 1}},
                                   {"padding", std::vector<int64_t>{1, 0, 2, 1}},
                                   {"dilation", std::vector<int64_t>{1, 1}},
                                   {"groups", int64_t{1}},
                                   {"bias", true}};
  const std::unique_ptr<const cnnx::ops::Op> op = cnnx::ops::make_op({"conv2d", settings});
  const Shape input = {3, 9, 10, 5};
  CHECK_EQUAL(op->parameters(input)[0].fan_in, 45);
  CHECK_EQUAL(op->parameters(input)[1].fan_in, 0);
  const Conv2dGeometry g =
      cnnx::conv2d_geometry(input, op->parameters(input)[0].shape,
                            {{2, 1}, {cnnx::Padding::Rule::explicit_sides, 1, 0, 2, 1}, {1, 1}, 1});
  CHECK(op->output_shape(input) == g.output_shape());
  const Arrays arrays(g);
  const cnnx::test::LayerResults results = run_layer(*op->bind(input), arrays, true);
  CHECK(results.output == expected_output(g, arrays, true));
  const Gradients expected = expected_gradients(g, arrays, 0.0f);
  CHECK(results.grad_input == expected.input);
  CHECK(results.grad_weight == expected.weight);
  CHECK(results.grad_bias == expected.bias);
}

}  // namespace

int conv2d_test(int, char*[]) {
  test_forward();
  test_backward_overwrites_or_accumulates();
  test_gradients_may_be_left_out();
  test_empty_batch();
  test_threads_do_not_matter();
  test_refusals();
  test_layer();
  return cnnx::test::finish("conv2d_test");
}
