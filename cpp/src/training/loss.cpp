// Adds the terms of a loss, and converts sums to means.
#include "training/loss.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "runtime/check_settings.h"
#include "runtime/parallel.h"

namespace cnnx::training {

namespace {

// Adds the name of a head to an error about it.
template <class Call>
auto of_head(const std::string& name, const Call& call) {
  try {
    return call();
  } catch (const std::invalid_argument& error) {
    throw std::invalid_argument("head \"" + name + "\": " + error.what());
  }
}

Metrics metrics_of(const LossTerm& term, const LossSum& total) {
  Metrics metrics;
  metrics.loss = total.weight > 0 ? total.sum / total.weight : 0;
  metrics.accuracy =
      term.counts_correct() ? term.accuracy(total) : std::numeric_limits<double>::quiet_NaN();
  metrics.weight = total.weight;
  metrics.row_weight = total.row_weight;
  return metrics;
}

}  // namespace

LossFunction::LossFunction(const Loss& loss, const Shape& output_shape,
                           const std::vector<Head>& heads)
    : floats_(element_count(output_shape)) {
  if (heads.empty() != (loss.kind != Loss::Kind::heads)) {
    throw std::invalid_argument(
        heads.empty() ? "trainer: the loss is one for each head, but the model has one output, "
                        "expected a single loss"
                      : "trainer: the model has " + std::to_string(heads.size()) +
                            " outputs, expected a loss for each");
  }
  check_members(loss, /*is_term=*/false);
  if (loss.kind == Loss::Kind::heads) {
    take_heads(loss, heads);
  } else if (loss.kind == Loss::Kind::sum) {
    take_sum(loss, output_shape);
  } else {
    terms_.push_back({LossTerm(loss, output_shape), 1.0, {}, {}, {}});
  }
  const auto main = std::find_if(terms_.begin(), terms_.end(),
                                 [](const Term& term) { return term.loss.takes_logits(); });
  if (main != terms_.end()) main_term_ = static_cast<std::size_t>(main - terms_.begin());
}

double LossFunction::checked_weight(const Loss& term) {
  if (term.weight > 0 && std::isfinite(term.weight)) return term.weight;
  throw std::invalid_argument("sum: a weight is " + runtime::in_words(term.weight) +
                              ", expected a finite number > 0");
}

void LossFunction::take_sum(const Loss& loss, const Shape& output_shape) {
  if (loss.terms.empty()) throw std::invalid_argument("sum: terms is empty, expected losses");
  for (const Loss& each : loss.terms) {
    if (each.kind == Loss::Kind::sum || each.kind == Loss::Kind::heads)
      throw std::invalid_argument("sum: a term is a sum itself, expected the terms of that one");
    check_members(each, /*is_term=*/true);
    terms_.push_back({LossTerm(each, output_shape), checked_weight(each), {}, {}, {}});
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
}

void LossFunction::take_heads(const Loss& loss, const std::vector<Head>& heads) {
  if (loss.terms.size() != heads.size()) {
    throw std::invalid_argument("trainer: there are " + std::to_string(loss.terms.size()) +
                                " losses, expected one for each of the " +
                                std::to_string(heads.size()) + " outputs");
  }
  has_heads_ = true;
  int64_t targets = 0;
  for (std::size_t k = 0; k < heads.size(); ++k) {
    const Loss& each = loss.terms[k];
    const Head& head = heads[k];
    of_head(head.name, [&] {
      if (each.kind == Loss::Kind::sum || each.kind == Loss::Kind::heads) {
        throw std::invalid_argument("its loss is a sum, expected a single one");
      }
      check_members(each, /*is_term=*/true);
      LossTerm term(each, head.shape);
      const bool takes_labels = term.takes_classes();
      const int64_t size = takes_labels ? term.labels_per_image() : term.values_per_image();
      terms_.push_back({std::move(term),
                        checked_weight(each),
                        HeadPart(head.name, {head.offset, element_count(head.shape)},
                                 {targets, size}, takes_labels),
                        {},
                        {}});
      targets += size;
    });
  }
  for (Term& term : terms_) term.part.set_widths(floats_, targets);
}

std::vector<const LossTerm*> LossFunction::head_terms() const {
  std::vector<const LossTerm*> found;
  if (!has_heads_) found.push_back(&main_term());
  for (std::size_t k = 0; has_heads_ && k < terms_.size(); ++k) found.push_back(&terms_[k].loss);
  return found;
}

int64_t LossFunction::values_per_image() const {
  return has_heads_ ? terms_.front().part.target_width() : main_term().values_per_image();
}

bool LossFunction::weighs_targets() const {
  return std::any_of(terms_.begin(), terms_.end(),
                     [](const Term& term) { return term.loss.weighs_targets(); });
}

void LossFunction::check_blends() const {
  for (const Term& term : terms_) {
    // The targets of heads are values, so labels among them cannot become shares of classes.
    const bool has_labels = has_heads_ && term.loss.takes_classes();
    if (term.loss.takes_blends() && !has_labels) continue;
    throw std::invalid_argument("augmentation: mixup blends targets, which " + term.loss.name() +
                                (term.loss.ignore_index() ? " with ignore_index" : "") +
                                (has_labels ? " of output '" + term.part.name() + "'" : "") +
                                " does not take, expected mixup 0");
  }
}

void LossFunction::check(const Targets& targets, int64_t images) const {
  if (!has_heads_) {
    for (const Term& term : terms_) term.loss.check(targets, images);
    return;
  }
  if (!targets.values || targets.labels) {
    throw std::invalid_argument(
        "trainer: a model with several outputs takes values, the targets of each head one after "
        "the other, and no labels");
  }
  for (const Term& term : terms_) {
    HeadPart::TargetStorage storage;
    of_head(term.part.name(),
            [&] { term.loss.check(term.part.targets(targets, images, storage), images); });
  }
}

LossDivisor LossFunction::divisor(const Targets& targets, int64_t images) const {
  // Of no weights at all it is infinite: a smoothed label adds losses of classes that have weight.
  const auto weight_of = [&](const Term& term) {
    HeadPart::TargetStorage storage;
    const double weight = term.loss.weight(targets_of(term, targets, images, storage), images);
    return weight > 0 ? weight : std::numeric_limits<double>::infinity();
  };
  if (terms_.size() == 1 && !has_heads_) return {weight_of(terms_.front()), {}};
  const double of_images = ops::total_row_weight({}, images, targets.weights);
  LossDivisor divisor{of_images > 0 ? of_images : 1, {}};
  for (const Term& term : terms_) divisor.terms.push_back(weight_of(term) / divisor.total);
  return divisor;
}

Targets LossFunction::targets_of(const Term& term, const Targets& all, int64_t images,
                                 HeadPart::TargetStorage& storage) const {
  return has_heads_ ? term.part.targets(all, images, storage) : all;
}

LossSum LossFunction::sum_of(Term& term, const float* outputs, const Targets& targets,
                             int64_t images, double divisor, int threads,
                             float* grad_outputs) const {
  const float* const own = has_heads_ ? term.part.outputs(outputs, images, term.outputs) : outputs;
  return term.loss.sum(own, targets_of(term, targets, images, term.targets), images, divisor,
                       threads, grad_outputs);
}

LossSum LossFunction::sum(const float* outputs, const Targets& targets, int64_t images,
                          const LossDivisor& divisor, int threads, float* grad_outputs) {
  if (terms_.size() > 1 || has_heads_)
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
    Term& term = terms_[k];
    // The first term of a sum writes to the destination.
    const bool is_separate = grad_outputs && (has_heads_ || k > 0);
    float* const gradient = is_separate ? term_gradient_.data() : grad_outputs;
    const double factor = term.weight / divisor.terms[k];
    const LossSum one =
        sum_of(term, outputs, targets, images, divisor.total / factor, threads, gradient);
    total.sum += factor * one.sum;
    if (k == main_term_) {
      total.correct = one.correct;
      total.row_weight = one.row_weight;
    }
    if (!is_separate) continue;
    if (has_heads_) {
      term.part.put_gradient(gradient, images, threads, grad_outputs);
      continue;
    }
    runtime::parallel_for(threads, floats, kGrainFloats, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) grad_outputs[i] += gradient[i];
    });
  }
  total.weight = ops::total_row_weight({}, images, targets.weights);
  return total;
}

