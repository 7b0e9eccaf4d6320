// conv_transpose2d against its formula in double precision, on small integers and on arrays that
// end at unmapped pages: accumulated and omitted gradients.
#include "cnnx/conv_transpose2d.h"

#include <stdexcept>
#include <vector>

#include "check.h"
#include "cnnx/runtime.h"
#include "guarded_array.h"

namespace {

using cnnx::Conv2dGeometry;
using cnnx::ConvTranspose2dGeometry;
using cnnx::ConvTranspose2dOptions;
using cnnx::Shape;
using cnnx::test::GuardedArray;

struct Case {
  Shape x, weight;
  ConvTranspose2dOptions options;
};

ConvTranspose2dOptions options(int64_t stride, int64_t padding, int64_t output_padding = 0,
                               int64_t dilation = 1, int64_t groups = 1) {
  return {{stride, stride},
          {cnnx::Padding::Rule::explicit_sides, padding, padding, padding, padding},
          {output_padding, output_padding},
          {dilation, dilation},
          groups};
}

// One or more for each algorithm of a convolution.
const std::vector<Case> kCases = {
    {{1, 1, 1, 1}, {1, 1, 1, 1}, options(1, 0)},
    {{2, 5, 7, 6}, {3, 3, 5, 6}, options(2, 1, 1)},
    {{2, 5, 7, 20}, {4, 4, 12, 20}, options(2, 1)},
    {{1, 3, 4, 17}, {2, 2, 33, 17}, options(3, 0, 2)},
    {{1, 4, 5, 6}, {2, 3, 7, 6}, options(2, 1, 2, 3)},
    {{2, 6, 9, 16}, {5, 5, 3, 16}, options(1, 2)},
    {{2, 6, 9, 1}, {5, 5, 6, 1}, options(1, 2)},
    {{2, 7, 6, 12}, {3, 3, 5, 12}, options(1, 1, 0, 1, 3)},
    {{2, 5, 6, 20}, {4, 4, 1, 20}, options(2, 1, 0, 1, 20)},
    {{1, 5, 6, 9}, {2, 2, 1, 9}, options(3, 0, 1, 1, 9)},
    {{1, 5, 6, 19}, {3, 3, 2, 19}, options(2, 1, 0, 1, 19)},
    {{2, 5, 6, 20}, {3, 3, 4, 20}, options(2, 1, 1, 1, 5)},
    {{1, 3, 4, 10}, {2, 2, 2, 10}, options(3, 0, 0, 1, 5)},
};

std::vector<float> integers(int64_t count, int64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = static_cast<float>((i * 7 + seed * 5 + i / 11) % 9 - 4);
  }
  return values;
}

struct Arrays {
  explicit Arrays(const ConvTranspose2dGeometry& g)
      : x(integers(cnnx::element_count(g.input_shape()), 1)),
        weight(integers(cnnx::element_count(g.weight_shape()), 2)),
        bias(integers(g.output_shape()[3], 3)),
        grad_output(integers(cnnx::element_count(g.output_shape()), 4)) {}
  GuardedArray x, weight, bias, grad_output;
};

// Calls visit(input index, output index, weight index) for every product of the formula.
template <class Visit>
void for_each_product(const ConvTranspose2dGeometry& geometry, const Visit& visit) {
  const Shape x = geometry.input_shape(), out = geometry.output_shape();
  const Conv2dGeometry& g = geometry.convolution;
  const int64_t group_inputs = x[3] / g.groups, group_outputs = out[3] / g.groups;
  for (int64_t n = 0; n < x[0]; ++n)
    for (int64_t i = 0; i < x[1]; ++i)
      for (int64_t j = 0; j < x[2]; ++j)
        for (int64_t u = 0; u < g.kernel_size.height; ++u)
          for (int64_t v = 0; v < g.kernel_size.width; ++v) {
            const int64_t row = i * g.stride.height + u * g.dilation.height - g.top;
            const int64_t column = j * g.stride.width + v * g.dilation.width - g.left;
            if (row < 0 || row >= out[1] || column < 0 || column >= out[2]) continue;
            for (int64_t c = 0; c < x[3]; ++c)
              for (int64_t o = 0; o < group_outputs; ++o) {
                visit(((n * x[1] + i) * x[2] + j) * x[3] + c,
                      ((n * out[1] + row) * out[2] + column) * out[3] +
                          c / group_inputs * group_outputs + o,
                      ((u * g.kernel_size.width + v) * group_outputs + o) * x[3] + c);
              }
          }
}

void test_forward() {
  for (const Case& each : kCases) {
    const auto g = cnnx::conv_transpose2d_geometry(each.x, each.weight, each.options);
    const Arrays arrays(g);
    for (const bool with_bias : {true, false}) {
      std::vector<float> expected(static_cast<std::size_t>(arrays.grad_output.size()));
      for (std::size_t i = 0; with_bias && i < expected.size(); ++i)
        expected[i] = arrays.bias[static_cast<int64_t>(i) % arrays.bias.size()];
      for_each_product(g, [&](int64_t input, int64_t output, int64_t tap) {
        expected[static_cast<std::size_t>(output)] += arrays.x[input] * arrays.weight[tap];
      });
      GuardedArray output(arrays.grad_output.size(), 99.0f);
      cnnx::conv_transpose2d(g, arrays.x.data(), arrays.weight.data(),
                             with_bias ? arrays.bias.data() : nullptr, output.data());
      CHECK(output.values() == expected);
    }
  }
}

