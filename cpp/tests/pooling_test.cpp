// Max and average pooling in addition to Python's parity tests: accumulation, threads, reads past
// the end, and the layer kinds.
#include <stdexcept>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/avg_pool2d.h"
#include "cnnx/max_pool2d.h"
#include "cnnx/runtime.h"
#include "guarded_array.h"
#include "ops/gradient_kernels.h"
#include "ops/registry.h"

namespace {

using cnnx::element_count;
using cnnx::Padding;
using cnnx::Pair;
using cnnx::Shape;
using cnnx::test::GuardedArray;
using cnnx::test::same_bits;
using Floats = std::vector<float>;

// Small integers: sums are exact in any order; many ties.
Floats integers(int64_t count, int64_t seed) {
  Floats values(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = static_cast<float>((i * 7919 + seed * 104729) % 23 - 11);
  }
  return values;
}

struct Case {
  Shape x;
  Pair kernel_size, stride;
  Padding padding;
  Pair dilation = 1;
  bool ceil_mode = false;
};

Padding sides(int64_t top, int64_t bottom, int64_t left, int64_t right) {
  return {Padding::Rule::explicit_sides, top, bottom, left, right};
}

Padding same() {
  Padding padding;
  padding.rule = Padding::Rule::same;
  return padding;
}

std::vector<Case> windows_of(const Shape& x) {
  return {
      {x, {2, 2}, {2, 2}, {}},
      {x, {3, 3}, {2, 2}, sides(1, 1, 1, 1)},
      {x, {3, 3}, {1, 1}, same()},
      {x, {2, 3}, {3, 1}, sides(0, 1, 2, 0)},
      {x, {4, 2}, {4, 2}, sides(3, 0, 1, 1)},
      {x, {2, 2}, {2, 2}, {}, 1, true},
      {x, {2, 2}, {3, 4}, sides(1, 0, 1, 1), 1, true},
      {x, {2, 3}, {1, 2}, sides(1, 2, 0, 1), {3, 2}, true},
  };
}

// max_pool2d and avg_pool2d behind one interface.
struct MaxPooling {
  explicit MaxPooling(const Case& c)
      : geometry(cnnx::max_pool2d_geometry(c.x, c.kernel_size, c.stride, c.padding, c.dilation,
                                           c.ceil_mode)) {}
  void forward(const float* x, float* output) const { cnnx::max_pool2d(geometry, x, output); }
  void backward(const float* grad, const float* x, float* grad_input, bool accumulate) const {
    cnnx::max_pool2d_backward(geometry, grad, x, grad_input, accumulate);
  }
  cnnx::Pool2dGeometry geometry;
};

struct AvgPooling {
  explicit AvgPooling(const Case& c)
      : geometry(cnnx::avg_pool2d_geometry(c.x, c.kernel_size, c.stride, c.padding, true,
                                           c.dilation, c.ceil_mode)) {}
  void forward(const float* x, float* output) const { cnnx::avg_pool2d(geometry, x, output); }
  void backward(const float* grad, const float*, float* grad_input, bool accumulate) const {
    cnnx::avg_pool2d_backward(geometry, grad, grad_input, accumulate);
  }
  cnnx::AvgPool2dGeometry geometry;
};

// Every array ends at an unmapped page; grad_input begins as garbage that must be overwritten.
template <class Pooling>
void check_backward_overwrites_or_adds(const Case& c, float grad_scale) {
  const Pooling pooling(c);
  const GuardedArray x(integers(element_count(c.x), 1));
  GuardedArray output(element_count(pooling.geometry.output_shape()), 99.0f);
  pooling.forward(x.data(), output.data());
  // Scaled so that the quotients of an average are integers too.
  Floats gradient = integers(output.size(), 2);
  for (float& value : gradient) value *= grad_scale;
  const GuardedArray grad_output(gradient);
  GuardedArray overwritten(x.size(), 99.0f), added(x.size(), 5.0f);
  pooling.backward(grad_output.data(), x.data(), overwritten.data(), false);
  pooling.backward(grad_output.data(), x.data(), added.data(), true);
  bool all = true;
  for (int64_t i = 0; i < x.size(); ++i) all = all && added[i] == 5.0f + overwritten[i];
  CHECK(all);
}

template <class Pooling>
void check_threads_do_not_matter(const Case& c) {
  const Pooling pooling(c);
  // Not integers: the order of additions changes bits.
  Floats x = integers(element_count(c.x), 3), gradient;
  for (float& value : x) value /= 7.0f;
  gradient = integers(element_count(pooling.geometry.output_shape()), 4);
  for (float& value : gradient) value /= 7.0f;
  Floats first_output, first_gradient;
  for (const int threads : {1, 2, 3, 8}) {
    cnnx::set_num_threads(threads);
    Floats output(gradient.size(), 99.0f), grad_input(x.size(), 99.0f);
    pooling.forward(x.data(), output.data());
    pooling.backward(gradient.data(), x.data(), grad_input.data(), false);
    if (threads == 1) {
      first_output = output;
      first_gradient = grad_input;
    }
    CHECK(same_bits(output, first_output));
    CHECK(same_bits(grad_input, first_gradient));
  }
  cnnx::set_num_threads(2);
}

void accumulate_and_guards() {
  for (const int64_t channels : {1, 3, 4, 7, 8, 9, 15, 16, 17, 33}) {
    for (const Case& c : windows_of({2, 7, 9, channels})) {
      check_backward_overwrites_or_adds<MaxPooling>(c, 1.0f);
      // 2520 is a multiple of every window size up to 9, real pixels included.
      check_backward_overwrites_or_adds<AvgPooling>(c, 2520.0f);
    }
  }
}

void threads() {
  for (const Shape& x : {Shape{7, 33, 31, 20}, Shape{1, 130, 61, 33}}) {
    for (const Case& c : windows_of(x)) {
      check_threads_do_not_matter<MaxPooling>(c);
      check_threads_do_not_matter<AvgPooling>(c);
    }
  }
}

// As a graph runs them: the same bits as the function, and no gradient where none is requested.
void layer_kind(const std::string& kind) {
  cnnx::Settings settings = {{"kernel_size", std::vector<int64_t>{3, 2}},
                             {"stride", std::vector<int64_t>{2, 2}},
                             {"padding", std::string("same")}};
  if (kind == "avg_pool2d") settings["count_include_pad"] = true;
  const auto op = cnnx::ops::make_op({kind, settings});
  const Case c = {{2, 7, 9, 5}, {3, 2}, {2, 2}, same()};
  CHECK(op->output_shape(c.x) == (Shape{2, 4, 5, 5}));
  const auto bound = op->bind(c.x);
  const Floats x = integers(element_count(c.x), 5);
  Floats gradient = integers(2 * 4 * 5 * 5, 6);
  Floats output(gradient.size()), grad_input(x.size()), want_output(output),
      want_gradient(x.size());
  const float* inputs[] = {x.data()};
  cnnx::ops::ForwardArguments forward;
  forward.inputs = inputs;
  forward.output = output.data();
  forward.threads = 2;
  bound->forward(forward);
  cnnx::ops::InputGradient input_gradient = {grad_input.data()};
  cnnx::ops::BackwardArguments backward;
  backward.inputs = inputs;
  backward.output = output.data();
  backward.grad_output = gradient.data();
  backward.grad_inputs = &input_gradient;
  backward.threads = 2;
  backward.kernels = &cnnx::ops::gradient_kernels();
  bound->backward(backward);
  if (kind == "max_pool2d") {
    MaxPooling(c).forward(x.data(), want_output.data());
    MaxPooling(c).backward(gradient.data(), x.data(), want_gradient.data(), false);
  } else {
    AvgPooling(c).forward(x.data(), want_output.data());
    AvgPooling(c).backward(gradient.data(), x.data(), want_gradient.data(), false);
  }
  CHECK(same_bits(output, want_output));
  CHECK(same_bits(grad_input, want_gradient));
  input_gradient.values = nullptr;
  bound->backward(backward);

  settings["stride"] = std::vector<int64_t>{0, 1};
  CHECK_THROWS(std::invalid_argument, kind + ": stride is (0, 1), expected",
               cnnx::ops::make_op({kind, settings}));
  settings.erase("stride");
  CHECK_THROWS(std::invalid_argument, kind + ": stride is missing",
               cnnx::ops::make_op({kind, settings}));
}

cnnx::Settings max_pool2d_settings(const Case& c) {
  const auto pair = [](Pair p) { return std::vector<int64_t>{p.height, p.width}; };
  cnnx::Settings settings = {{"kernel_size", pair(c.kernel_size)},
                             {"stride", pair(c.stride)},
                             {"dilation", pair(c.dilation)},
                             {"ceil_mode", c.ceil_mode}};
  if (c.padding.rule == Padding::Rule::same) {
    settings["padding"] = std::string("same");
  } else {
    settings["padding"] =
        std::vector<int64_t>{c.padding.top, c.padding.bottom, c.padding.left, c.padding.right};
  }
  return settings;
}

// In training forward saves the places of the maxima, and backward does not read the image. A byte
// cannot count the pixels of the largest windows.
void saved_argmax() {
  std::vector<Case> cases = {{{2, 40, 39, 5}, {16, 16}, {3, 4}, sides(15, 0, 2, 15)},
                             {{1, 40, 39, 3}, {16, 17}, {3, 4}, sides(0, 0, 0, 0)},
                             {{1, 9, 12, 17}, {3, 3}, {1, 1}, sides(2, 0, 1, 1), 2}};
  for (const int64_t channels : {1, 3, 8, 16, 20}) {
    for (const Case& c : windows_of({2, 7, 9, channels})) cases.push_back(c);
  }
  for (const Case& c : cases) {
    cnnx::ops::Fusion training;
    training.training = true;
    const auto bound =
        cnnx::ops::make_op({"max_pool2d", max_pool2d_settings(c)})->bind_fused(c.x, training);
    const bool counted = c.kernel_size.height * c.kernel_size.width <= 256;
    CHECK(bound->traits().backward_reads_input == !counted);
    const MaxPooling pooling(c);
    Floats x = integers(element_count(c.x), 7);
    const Floats gradient = integers(element_count(pooling.geometry.output_shape()), 8);
    Floats output(gradient.size()), want_output(output), grad_input(x.size()), want_gradient(x);
    pooling.forward(x.data(), want_output.data());
    pooling.backward(gradient.data(), x.data(), want_gradient.data(), false);
    const float* inputs[] = {x.data()};
    Floats saved(static_cast<std::size_t>(bound->saved_bytes() / 4));
    cnnx::ops::ForwardArguments forward;
    forward.inputs = inputs;
    forward.output = output.data();
    forward.saved = reinterpret_cast<uint8_t*>(saved.data());
    bound->forward(forward);
    CHECK(same_bits(output, want_output));
    if (counted) x.assign(x.size(), 99.0f);
    const cnnx::ops::InputGradient input_gradient = {grad_input.data()};
    cnnx::ops::BackwardArguments backward;
    backward.inputs = inputs;
    backward.saved = forward.saved;
    backward.grad_output = const_cast<float*>(gradient.data());
    backward.grad_inputs = &input_gradient;
    backward.kernels = &cnnx::ops::gradient_kernels();
    bound->backward(backward);
    CHECK(same_bits(grad_input, want_gradient));
  }
}

void refusals() {
  using Error = std::invalid_argument;
  const auto geometry = [](const Shape& x, Pair kernel_size, Pair stride, const Padding& padding) {
    return cnnx::max_pool2d_geometry(x, kernel_size, stride, padding);
  };
  CHECK_THROWS(Error, "max_pool2d: x has shape (4, 4), expected (batch, height, width, channels)",
               geometry({4, 4}, {2, 2}, {2, 2}, {}));
  CHECK_THROWS(Error, "x has shape (1, 0, 4, 3), expected at least one row, column and channel",
               geometry({1, 0, 4, 3}, {2, 2}, {2, 2}, {}));
  CHECK_THROWS(Error, "kernel_size is (0, 2), expected 1 to",
               geometry({1, 4, 4, 3}, {0, 2}, {2, 2}, {}));
  CHECK_THROWS(Error, "stride is (2, -1), expected 1 to",
               geometry({1, 4, 4, 3}, {2, 2}, {2, -1}, {}));
  CHECK_THROWS(Error,
               "padding at the right is 2, expected 0 or more and less than the window's width, 2",
               geometry({1, 4, 4, 3}, {2, 2}, {2, 2}, sides(0, 0, 0, 2)));
  CHECK_THROWS(Error, "padding at the top is -1",
               geometry({1, 4, 4, 3}, {2, 2}, {2, 2}, sides(-1, 0, 0, 0)));
  CHECK_THROWS(Error, "kernel_size is (5, 2), expected at most the input's (4, 4) with its padding",
               geometry({1, 4, 4, 3}, {5, 2}, {2, 2}, {}));
  CHECK_THROWS(Error, "avg_pool2d: kernel_size is (5, 5)",
               cnnx::avg_pool2d_geometry({1, 4, 4, 3}, {5, 5}, {1, 1}, {}));
  CHECK(geometry({0, 4, 4, 3}, {2, 2}, {2, 2}, {}).output_shape() == (Shape{0, 2, 2, 3}));
}

}  // namespace

int pooling_test(int, char*[]) {
  accumulate_and_guards();
  threads();
  layer_kind("max_pool2d");
  layer_kind("avg_pool2d");
  saved_argmax();
  refusals();
  return cnnx::test::finish("pooling_test");
}