Metrics LossFunction::metrics(const LossSum& total) const { return metrics_of(main_term(), total); }

std::vector<LossSum> LossFunction::sums(const float* outputs, const Targets& targets,
                                        int64_t images, int threads) {
  std::vector<LossSum> each;
  for (Term& term : terms_)
    each.push_back(sum_of(term, outputs, targets, images, 1.0, threads, nullptr));
  return each;
}

Metrics LossFunction::metrics(const std::vector<LossSum>& totals, double image_weight) const {
  Metrics all = metrics(totals[main_term_]);
  if (terms_.size() == 1 && !has_heads_) return all;
  all.loss = 0;
  all.weight = image_weight;
  for (std::size_t k = 0; has_heads_ && k < terms_.size(); ++k)
    all.heads.push_back(metrics_of(terms_[k].loss, totals[k]));
  for (std::size_t k = 0; k < terms_.size(); ++k) {
    const LossSum& total = totals[k];
    const double loss = total.weight > 0 ? terms_[k].weight * total.sum / total.weight : 0;
    all.terms.push_back({loss, total.weight});
    all.loss += loss;
  }
  return all;
}

void LossFunction::release() {
  for (Term& term : terms_) {
    term.loss.release();
    term.outputs = runtime::AlignedBuffer();
    term.targets = {};
  }
  term_gradient_ = runtime::AlignedBuffer();
}

}  // namespace cnnx::training
