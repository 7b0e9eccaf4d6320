// dense against its formula in double precision, on arrays that end at unmapped pages: sizes at the
// limits of vectors, tiles and depth blocks, accumulated gradients, and the layer kind.
#include "cnnx/dense.h"

#include <algorithm>
#include <array>
#include <memory>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "cnnx/runtime.h"
#include "guarded_array.h"
#include "ops/registry.h"
#include "weighted_layer.h"

namespace {

using cnnx::DenseGeometry;
using cnnx::test::check_threads_do_not_matter;
using cnnx::test::fractions;
using cnnx::test::GuardedArray;
using cnnx::test::integers;
using cnnx::test::run_layer;

// (batch, in_features, out_features); 256 and 1024 features put rows into few cache sets, 300 rows
// are split in two.
const std::vector<std::array<int64_t, 3>> kCases = {
    {1, 1, 1},  {1, 400, 120}, {3, 17, 33},   {4, 84, 10},   {7, 33, 17},   {13, 256, 31},
    {64, 1, 3}, {65, 120, 84}, {5, 1000, 70}, {14, 1024, 5}, {300, 513, 9}, {2, 9, 300},
};

DenseGeometry geometry(const std::array<int64_t, 3>& sizes) {
  return cnnx::dense_geometry({sizes[0], sizes[1]}, {sizes[1], sizes[2]});
}

struct Arrays {
  explicit Arrays(const DenseGeometry& g)
      : x(integers(g.batch * g.in_features, 1)),
        weight(integers(g.in_features * g.out_features, 2)),
        bias(integers(g.out_features, 3)),
        grad_output(integers(g.batch * g.out_features, 4)) {}
  GuardedArray x, weight, bias, grad_output;
};

std::vector<float> expected_output(const DenseGeometry& g, const Arrays& arrays, bool with_bias) {
  std::vector<float> output(static_cast<std::size_t>(g.batch * g.out_features));
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t o = 0; o < g.out_features; ++o) {
      double sum = with_bias ? arrays.bias[o] : 0.0;
      for (int64_t i = 0; i < g.in_features; ++i) {
        sum += double{arrays.x[n * g.in_features + i]} * arrays.weight[i * g.out_features + o];
      }
      output[static_cast<std::size_t>(n * g.out_features + o)] = static_cast<float>(sum);
    }
  }
  return output;
}

struct Gradients {
  std::vector<float> input, weight, bias;
};

// Initialised to `start`.
Gradients expected_gradients(const DenseGeometry& g, const Arrays& arrays, float start) {
  std::vector<double> input(static_cast<std::size_t>(arrays.x.size()), start);
  std::vector<double> weight(static_cast<std::size_t>(arrays.weight.size()), start);
  std::vector<double> bias(static_cast<std::size_t>(g.out_features), start);
  for (int64_t n = 0; n < g.batch; ++n) {
    for (int64_t o = 0; o < g.out_features; ++o) {
      const double grad = arrays.grad_output[n * g.out_features + o];
      bias[static_cast<std::size_t>(o)] += grad;
      for (int64_t i = 0; i < g.in_features; ++i) {
        const int64_t from = n * g.in_features + i, tap = i * g.out_features + o;
        input[static_cast<std::size_t>(from)] += grad * arrays.weight[tap];
        weight[static_cast<std::size_t>(tap)] += grad * arrays.x[from];
      }
    }
  }
  return {{input.begin(), input.end()}, {weight.begin(), weight.end()}, {bias.begin(), bias.end()}};
}

void test_forward() {
  for (const auto& sizes : kCases) {
    const DenseGeometry g = geometry(sizes);
    const Arrays arrays(g);
    for (const bool with_bias : {true, false}) {
      GuardedArray output(arrays.grad_output.size(), 99.0f);
      cnnx::dense(g, arrays.x.data(), arrays.weight.data(),
                  with_bias ? arrays.bias.data() : nullptr, output.data());
      CHECK(output.values() == expected_output(g, arrays, with_bias));
    }
  }
}

void test_backward_overwrites_or_accumulates() {
  for (const auto& sizes : kCases) {
    const DenseGeometry g = geometry(sizes);
    const Arrays arrays(g);
    for (const bool accumulate : {false, true}) {
      const Gradients expected = expected_gradients(g, arrays, accumulate ? 100.0f : 0.0f);
      GuardedArray input(arrays.x.size(), 100.0f), weight(arrays.weight.size(), 100.0f);
      GuardedArray bias(g.out_features, 100.0f);
      cnnx::dense_backward(g, arrays.grad_output.data(), arrays.x.data(), arrays.weight.data(),
                           input.data(), weight.data(), bias.data(), accumulate);
      CHECK(input.values() == expected.input);
      CHECK(weight.values() == expected.weight);
      CHECK(bias.values() == expected.bias);
    }
  }
}

