// A loss with settings that are not those of its kind is refused.
#include <cstdint>
#include <functional>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "cnnx/trainer.h"

namespace {

using namespace cnnx::layers;
using cnnx::Loss;
using cnnx::Model;
using cnnx::Trainer;
using Kind = Loss::Kind;

// With an output for every kind: positions of two classes.
Model segmentation() { return Model({Conv2d(2, 3).padding(cnnx::Padding::same)}, {4, 4, 1}); }

double no_loss(const float*, const cnnx::Targets&, int64_t, float*) { return 0; }

struct Member {
  const char* name;
  std::function<void(Loss&)> set;
  std::vector<Kind> kinds;  // that have it
};

const std::vector<Member>& members() {
  static const std::vector<Member> all = {
      {"label_smoothing", [](Loss& loss) { loss.label_smoothing = 0.5f; }, {Kind::cross_entropy}},
      {"class_weights",
       [](Loss& loss) { loss.class_weights = {1, 2}; },
       {Kind::cross_entropy, Kind::focal, Kind::dice, Kind::tversky}},
      {"ignore_index",
       [](Loss& loss) { loss.ignore_index = 1; },
       {Kind::cross_entropy, Kind::focal, Kind::dice, Kind::tversky}},
      {"delta", [](Loss& loss) { loss.delta = 2; }, {Kind::huber}},
      {"gamma", [](Loss& loss) { loss.gamma = 1; }, {Kind::focal}},
      {"smooth", [](Loss& loss) { loss.smooth = 2; }, {Kind::dice, Kind::tversky}},
      {"alpha", [](Loss& loss) { loss.alpha = 0.25; }, {Kind::tversky}},
      {"beta",
       [](Loss& loss) { loss.beta = std::numeric_limits<double>::quiet_NaN(); },
       {}},  // refused for tversky, too
      {"function", [](Loss& loss) { loss.function = no_loss; }, {Kind::custom}},
      {"target_size", [](Loss& loss) { loss.target_size = 3; }, {Kind::custom}},
      {"takes_logits", [](Loss& loss) { loss.takes_logits = true; }, {Kind::custom}},
      {"terms", [](Loss& loss) { loss.terms = {Loss()}; }, {}},
      {"weight", [](Loss& loss) { loss.weight = 2; }, {}},
  };
  return all;
}

Loss plain(Kind kind) {
  Loss loss;
  loss.kind = kind;
  if (kind == Kind::custom) loss.function = no_loss;
  return loss;
}

void members_of_other_kinds() {
  Model model = segmentation();
  std::vector<std::pair<Kind, std::string>> kinds = {{Kind::custom, "custom"}};
  for (const auto& each : Loss::kKinds) kinds.emplace_back(each.value, each.name);
  for (const auto& [kind, name] : kinds) {
    Trainer(model, cnnx::Adam{}, plain(kind));
    for (const Member& member : members()) {
      Loss loss = plain(kind);
      member.set(loss);
      bool has_it = false;
      for (const Kind each : member.kinds) has_it = has_it || each == kind;
      if (has_it) {
        Trainer(model, cnnx::Adam{}, loss);
        continue;
      }
      const bool is_wrong_value = kind == Kind::tversky && std::string(member.name) == "beta";
      CHECK_THROWS(std::invalid_argument,
                   is_wrong_value
                       ? "tversky: beta is"
                       : name + ": " + member.name + " is set, expected only settings of " + name,
                   Trainer(model, cnnx::Adam{}, loss));
    }
  }
}

void members_of_sums_and_their_terms() {
  Model model = segmentation();
  Loss sum = plain(Kind::sum);
  sum.terms = {plain(Kind::cross_entropy), plain(Kind::dice)};
  sum.terms[1].weight = 2;  // of a term
  Trainer(model, cnnx::Adam{}, sum);
  for (const Member& member : members()) {
    if (std::string(member.name) == "terms") continue;
    Loss loss = sum;
    member.set(loss);
    CHECK_THROWS(std::invalid_argument,
                 std::string("sum: ") + member.name + " is set, expected only settings of sum",
                 Trainer(model, cnnx::Adam{}, loss));
  }
  sum.terms[1].label_smoothing = 0.5f;
  CHECK_THROWS(std::invalid_argument,
               "dice: label_smoothing is set, expected only settings of dice",
               Trainer(model, cnnx::Adam{}, sum));
}

void members_of_losses_of_heads() {
  Model model({Flatten(), Dense(4)}, {1, 1, 2});
  model.set_heads({{"a", {2}}, {"b", {2}}});
  Loss heads = plain(Kind::heads);
  heads.terms = {plain(Kind::mean_squared_error), plain(Kind::huber)};
  heads.terms[0].weight = 2;
  heads.terms[1].delta = 2;
  Trainer(model, cnnx::Adam{}, heads);
  heads.terms[0].delta = 2;
  CHECK_THROWS(std::invalid_argument, "mean_squared_error: delta is set",
               Trainer(model, cnnx::Adam{}, heads));
  heads.terms[0].delta = 1;
  heads.gamma = 1;
  CHECK_THROWS(std::invalid_argument, "heads: gamma is set, expected only settings of heads",
               Trainer(model, cnnx::Adam{}, heads));
}

}  // namespace

int loss_settings_test(int, char*[]) {
  members_of_other_kinds();
  members_of_sums_and_their_terms();
  members_of_losses_of_heads();
  return cnnx::test::finish("loss_settings_test");
}
