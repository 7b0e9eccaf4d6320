// The losses and softmax in addition to Python's parity tests: one pass, sums over rows,
// accumulation, threads, reads past the end, correct predictions, and checks of labels in C++.
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "check.h"
#include "cnnx/binary_cross_entropy.h"
#include "cnnx/cross_entropy.h"
#include "cnnx/regression_losses.h"
#include "cnnx/runtime.h"
#include "cnnx/softmax.h"
#include "guarded_array.h"
#include "ops/losses.h"
#include "ops/registry.h"

namespace {

using cnnx::ops::LossGradient;
using cnnx::ops::LossResult;
using cnnx::ops::RegressionLoss;
using cnnx::test::GuardedArray;
using cnnx::test::same_bits;
using Floats = std::vector<float>;
using Labels = std::vector<int64_t>;
using Error = std::invalid_argument;

Floats numbers(int64_t count, int64_t seed) {
  Floats values(static_cast<std::size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] =
        static_cast<float>((i * 7919 + seed * 104729) % 997) / 100.0f - 5.0f;
  }
  return values;
}

Floats targets_of(int64_t count) {
  Floats values = numbers(count, 9);
  for (float& value : values) value = (value + 5.0f) / 10.0f;
  return values;
}

Labels labels_of(int64_t rows, int64_t classes) {
  Labels labels(static_cast<std::size_t>(rows));
  for (int64_t row = 0; row < rows; ++row)
    labels[static_cast<std::size_t>(row)] = row * 5 % classes;
  return labels;
}

// One loss, of any kind, on `rows` rows that begin at row `first` of the data.
enum class Kind {
  cross_entropy,
  weighted,
  soft_labels,
  binary_cross_entropy,
  squared,
  absolute,
  huber
};
constexpr Kind kKinds[] = {
    Kind::cross_entropy, Kind::weighted, Kind::soft_labels, Kind::binary_cross_entropy,
    Kind::squared,       Kind::absolute, Kind::huber};

struct Data {
  Data(int64_t row_count, int64_t output_count)
      : rows(row_count),
        outputs(output_count),
        x(numbers(row_count * output_count, 1)),
        targets(targets_of(row_count * output_count)),
        weights(targets_of(output_count)),
        labels(labels_of(row_count, output_count)) {}

  LossResult run(Kind kind, int64_t first, int64_t count, const LossGradient& gradient,
                 float* row_losses, int threads, const float* row_weights = nullptr) const {
    Floats row_correct(static_cast<std::size_t>(count));
    const float *logits = x.data() + first * outputs, *target = targets.data() + first * outputs;
    const cnnx::ops::LossBatch batch = {logits,     count,   outputs,     gradient,
                                        row_losses, threads, row_weights, row_correct.data()};
    const auto regression = [&](RegressionLoss loss) {
      return cnnx::ops::regression_rows(batch, loss, target, 2.0f);
    };
    const float* weighted = kind == Kind::weighted ? weights.data() : nullptr;
    switch (kind) {
      case Kind::cross_entropy:
      case Kind::weighted:
        return cnnx::ops::cross_entropy_rows(batch, {labels.data() + first}, {0.1f, weighted});
      case Kind::soft_labels:
        return cnnx::ops::cross_entropy_rows(batch, {nullptr, target}, {0.1f});
      case Kind::binary_cross_entropy:
        return cnnx::ops::binary_cross_entropy_rows(batch, target);
      case Kind::squared:
        return regression(RegressionLoss::mean_squared_error);
      case Kind::absolute:
        return regression(RegressionLoss::mean_absolute_error);
      case Kind::huber:
        break;
    }
    return regression(RegressionLoss::huber);
  }

  int64_t rows, outputs;
  GuardedArray x, targets, weights;
  Labels labels;
};

void one_pass_adds_up() {
  for (const int64_t outputs : {1, 2, 3, 7, 8, 10, 15, 16, 17, 33, 100}) {
    const Data data(8, outputs);
    for (const Kind kind : kKinds) {
      GuardedArray whole(data.x.size(), 99.0f), parts(data.x.size(), 99.0f), row_losses(8);
      const LossResult all = data.run(kind, 0, 8, {whole.data(), 8.0, false}, row_losses.data(), 2);
      const LossResult five =
          data.run(kind, 0, 5, {parts.data(), 8.0, false}, row_losses.data(), 2);
      const LossResult three =
          data.run(kind, 5, 3, {parts.data() + 5 * outputs, 8.0, false}, row_losses.data(), 2);
      CHECK(same_bits(whole.values(), parts.values()));
      CHECK(std::abs(all.sum - (five.sum + three.sum)) <= 1e-12 * std::abs(all.sum));
      CHECK_EQUAL(all.correct, five.correct + three.correct);
      CHECK(std::abs(all.weight - (five.weight + three.weight)) <= 1e-12 * all.weight);

      const LossResult without_gradient = data.run(kind, 0, 8, {}, row_losses.data(), 1);
      CHECK_EQUAL(without_gradient.sum, all.sum);
      CHECK_EQUAL(without_gradient.correct, all.correct);

      GuardedArray added(data.x.size(), 0.25f);
      data.run(kind, 0, 8, {added.data(), 8.0, true}, row_losses.data(), 2);
      bool equal = true;
      for (int64_t i = 0; i < added.size(); ++i) equal = equal && added[i] == 0.25f + whole[i];
      CHECK(equal);
    }
  }
}