struct Gradients {
  std::vector<float> input, weight, bias;
};

// Initialised to `start`.
Gradients expected_gradients(const ConvTranspose2dGeometry& g, const Arrays& arrays, float start) {
  const auto begun = [&](const GuardedArray& like) {
    return std::vector<float>(static_cast<std::size_t>(like.size()), start);
  };
  Gradients gradients = {begun(arrays.x), begun(arrays.weight), begun(arrays.bias)};
  for_each_product(g, [&](int64_t input, int64_t output, int64_t tap) {
    gradients.input[static_cast<std::size_t>(input)] +=
        arrays.grad_output[output] * arrays.weight[tap];
    gradients.weight[static_cast<std::size_t>(tap)] += arrays.grad_output[output] * arrays.x[input];
  });
  for (int64_t i = 0; i < arrays.grad_output.size(); ++i)
    gradients.bias[static_cast<std::size_t>(i % arrays.bias.size())] += arrays.grad_output[i];
  return gradients;
}

void test_backward_overwrites_or_accumulates() {
  for (const Case& each : kCases) {
    const auto g = cnnx::conv_transpose2d_geometry(each.x, each.weight, each.options);
    const Arrays arrays(g);
    for (const bool accumulate : {false, true}) {
      const Gradients expected = expected_gradients(g, arrays, accumulate ? 100.0f : 0.0f);
      GuardedArray input(arrays.x.size(), 100.0f), weight(arrays.weight.size(), 100.0f);
      GuardedArray bias(arrays.bias.size(), 100.0f);
      cnnx::conv_transpose2d_backward(g, arrays.grad_output.data(), arrays.x.data(),
                                      arrays.weight.data(), input.data(), weight.data(),
                                      bias.data(), accumulate);
      CHECK(input.values() == expected.input);
      CHECK(weight.values() == expected.weight);
      CHECK(bias.values() == expected.bias);
    }
  }
}

void test_gradients_may_be_left_out() {
  const Case& each = kCases[1];
  const auto g = cnnx::conv_transpose2d_geometry(each.x, each.weight, each.options);
  const Arrays arrays(g);
  const Gradients expected = expected_gradients(g, arrays, 0.0f);
  GuardedArray input(arrays.x.size()), weight(arrays.weight.size()), bias(arrays.bias.size());
  const auto backward = [&](float* to_input, float* to_weight, float* to_bias) {
    cnnx::conv_transpose2d_backward(g, arrays.grad_output.data(), arrays.x.data(),
                                    arrays.weight.data(), to_input, to_weight, to_bias);
  };
  backward(input.data(), nullptr, nullptr);
  CHECK(input.values() == expected.input);
  backward(nullptr, weight.data(), nullptr);
  CHECK(weight.values() == expected.weight);
  backward(nullptr, nullptr, bias.data());
  CHECK(bias.values() == expected.bias);
}

void test_refusals() {
  CHECK_THROWS(std::invalid_argument,
               "conv_transpose2d: weight has shape (3, 3, 8, 4), expected in_channels = 3 in axis "
               "3",
               cnnx::conv_transpose2d_geometry({1, 8, 8, 3}, {3, 3, 8, 4}));
  CHECK_THROWS(std::invalid_argument,
               "conv_transpose2d: output_padding is (1, 1), expected less than the larger of "
               "stride and dilation, (1, 1)",
               cnnx::conv_transpose2d_geometry({1, 8, 8, 3}, {3, 3, 8, 3}, options(1, 0, 1)));
  CHECK_THROWS(std::invalid_argument, "too many elements",
               cnnx::conv_transpose2d_geometry({1, int64_t{1} << 40, 1, 1}, {1, 1, 1, 1},
                                               options(int64_t{1} << 24, 0)));
  CHECK_THROWS(
      std::invalid_argument, "too many elements",
      cnnx::conv_transpose2d_geometry({1, 1 << 20, 1 << 20, 1}, {1, 1, 1, 1}, options(1 << 10, 0)));
  // Although little of the output is left.
  CHECK_THROWS(std::invalid_argument, "too many elements",
               cnnx::conv_transpose2d_geometry(
                   {1, 3, 1 << 20, 1}, {1, 1, 1, 1},
                   {{int64_t{1} << 24, int64_t{1} << 16},
                    {cnnx::Padding::Rule::explicit_sides, int64_t{1} << 24, int64_t{1} << 24, 0, 0},
                    {0, 0},
                    {1, 1},
                    1}));
}

}  // namespace

int conv_transpose2d_test(int, char*[]) {
  for (const int threads : {1, 2}) {
    cnnx::set_num_threads(threads);
    test_forward();
    test_backward_overwrites_or_accumulates();
    test_gradients_may_be_left_out();
  }
  test_refusals();
  return cnnx::test::finish("conv_transpose2d_test");
}
