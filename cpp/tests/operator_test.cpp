// Operator against the functions of the public headers, bit by bit, on arrays that end at unmapped
// pages: one kind with parameters, with saved bytes, with buffers, with several inputs, and with
// none of these; gradients that add up, and refusals.
#include "cnnx/operator.h"

#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/activations.h"
#include "cnnx/batch_norm2d.h"
#include "cnnx/conv2d.h"
#include "cnnx/group_norm.h"
#include "cnnx/layers.h"
#include "guarded_array.h"

namespace {

using cnnx::element_count;
using cnnx::Layer;
using cnnx::Operator;
using cnnx::Shape;
using cnnx::test::GuardedArray;
using cnnx::test::same_bits;
using Floats = std::vector<float>;

// Numbers whose sums are rounded.
Floats values(const Shape& shape, int64_t seed) {
  Floats result(static_cast<std::size_t>(element_count(shape)));
  for (std::size_t i = 0; i < result.size(); ++i) {
    const int64_t step = (static_cast<int64_t>(i) * 7919 + seed * 104729) % 1009;
    result[i] = static_cast<float>(step - 504) / 300.0f;
  }
  return result;
}

struct Gradients {
  Floats x, weight, bias;
};

// The gradients of an op with a weight and a bias, from zero or accumulated.
Gradients gradients_of(const Operator& op, const GuardedArray& grad_output, const GuardedArray& x,
                       const GuardedArray& weight, float begin, bool accumulate) {
  GuardedArray grad_x(x.size(), begin), grad_weight(weight.size(), begin);
  GuardedArray grad_bias(element_count(op.parameters()[1].shape), begin);
  Operator::BackwardArrays arrays;
  arrays.grad_output = grad_output.data();
  arrays.inputs = {x.data()};
  arrays.parameters = {weight.data(), nullptr};
  arrays.grad_inputs = {grad_x.data()};
  arrays.grad_parameters = {grad_weight.data(), grad_bias.data()};
  arrays.accumulate = accumulate;
  op.backward(arrays);
  return {grad_x.values(), grad_weight.values(), grad_bias.values()};
}

void check_equal_gradients(const Gradients& actual, const Gradients& expected) {
  CHECK(same_bits(actual.x, expected.x));
  CHECK(same_bits(actual.weight, expected.weight));
  CHECK(same_bits(actual.bias, expected.bias));
}

void test_parameters() {
  const Shape x_shape = {2, 7, 9, 5}, weight_shape = {3, 3, 5, 6};
  const Operator op(cnnx::Conv2d(6, 3).stride(2).padding(1), {x_shape});
  const cnnx::Conv2dGeometry geometry =
      cnnx::conv2d_geometry(x_shape, weight_shape, {{2, 2}, {1}, {1, 1}, 1});
  CHECK(op.output_shape() == geometry.output_shape());
  CHECK_EQUAL(op.parameters().size(), std::size_t{2});
  CHECK_EQUAL(op.parameters()[0].name, "weight");
  CHECK(op.parameters()[0].shape == weight_shape);
  CHECK_EQUAL(op.parameters()[1].name, "bias");

  const GuardedArray x(values(x_shape, 1)), weight(values(weight_shape, 2)), bias(values({6}, 3));
  GuardedArray output(element_count(op.output_shape())), expected(output.size());
  op.forward({{x.data()}, {weight.data(), bias.data()}, {}, output.data()});
  cnnx::conv2d(geometry, x.data(), weight.data(), bias.data(), expected.data());
  CHECK(same_bits(output.values(), expected.values()));

  const GuardedArray grad_output(values(op.output_shape(), 4));
  for (const bool accumulate : {false, true}) {
    GuardedArray grad_x(x.size(), 0.5f), grad_weight(weight.size(), 0.5f), grad_bias(6, 0.5f);
    cnnx::conv2d_backward(geometry, grad_output.data(), x.data(), weight.data(), grad_x.data(),
                          grad_weight.data(), grad_bias.data(), accumulate);
    check_equal_gradients(gradients_of(op, grad_output, x, weight, 0.5f, accumulate),
                          {grad_x.values(), grad_weight.values(), grad_bias.values()});
  }
}

void test_saved_bytes_are_computed_again() {
  const Shape x_shape = {2, 5, 3, 8};
  const Operator op(cnnx::GroupNorm(4), {x_shape});
  const cnnx::GroupNormGeometry geometry = cnnx::group_norm_geometry(x_shape, 4, 1e-5f);
  const GuardedArray x(values(x_shape, 1)), weight(values({8}, 2));
  const GuardedArray grad_output(values(x_shape, 3));
  GuardedArray grad_x(x.size()), grad_weight(8), grad_bias(8);
  cnnx::group_norm_backward(geometry, grad_output.data(), x.data(), weight.data(), grad_x.data(),
                            grad_weight.data(), grad_bias.data());
  check_equal_gradients(gradients_of(op, grad_output, x, weight, 0.0f, false),
                        {grad_x.values(), grad_weight.values(), grad_bias.values()});
}

void test_buffers() {
  const Shape x_shape = {2, 4, 3, 5};
  const Operator op(cnnx::BatchNorm2d(), {x_shape});
  CHECK_EQUAL(op.buffers().size(), std::size_t{2});
  const GuardedArray x(values(x_shape, 1)), weight(values({5}, 2)), bias(values({5}, 3));
  const GuardedArray mean(values({5}, 4)), variance(5, 0.75f);
  GuardedArray output(x.size()), expected(x.size());
  op.forward(
      {{x.data()}, {weight.data(), bias.data()}, {mean.data(), variance.data()}, output.data()});
  cnnx::batch_norm2d({2 * 4 * 3, 5, 1e-5f}, x.data(), weight.data(), bias.data(), mean.data(),
                     variance.data(), expected.data());
  CHECK(same_bits(output.values(), expected.values()));

  // With constant statistics the gradient of the bias is a sum, and the gradient of each input is
  // linear in the weight.
  const GuardedArray grad_output(x.size(), 1.0f);
  GuardedArray grad_x(x.size()), grad_weight(5, 2.0f), grad_bias(5, 2.0f);
  Operator::BackwardArrays arrays;
  arrays.grad_output = grad_output.data();
  arrays.inputs = {x.data()};
  arrays.parameters = {weight.data(), nullptr};
  arrays.buffers = {mean.data(), variance.data()};
  arrays.grad_inputs = {grad_x.data()};
  arrays.grad_parameters = {grad_weight.data(), grad_bias.data()};
  arrays.accumulate = true;
  op.backward(arrays);
  for (int64_t c = 0; c < 5; ++c) CHECK_EQUAL(grad_bias[c], 2.0f + 2 * 4 * 3);
  for (int64_t i = 5; i < x.size(); ++i) CHECK_EQUAL(grad_x[i], grad_x[i - 5]);
}

void test_inputs() {
  const Shape shape = {3, 2, 2, 4};
  const Operator op(cnnx::Multiply(), {shape, shape});
  const GuardedArray a(values(shape, 1)), b(values(shape, 2)), grad_output(values(shape, 3));
  GuardedArray output(a.size()), grad_b(b.size());
  op.forward({{a.data(), b.data()}, {}, {}, output.data()});
  Operator::BackwardArrays arrays;
  arrays.grad_output = grad_output.data();
  arrays.inputs = {a.data(), b.data()};
  arrays.grad_inputs = {nullptr, grad_b.data()};
  op.backward(arrays);
  for (int64_t i = 0; i < a.size(); ++i) {
    CHECK_EQUAL(output[i], a[i] * b[i]);
    CHECK_EQUAL(grad_b[i], grad_output[i] * a[i]);
  }
}

// Flatten's output is its input, and in inference so is Dropout's.
void test_identities() {
  const Shape shape = {2, 3, 3, 2};
  for (const Layer& layer : {Layer(cnnx::Flatten()), Layer(cnnx::Dropout(0.5f))}) {
    const Operator op(layer, {shape});
    const GuardedArray x(values(shape, 1)), grad_output(values(shape, 2));
    GuardedArray output(x.size()), grad_x(x.size(), 1.0f);
    op.forward({{x.data()}, {}, {}, output.data()});
    CHECK(same_bits(output.values(), x.values()));
    Operator::BackwardArrays arrays;
    arrays.grad_output = grad_output.data();
    arrays.grad_inputs = {grad_x.data()};
    arrays.accumulate = true;
    op.backward(arrays);
    for (int64_t i = 0; i < x.size(); ++i) CHECK_EQUAL(grad_x[i], 1.0f + grad_output[i]);
  }
}

void test_an_output_that_backward_reads() {
  const Operator op(cnnx::Sigmoid(), {{7}});
  CHECK(!op.backward_reads_input());
  CHECK(op.backward_reads_output());
  const GuardedArray x(values({7}, 1)), grad_output(values({7}, 2));
  GuardedArray output(7), grad_x(7), expected(7);
  op.forward({{x.data()}, {}, {}, output.data()});
  Operator::BackwardArrays arrays;
  arrays.grad_output = grad_output.data();
  arrays.grad_inputs = {grad_x.data()};
  CHECK_THROWS(std::invalid_argument, "sigmoid: output is null, expected", op.backward(arrays));
  arrays.output = output.data();
  op.backward(arrays);
  cnnx::sigmoid_backward(grad_output.data(), output.data(), 7, expected.data());
  CHECK(same_bits(grad_x.values(), expected.values()));
}

void test_refusals() {
  const Layer conv2d = cnnx::Conv2d(8, 3);
  const Shape images = {1, 5, 5, 3};
  CHECK_THROWS(std::invalid_argument, "conv2d: x has shape (1, 5, 3), expected",
               Operator(conv2d, {{1, 5, 3}}));
  CHECK_THROWS(std::invalid_argument, "conv2d: has 2 inputs, expected one",
               Operator(conv2d, {images, images}));
  CHECK_THROWS(std::invalid_argument, "add: has 1 input, expected 2 to 64",
               Operator(cnnx::Add(), {images}));
  CHECK_THROWS(std::invalid_argument, "concat: its inputs have shapes",
               Operator(cnnx::Concat(), {{}, {}}));
  CHECK_THROWS(std::invalid_argument, "flatten: x has shape (), expected a batch axis",
               Operator(cnnx::Flatten(), {{}}));
  CHECK_THROWS(std::invalid_argument, "layer kind \"residual\" is unknown",
               Operator(cnnx::Residual({conv2d}), {images}));
  CHECK_THROWS(std::invalid_argument, "stride is (0, 0), expected two integers >= 1",
               Operator(cnnx::Conv2d(8, 3).stride(0), {images}));

  const Operator op(cnnx::Conv2d(8, 3).name("edges"), {images});
  CHECK_THROWS(std::invalid_argument, "edges: inputs holds 0 arrays, expected 1", op.forward({}));
  const GuardedArray x(75);
  CHECK_THROWS(std::invalid_argument, "edges: parameters holds 1 array, expected 2",
               op.forward({{x.data()}, {x.data()}, {}, nullptr}));
  Operator::BackwardArrays arrays;
  arrays.inputs = {x.data()};
  arrays.parameters = {nullptr, nullptr};
  arrays.grad_parameters = {nullptr};
  CHECK_THROWS(std::invalid_argument, "edges: grad_parameters holds 1 array, expected 2",
               op.backward(arrays));
}

void test_refusals_of_arrays_at_hand() {
  const Layer conv2d = cnnx::Conv2d(8, 3);
  const Shape images = {1, 5, 5, 3};
  CHECK_THROWS(std::invalid_argument,
               "conv2d: weight has shape (3, 3, 4, 8), expected in_channels/groups = 3 in axis 2",
               Operator(conv2d, {images}, {{3, 3, 4, 8}}));
  CHECK_THROWS(std::invalid_argument,
               "conv2d: weight has shape (5, 5, 3, 8), expected (3, 3, 3, 8)",
               Operator(conv2d, {images}, {{5, 5, 3, 8}}));
  CHECK_THROWS(std::invalid_argument, "conv2d: bias has shape (7,), expected (8,)",
               Operator(conv2d, {images}, {{3, 3, 3, 8}, {7}}));
  CHECK_THROWS(std::invalid_argument, "conv2d: parameter_shapes holds 3 arrays, expected 2",
               Operator(conv2d, {images}, {{3, 3, 3, 8}, {8}, {8}}));
  CHECK_THROWS(std::invalid_argument, "stride is (0, 0), expected 1 to",
               Operator(cnnx::Conv2d(8, 3).stride(0), {images}, {{3, 3, 3, 8}}));
  // Settings alone, without a weight to check them against.
  CHECK_THROWS(std::invalid_argument, "groups is 0, expected",
               Operator(cnnx::Conv2d(8, 3).groups(0), {images}, {}));
}

}  // namespace

int operator_test(int, char*[]) {
  test_parameters();
  test_saved_bytes_are_computed_again();
  test_buffers();
  test_inputs();
  test_identities();
  test_an_output_that_backward_reads();
  test_refusals();
  test_refusals_of_arrays_at_hand();
  return cnnx::test::finish("operator_test");
}