void threads_do_not_matter() {
  const Data data(5003, 13);
  for (const Kind kind : kKinds) {
    LossResult first;
    Floats first_gradient;
    for (const int threads : {1, 2, 3, 8}) {
      Floats gradient(static_cast<std::size_t>(data.x.size())), row_losses(5003);
      const LossResult result =
          data.run(kind, 0, 5003, {gradient.data(), 5003.0, false}, row_losses.data(), threads);
      if (threads == 1) {
        first = result;
        first_gradient = gradient;
      }
      CHECK_EQUAL(result.sum, first.sum);
      CHECK_EQUAL(result.correct, first.correct);
      CHECK(same_bits(gradient, first_gradient));
    }
  }
}

// Row weights of 1 change no bit. Weights multiply losses, gradients and correct predictions, and
// a power of two in all of them and in the divisor changes no bit of the gradient.
void row_weights() {
  const Data data(203, 13);
  const auto size = static_cast<std::size_t>(data.x.size());
  const double total = 203.0;
  Floats weights = targets_of(203), row_losses(203), tiny(203), huge(203);
  weights[5] = 0.0f;
  for (std::size_t i = 0; i < 203; ++i) {
    tiny[i] = weights[i] * 0x1p-100f;
    huge[i] = weights[i] * 0x1p+100f;
  }
  const Floats ones(203, 1.0f);
  for (const Kind kind : kKinds) {
    const auto run = [&](const Floats* row_weights, double divisor, int threads, Floats& gradient) {
      return data.run(kind, 0, 203, {gradient.data(), divisor, false}, row_losses.data(), threads,
                      row_weights ? row_weights->data() : nullptr);
    };
    Floats plain(size), weighted(size), other(size);
    const LossResult expected = run(nullptr, total, 2, plain);
    const LossResult equal = run(&ones, total, 2, weighted);
    CHECK(same_bits(plain, weighted));
    CHECK_EQUAL(equal.sum, expected.sum);
    CHECK_EQUAL(equal.weight, expected.weight);
    CHECK_EQUAL(equal.correct, expected.correct);
    CHECK_EQUAL(equal.row_weight, 203.0);

    const LossResult result = run(&weights, total, 1, weighted);
    double sum = 0;
    for (std::size_t row = 0; row < 203; ++row)
      sum += static_cast<double>(weights[row]) * static_cast<double>(row_losses[row]);
    CHECK(std::abs(result.sum - sum) <= 1e-12 * sum);
    for (std::size_t i = 0; i < size; ++i) {
      const double product = static_cast<double>(weights[i / 13]) * static_cast<double>(plain[i]);
      CHECK(std::abs(static_cast<double>(weighted[i]) - product) <= 1e-6 * std::abs(product));
    }
    for (const int threads : {2, 3, 8}) {
      const LossResult again = run(&weights, total, threads, other);
      CHECK(same_bits(weighted, other));
      CHECK_EQUAL(again.sum, result.sum);
      CHECK_EQUAL(again.correct, result.correct);
    }
    run(&tiny, total * 0x1p-100, 2, other);
    CHECK(same_bits(weighted, other));
    run(&huge, total * 0x1p+100, 2, other);
    CHECK(same_bits(weighted, other));
  }
}

void correct_predictions() {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto correct = [](const Floats& logits, int64_t label) {
    float loss = 0;
    const auto classes = static_cast<int64_t>(logits.size());
    return cnnx::ops::cross_entropy_rows({logits.data(), 1, classes, {}, &loss}, {&label}, {})
        .correct;
  };
  CHECK_EQUAL(correct({1, 3, 2}, 1), 1);
  CHECK_EQUAL(correct({1, 3, 2}, 2), 0);
  CHECK_EQUAL(correct({3, 3, 2}, 0), 1);  // the first maximum is the prediction
  CHECK_EQUAL(correct({3, 3, 2}, 1), 0);
  CHECK_EQUAL(correct({1, nan, 2}, 2), 0);
  const Floats logits = {-1, 2, 0.5f, 0}, targets = {0, 1, 0.5f, 1};
  float loss = 0;
  const LossResult binary =
      cnnx::ops::binary_cross_entropy_rows({logits.data(), 1, 4, {}, &loss}, targets.data());
  CHECK_EQUAL(binary.correct, 2);
}

