// Adds the terms of a loss, and converts sums to means.
#include "training/loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "runtime/check_settings.h"
#include "runtime/parallel.h"

namespace cnnx::training {

LossFunction::LossFunction(const Loss& loss, const Shape& output_shape)
    : floats_(element_count(output_shape)) {
  if (loss.kind != Loss::Kind::sum) {
    terms_.push_back({LossTerm(loss, output_shape), 1.0});
    return;
  }
  if (loss.terms.empty()) throw std::invalid_argument("sum: terms is empty, expected losses");
  for (const Loss& each : loss.terms) {
    if (each.kind == Loss::Kind::sum)
      throw std::invalid_argument("sum: a term is a sum itself, expected the terms of that one");
    if (!(each.weight > 0 && std::isfinite(each.weight))) {
      throw std::invalid_argument("sum: a weight is " + runtime::in_words(each.weight) +
                                  ", expected a finite number > 0");
    }
    terms_.push_back({LossTerm(each, output_shape), each.weight});
  }
  const LossTerm& first = terms_.front().loss;
  for (const Term& term : terms_) {
    if (term.loss.is_custom())
      throw std::invalid_argument("sum: a term is custom, expected a custom loss alone");
    if (term.loss.takes_classes() != first.takes_classes()) {
      throw std::invalid_argument("sum: " + first.name() + " and " + term.loss.name() +
                                  " take different targets, classes and values, expected losses "
                                  "of the same targets");
    }
    if (term.loss.ignore_index() != first.ignore_index()) {
      throw std::invalid_argument("sum: " + first.name() + " and " + term.loss.name() +
                                  " ignore different labels, expected one ignore_index");
    }
  }
  const auto main = std::find_if(terms_.begin(), terms_.end(),
                                 [](const Term& term) { return term.loss.takes_logits(); });
  if (main != terms_.end()) main_term_ = static_cast<std::size_t>(main - terms_.begin());
}

bool LossFunction::weighs_targets() const {
  return std::any_of(terms_.begin(), terms_.end(),
                     [](const Term& term) { return term.loss.weighs_targets(); });
}

void LossFunction::check_blends() const {
  for (const Term& term : terms_) {
    if (term.loss.takes_blends()) continue;
    throw std::invalid_argument("augmentation: mixup blends targets, which " + term.loss.name() +
                                (term.loss.ignore_index() ? " with ignore_index" : "") +
                                " does not take, expected mixup 0");
  }
}

void LossFunction::check(const Targets& targets, int64_t images) const {
  for (const Term& term : terms_) term.loss.check(targets, images);
}

LossDivisor LossFunction::divisor(const Targets& targets, int64_t images) const {
  const auto or_one = [](double weight) { return weight > 0 ? weight : 1; };
  if (terms_.size() == 1) return {or_one(terms_.front().loss.weight(targets, images)), {}};
  LossDivisor divisor{or_one(ops::total_row_weight({}, images, targets.weights)), {}};
  for (const Term& term : terms_)
    divisor.terms.push_back(or_one(term.loss.weight(targets, images)) / divisor.total);
  return divisor;
}

LossSum LossFunction::sum(const float* outputs, const Targets& targets, int64_t images,
                          const LossDivisor& divisor, int threads, float* grad_outputs) {
  if (terms_.size() > 1)
    return sum_of_terms(outputs, targets, images, divisor, threads, grad_outputs);
  return terms_.front().loss.sum(outputs, targets, images, divisor.total, threads, grad_outputs);
}

LossSum LossFunction::sum_of_terms(const float* outputs, const Targets& targets, int64_t images,
                                   const LossDivisor& divisor, int threads, float* grad_outputs) {
  constexpr int64_t kGrainFloats = 16 * 1024;
  const int64_t floats = images * floats_;
  if (grad_outputs && term_gradient_.size() < floats)
    term_gradient_ = runtime::AlignedBuffer(floats);
  LossSum total;
  for (std::size_t k = 0; k < terms_.size(); ++k) {
    float* const gradient = grad_outputs && k > 0 ? term_gradient_.data() : grad_outputs;
    const double factor = terms_[k].weight / divisor.terms[k];
    const LossSum one =
        terms_[k].loss.sum(outputs, targets, images, divisor.total / factor, threads, gradient);
    total.sum += factor * one.sum;
    if (k == main_term_) {
      total.correct = one.correct;
      total.row_weight = one.row_weight;
    }
    if (gradient == grad_outputs) continue;
    runtime::parallel_for(threads, floats, kGrainFloats, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) grad_outputs[i] += gradient[i];
    });
  }
  total.weight = ops::total_row_weight({}, images, targets.weights);
  return total;
}

Metrics LossFunction::metrics(const LossSum& total) const {
  const double mean = total.weight > 0 ? total.sum / total.weight : 0;
  const bool counts = main_term().counts_correct();
  return {mean, counts ? main_term().accuracy(total) : std::numeric_limits<double>::quiet_NaN(),
          total.weight, total.row_weight};
}

std::vector<LossSum> LossFunction::sums(const float* outputs, const Targets& targets,
                                        int64_t images, int threads) {
  std::vector<LossSum> each;
  for (Term& term : terms_)
    each.push_back(term.loss.sum(outputs, targets, images, 1.0, threads, nullptr));
  return each;
}

Metrics LossFunction::metrics(const std::vector<LossSum>& totals) const {
  Metrics all = metrics(totals[main_term_]);
  if (terms_.size() == 1) return all;
  all.loss = 0;
  for (std::size_t k = 0; k < terms_.size(); ++k)
    if (totals[k].weight > 0) all.loss += terms_[k].weight * totals[k].sum / totals[k].weight;
  return all;
}

void LossFunction::release() {
  for (Term& term : terms_) term.loss.release();
  term_gradient_ = runtime::AlignedBuffer();
}

}  // namespace cnnx::training
