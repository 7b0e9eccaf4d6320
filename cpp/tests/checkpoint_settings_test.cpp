// A checkpoint holds the settings that decide the bits of training, and a trainer or an epoch with
// others does not resume from it.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "check.h"
#include "cnnx/checkpoint.h"
#include "cnnx/error.h"
#include "cnnx/layers.h"
#include "cnnx/trainer.h"
#include "temporary_folder.h"
#include "xo_samples.h"

namespace {

using namespace cnnx::layers;
using cnnx::Checkpoint;
using cnnx::EpochOptions;
using cnnx::Loss;
using cnnx::Model;
using cnnx::Trainer;
using cnnx::TrainerOptions;

constexpr int64_t kCount = 40;

using Samples = cnnx::test::Samples<kCount>;

struct How {
  cnnx::OptimizerSettings optimizer;
  Loss loss;
  TrainerOptions options;

  Trainer trainer(Model& model) const { return Trainer(model, optimizer, loss, options); }
};

How usual() {
  How how{cnnx::Sgd{0.1, 0.9}, {}, {}};
  how.loss.class_weights = {1, 0.3f};
  how.options.seed = 7;
  how.options.clip_norm = 5;
  how.options.rules = {{"*.bias", 1, 0}, {"*.weight", 0.5, 1}};
  how.options.averaging = cnnx::Averaging{0.9, 2};
  how.options.schedule = {cnnx::CosineDecay{}, 0.5};
  return how;
}

Model small_model() {
  return Model({Conv2d(4, 3), ReLU(), Flatten(), Dense(2)}, {Samples::kSize, Samples::kSize, 1});
}

// Of a trainer with a step.
void save(const How& how, const std::string& path) {
  const Samples samples;
  Model model = small_model();
  Trainer trainer = how.trainer(model);
  trainer.begin_schedule(2, 5);
  trainer.step(samples.images(), samples.targets());
  trainer.save_checkpoint(path);
}

struct Change {
  std::function<void(How&)> make;
  std::string has, expected;
};

const std::vector<Change>& changes() {
  const auto sgd = [](How& how) -> cnnx::Sgd& { return std::get<cnnx::Sgd>(how.optimizer); };
  static const std::vector<Change> all = {
      {[](How& how) { how.options.seed = 8; }, "seed=7", "seed=8"},
      {[](How& how) { how.options.clip_norm = 0.1; }, "clip_norm=5", "clip_norm=0.1"},
      {[](How& how) { how.options.shards = 2; }, "shards=1", "shards=2"},
      {[](How& how) { how.optimizer = cnnx::Adam{0.1}; }, "optimizer=sgd", "optimizer=adam"},
      {[](How& how) { how.optimizer = cnnx::Muon{0.1, 0.9}; }, "optimizer=sgd", "optimizer=muon"},
      {[sgd](How& how) { sgd(how).momentum = 0.8; }, "optimizer.momentum=0.9",
       "optimizer.momentum=0.8"},
      {[sgd](How& how) { sgd(how).nesterov = true; }, "optimizer.nesterov=false",
       "optimizer.nesterov=true"},
      {[sgd](How& how) { sgd(how).weight_decay = 1e-20; }, "optimizer.weight_decay=0",
       "optimizer.weight_decay=1e-20"},
      {[](How& how) { how.options.rules.pop_back(); }, "rules=2", "rules=1"},
      {[](How& how) { how.options.rules[1].pattern = "*weight"; }, "rules.2.pattern=*.weight",
       "rules.2.pattern=*weight"},
      {[](How& how) { how.options.rules[1].learning_rate_factor = 1.0 / 3; },
       "rules.2.learning_rate_factor=0.5", "rules.2.learning_rate_factor=0.3333333333333333"},
      {[](How& how) { how.options.averaging->every = 1; }, "averaging.every=2",
       "averaging.every=1"},
      {[](How& how) { how.options.averaging = {}; }, "averaged weights", "none"},
      {[](How& how) { how.options.schedule.shape = cnnx::OneCycle{}; }, "schedule=cosine_decay",
       "schedule=one_cycle"},
      {[](How& how) { how.options.schedule.warmup_epochs = 1; }, "schedule.warmup_epochs=0.5",
       "schedule.warmup_epochs=1"},
      {[](How& how) { how.loss.label_smoothing = 0.1f; }, "loss.label_smoothing=0",
       "loss.label_smoothing=0.1"},
      {[](How& how) { how.loss.class_weights = {}; }, "loss.class_weights=1,0.3",
       "loss.class_weights=none"},
      {[](How& how) { how.loss.ignore_index = 1; }, "loss.ignore_index=none",
       "loss.ignore_index=1"},
      {[](How& how) {
         how.loss = {};
         how.loss.kind = Loss::Kind::focal;
       },
       "loss=cross_entropy", "loss=focal"},
  };
  return all;
}

void another_setting_is_refused_by_name() {
  const cnnx::test::TemporaryFolder folder("checkpoint_settings_test");
  const std::string path = (folder / "run.ckpt").string();
  save(usual(), path);
  const Checkpoint checkpoint = Checkpoint::load(path);
  for (const Change& change : changes()) {
    How other = usual();
    change.make(other);
    Model model = checkpoint.model();
    Trainer trainer = other.trainer(model);
    CHECK_THROWS(
        cnnx::FormatError,
        "run.ckpt: has " + change.has + ", but the trainer's settings expect " + change.expected,
        trainer.restore(checkpoint));
    CHECK_EQUAL(trainer.last_learning_rate(), 0.0);
  }
}

void what_changes_no_bit_may_differ() {
  const cnnx::test::TemporaryFolder folder("checkpoint_settings_test");
  const std::string path = (folder / "run.ckpt").string();
  save(usual(), path);
  const Checkpoint checkpoint = Checkpoint::load(path);
  How other = usual();
  std::get<cnnx::Sgd>(other.optimizer).learning_rate = 0.3;  // the checkpoint's is restored
  other.options.recompute = true;
  Model model = checkpoint.model();
  Trainer trainer = other.trainer(model);
  trainer.restore(checkpoint);
  CHECK_EQUAL(trainer.learning_rate(), 0.1);
  trainer.set_learning_rate(0.2);
  trainer.extend_schedule(3);
}

void terms_of_a_sum_are_compared() {
  const cnnx::test::TemporaryFolder folder("checkpoint_settings_test");
  const std::string path = (folder / "run.ckpt").string();
  How how{cnnx::Adam{}, {}, {}};
  how.loss.kind = Loss::Kind::sum;
  how.loss.terms = {Loss(), Loss()};
  how.loss.terms[1].kind = Loss::Kind::focal;
  how.loss.terms[1].weight = 0.25;
  save(how, path);
  const Checkpoint checkpoint = Checkpoint::load(path);
  Model model = checkpoint.model();
  how.trainer(model).restore(checkpoint);
  How other = how;
  other.loss.terms[1].gamma = 3;
  CHECK_THROWS(cnnx::FormatError,
               "has loss.terms.2.gamma=2, but the trainer's settings expect loss.terms.2.gamma=3",
               other.trainer(model).restore(checkpoint));
  other = how;
  other.loss.terms[1].weight = 0.5;
  CHECK_THROWS(cnnx::FormatError, "has loss.terms.2.weight=0.25, but",
               other.trainer(model).restore(checkpoint));
  other.loss.terms.pop_back();
  CHECK_THROWS(cnnx::FormatError, "has loss.terms=2, but the trainer's settings expect",
               other.trainer(model).restore(checkpoint));
}

std::string content(const std::string& path) {
  std::ifstream stream(std::filesystem::u8path(path), std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Replaces the name of each text with one of the same length, which a reader ignores.
void rename_text(const std::string& path, const std::string& name) {
  std::string bytes = content(path);
  const std::size_t at = bytes.find('"' + name + '"');
  CHECK(at != std::string::npos);
  if (at == std::string::npos) return;
  bytes[at + name.size()] = '_';
  std::ofstream(std::filesystem::u8path(path), std::ios::binary) << bytes;
}

void an_older_checkpoint_without_settings_is_restored() {
  const cnnx::test::TemporaryFolder folder("checkpoint_settings_test");
  const std::string path = (folder / "run.ckpt").string();
  save(usual(), path);
  rename_text(path, "cnnx.trainer.settings");
  rename_text(path, "cnnx.checksums");
  const Checkpoint checkpoint = Checkpoint::load(path);
  Model model = checkpoint.model();
  How other = usual();
  other.options.seed = 8;
  other.trainer(model).restore(checkpoint);
  other.optimizer = cnnx::Adam{};
  CHECK_THROWS(cnnx::FormatError,
               "has 1 slots of the optimizer, but the trainer's settings expect 2",
               other.trainer(model).restore(checkpoint));
}

void more_settings_than_a_header_holds_are_left_out() {
  const cnnx::test::TemporaryFolder folder("checkpoint_settings_test");
  const std::string path = (folder / "run.ckpt").string();
  How how = usual();
  how.options.rules.resize(70000, {"*.bias", 1, 1});
  save(how, path);
  const Checkpoint checkpoint = Checkpoint::load(path);
  Model model = checkpoint.model();
  how.trainer(model).restore(checkpoint);
}

EpochOptions in_the_middle() {
  EpochOptions options;
  options.batch_size = 8;
  options.augmentation.rotate = 10;
  return options;
}

void an_epoch_goes_on_with_its_own_options_only() {
  const cnnx::test::TemporaryFolder folder("checkpoint_settings_test");
  const std::string path = (folder / "run.ckpt").string();
  const Samples samples;
  How how = usual();
  how.options.schedule = {};
  Model model = small_model();
  Trainer trainer = how.trainer(model);
  cnnx::Epoch epoch = trainer.begin_epoch(samples.images(), samples.targets(), in_the_middle());
  epoch.advance();
  trainer.save_checkpoint(path, {"", {epoch.place()}});
  const Checkpoint checkpoint = Checkpoint::load(path);
  const auto begin = [&](const std::function<void(EpochOptions&)>& change,
                         const cnnx::ImageBatch& images) {
    EpochOptions options = in_the_middle();
    cnnx::resume(options, checkpoint.metadata());
    change(options);
    return trainer.begin_epoch(images, samples.targets(), options);
  };
  const auto refused = [&](const std::string& sentence,
                           const std::function<void(EpochOptions&)>& change) {
    CHECK_THROWS(std::invalid_argument,
                 "begin_epoch: " + sentence + ", with which the resumed epoch was begun",
                 begin(change, samples.images()));
  };
  using Options = EpochOptions;
  refused("batch_size is 20, expected 8", [](Options& to) { to.batch_size = 20; });
  refused("shuffle is false, expected true", [](Options& to) { to.shuffle = false; });
  refused("first_image is 3, expected 0", [](Options& to) { to.first_image = 3; });
  refused("rotate is 2.5, expected 10", [](Options& to) { to.augmentation.rotate = 2.5; });
  refused("flip is random, expected never",
          [](Options& to) { to.augmentation.flip = cnnx::Augmentation::Flip::random; });
  refused("the number of rows is 2, expected 40", [](Options& to) { to.rows = {1, 2}; });
  const auto nothing = [](Options&) {};
  CHECK_THROWS(std::invalid_argument, "begin_epoch: the number of rows is 39, expected 40",
               begin(nothing, samples.first(kCount - 1)));
  CHECK_EQUAL(begin(nothing, samples.images()).step(), int64_t{1});
  CHECK_EQUAL(begin([](Options& to) { to.prefetch = false; }, samples.images()).step(), int64_t{1});
  const auto next = [](Options& to) {
    ++to.number;
    to.position = {};
    to.batch_size = 20;
  };
  CHECK_EQUAL(begin(next, samples.images()).steps(), int64_t{2});
}

// As earlier versions wrote it.
void a_place_without_options_is_resumed() {
  const Samples samples;
  Model model = small_model();
  Trainer trainer(model);
  const auto resumed = [&](std::vector<double> numbers) {
    EpochOptions options;
    const auto count = static_cast<int64_t>(numbers.size());
    cnnx::resume(options, {"", {{"epoch_place", {count}, std::move(numbers)}}});
    options.batch_size = 20;
    return trainer.begin_epoch(samples.images(), samples.targets(), options);
  };
  CHECK_EQUAL(resumed({3, 1, 0.5, 16, 8}).step(), int64_t{1});
  CHECK_EQUAL(resumed({3, 1, 0.5, 16, 8, 16}).row_weight(), 16.0);
  const std::string sentence = "resume: the metadata hold no place in an epoch";
  CHECK_THROWS(cnnx::FormatError, sentence, resumed({3, 1, 0.5, 16}));
  CHECK_THROWS(cnnx::FormatError, sentence, resumed({3, 1, 0.5, 16, 8, -1, 40}));
  CHECK_THROWS(cnnx::FormatError, sentence, resumed(std::vector<double>(100, 1)));
  CHECK_THROWS(cnnx::FormatError, sentence, resumed({3, 1, 0.5, 16, 8, -2, 40, 16, 1, 0}));
  CHECK_THROWS(std::invalid_argument, "the number of rows is 40, expected 1e+300",
               resumed({3, 1, 0.5, 16, 8, -1, 1e300, 16, 1, 0}));
}

}  // namespace

int checkpoint_settings_test(int, char*[]) {
  another_setting_is_refused_by_name();
  what_changes_no_bit_may_differ();
  terms_of_a_sum_are_compared();
  an_older_checkpoint_without_settings_is_restored();
  more_settings_than_a_header_holds_are_left_out();
  an_epoch_goes_on_with_its_own_options_only();
  a_place_without_options_is_resumed();
  return cnnx::test::finish("checkpoint_settings_test");
}