void means_over_rows() {
  const Floats zeros(6, 0.0f);
  const Labels labels = {0, 1, 1};
  CHECK(std::abs(cnnx::cross_entropy(zeros.data(), labels.data(), 3, 2) - std::log(2.0)) < 1e-7);
  const Floats prediction = {1, 2, 3, 4}, target = {1, 0, 3, 0};
  CHECK_EQUAL(cnnx::mean_squared_error(prediction.data(), target.data(), 2, 2), 5.0);
  const Floats ones(4, 1.0f);
  CHECK(std::abs(cnnx::binary_cross_entropy(zeros.data(), ones.data(), 2, 2) - std::log(2.0)) <
        1e-7);
}

void softmax_guards_and_accumulate() {
  for (const int64_t classes : {1, 2, 7, 10, 16, 17, 100}) {
    const GuardedArray x(numbers(3 * classes, 1)), grad(numbers(3 * classes, 2));
    GuardedArray output(x.size(), 99.0f), overwritten(x.size(), 99.0f), added(x.size(), 0.25f);
    cnnx::softmax(x.data(), 3, classes, output.data());
    cnnx::softmax_backward(grad.data(), output.data(), 3, classes, overwritten.data());
    cnnx::softmax_backward(grad.data(), output.data(), 3, classes, added.data(), true);
    bool equal = true;
    for (int64_t i = 0; i < x.size(); ++i) equal = equal && added[i] == 0.25f + overwritten[i];
    CHECK(equal);

    const auto bound = cnnx::ops::make_op({"softmax"})->bind({3, classes});
    Floats again(output.values().size());
    const float* inputs[] = {x.data()};
    cnnx::ops::ForwardArguments forward;
    forward.inputs = inputs;
    forward.output = again.data();
    forward.threads = 2;
    bound->forward(forward);
    CHECK(same_bits(again, output.values()));
  }
  CHECK_THROWS(Error, "softmax: x has shape (3, 0), expected at least one class in the last axis",
               cnnx::ops::make_op({"softmax"})->bind({3, 0}));
}

void refusals() {
  const Floats x(12, 0.0f);
  Floats gradient(12), targets(12, 0.5f);
  Labels labels = {0, 1, 2, 10};
  CHECK_THROWS(Error, "cross_entropy: label 10 at row 3 is out of range, expected 0 to 2",
               cnnx::cross_entropy(x.data(), labels.data(), 4, 3));
  labels[3] = -1;
  CHECK_THROWS(Error, "cross_entropy: label -1 at row 3 is out of range, expected 0 to 2",
               cnnx::cross_entropy_backward(x.data(), labels.data(), 4, 3, 4.0, gradient.data()));
  labels[3] = 0;
  CHECK_THROWS(Error, "cross_entropy: label_smoothing is 1.5, expected a number from 0 to 1",
               cnnx::cross_entropy(x.data(), labels.data(), 4, 3, {1.5f}));
  CHECK_THROWS(Error, "cross_entropy: logits has shape (0, 3), expected at least one row",
               cnnx::cross_entropy(x.data(), labels.data(), 0, 3));
  CHECK_THROWS(Error, "cross_entropy: divisor is 0, expected a finite number > 0",
               cnnx::cross_entropy_backward(x.data(), labels.data(), 4, 3, 0.0, gradient.data()));
  targets[7] = -0.5f;
  CHECK_THROWS(Error, "binary_cross_entropy: target -0.5 at row 2 is out of range, expected 0 to 1",
               cnnx::binary_cross_entropy(x.data(), targets.data(), 4, 3));
  targets[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS(Error, "target nan at row 2",
               cnnx::binary_cross_entropy(x.data(), targets.data(), 4, 3));
  CHECK_THROWS(
      Error,
      "mean_squared_error: prediction has shape (4, 0), expected at least one row and one column",
      cnnx::mean_squared_error(x.data(), targets.data(), 4, 0));
}

}  // namespace

int losses_test(int, char*[]) {
  one_pass_adds_up();
  threads_do_not_matter();
  row_weights();
  correct_predictions();
  means_over_rows();
  softmax_guards_and_accumulate();
  refusals();
  return cnnx::test::finish("losses_test");
}