void test_gradients_may_be_left_out() {
  const DenseGeometry g = geometry(kCases[2]);
  const Arrays arrays(g);
  const Gradients expected = expected_gradients(g, arrays, 0.0f);
  GuardedArray input(arrays.x.size()), weight(arrays.weight.size()), bias(g.out_features);
  const auto backward = [&](float* to_input, float* to_weight, float* to_bias) {
    cnnx::dense_backward(g, arrays.grad_output.data(), arrays.x.data(), arrays.weight.data(),
                         to_input, to_weight, to_bias);
  };
  backward(input.data(), nullptr, nullptr);
  CHECK(input.values() == expected.input);
  backward(nullptr, weight.data(), nullptr);
  CHECK(weight.values() == expected.weight);
  backward(nullptr, nullptr, bias.data());
  CHECK(bias.values() == expected.bias);
}

void test_empty_batch() {
  const DenseGeometry g = cnnx::dense_geometry({0, 5}, {5, 3});
  GuardedArray nothing(0), weight(15, 1.0f), bias(3, 1.0f);
  cnnx::dense(g, nothing.data(), weight.data(), bias.data(), nothing.data());
  for (const bool accumulate : {false, true}) {
    GuardedArray grad_weight(15, 7.0f), grad_bias(3, 7.0f);
    cnnx::dense_backward(g, nothing.data(), nothing.data(), weight.data(), nothing.data(),
                         grad_weight.data(), grad_bias.data(), accumulate);
    CHECK(grad_weight.values() == std::vector<float>(15, accumulate ? 7.0f : 0.0f));
    CHECK(grad_bias.values() == std::vector<float>(3, accumulate ? 7.0f : 0.0f));
  }
}

void test_neither_threads_nor_the_batch_matter() {
  for (const auto& sizes : kCases) {
    const DenseGeometry g = geometry(sizes), one = geometry({1, sizes[1], sizes[2]});
    const std::vector<float> x = fractions(g.batch * g.in_features, 1);
    const std::vector<float> weight = fractions(g.in_features * g.out_features, 2);
    const std::vector<float> grad = fractions(g.batch * g.out_features, 3);
    const std::vector<std::vector<float>> first = check_threads_do_not_matter(
        {grad, x, weight, std::vector<float>(weight.size())},
        [&](std::vector<std::vector<float>>& results) {
          cnnx::dense(g, x.data(), weight.data(), nullptr, results[0].data());
          cnnx::dense_backward(g, grad.data(), x.data(), weight.data(), results[1].data(),
                               results[2].data(), results[3].data());
        });
    std::vector<float> row(static_cast<std::size_t>(g.out_features));
    cnnx::dense(one, x.data() + (g.batch - 1) * g.in_features, weight.data(), nullptr, row.data());
    CHECK(cnnx::test::same_bits(row, {first[0].end() - g.out_features, first[0].end()}));
  }
}

void test_refusals() {
  CHECK_THROWS(std::invalid_argument,
               "dense: weight has shape (4, 2), expected in_features = 3 in axis 0",
               cnnx::dense_geometry({1, 3}, {4, 2}));
  CHECK_THROWS(std::invalid_argument, "dense: x has shape (3,), expected (batch, in_features)",
               cnnx::dense_geometry({3}, {3, 2}));
  CHECK_THROWS(std::invalid_argument, "dense: ", cnnx::dense_geometry({1, 3}, {3, 0}));
}

// The layer kind runs the same code in its own scratch.
void test_layer() {
  const auto op = cnnx::ops::make_op({"dense", {{"out_features", int64_t{84}}, {"bias", true}}});
  const cnnx::Shape input = {9, 120};
  CHECK_EQUAL(op->parameters(input)[0].fan_in, 120);
  CHECK_EQUAL(op->parameters(input)[1].fan_in, 0);
  const DenseGeometry g = cnnx::dense_geometry(input, op->parameters(input)[0].shape);
  CHECK(op->output_shape(input) == g.output_shape());
  const Arrays arrays(g);
  const cnnx::test::LayerResults results = run_layer(*op->bind(input), arrays, false);
  CHECK(results.output == expected_output(g, arrays, true));
  const Gradients expected = expected_gradients(g, arrays, 0.0f);
  CHECK(results.grad_weight == expected.weight);
  CHECK(results.grad_bias == expected.bias);
}

}  // namespace

int dense_test(int, char*[]) {
  test_forward();
  test_backward_overwrites_or_accumulates();
  test_gradients_may_be_left_out();
  test_empty_batch();
  test_neither_threads_nor_the_batch_matter();
  test_refusals();
  test_layer();
  return cnnx::test::finish("dense_test");
}
