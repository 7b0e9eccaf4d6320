// The checkpoint file: a model's file (model_file.cpp) with, besides, as metadata
//   cnnx.trainer  {"optimizer_step": 7, "gradients_computed": 7, "slots": 2, "averages": false,
//                  "schedule": {"step": 7, "steps_per_epoch": 5, "epochs": 3, "measured": 0,
//                               "waited": 0}}
//   cnnx.notes    the driver's text
// and as tensors cnnx.trainer.slot_<1, 2...>.<parameter>, cnnx.trainer.average.<parameter or
// buffer>, cnnx.trainer.notes.<name>, and the state's real numbers, cnnx.trainer.<name>, which are
// float64.
#include <algorithm>
#include <cfloat>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <shared_mutex>

#include "cnnx/checkpoint.h"
#include "cnnx/error.h"
#include "cnnx/trainer.h"
#include "io/json.h"
#include "io/json_view.h"
#include "io/model_file.h"
#include "io/text.h"
#include "training/trainer_state.h"

namespace cnnx {
namespace io {
namespace {

const std::string kPrefix = std::string(kCheckpointPrefix) + ".";
const std::string kNotesPrefix = kPrefix + "notes.";
const std::string kAveragePrefix = kPrefix + "average.";

std::string slot_prefix(int64_t slot) { return kPrefix + "slot_" + std::to_string(slot + 1) + "."; }

bool begins_with(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

// What a trainer is, beside its arrays.
struct Position {
  training::OptimizerState optimizer;
  ScheduleState schedule;
  double last_learning_rate = 0;
  uint64_t gradients_computed = 0;
};

// Each real number with the name of its tensor.
template <class Some>  // Position, or const Position
auto real_numbers(Some& position) {
  struct Real {
    const char* name;
    decltype(&position.last_learning_rate) value;
  };
  return std::vector<Real>{{"beta1_product", &position.optimizer.beta1_product},
                           {"beta2_product", &position.optimizer.beta2_product},
                           {"learning_rate", &position.optimizer.learning_rate},
                           {"last_learning_rate", &position.last_learning_rate},
                           {"plateau_best", &position.schedule.best},
                           {"plateau_reduction", &position.schedule.reduction}};
}

Json json_of(const Position& position, int64_t slots, bool averages) {
  const ScheduleState& where = position.schedule;
  Json schedule = Json::object();
  schedule.set("step", where.step);
  schedule.set("steps_per_epoch", where.steps_per_epoch);
  schedule.set("epochs", where.epochs);
  schedule.set("measured", where.measured);
  schedule.set("waited", where.waited);
  Json json = Json::object();
  json.set("optimizer_step", position.optimizer.step);
  json.set("gradients_computed", static_cast<int64_t>(position.gradients_computed));
  json.set("slots", slots);
  json.set("averages", averages);
  json.set("schedule", std::move(schedule));
  return json;
}

Tensor tensor_of(const NotedArray& array) {
  const std::size_t count =
      std::visit([](const auto& values) { return values.size(); }, array.values);
  if (element_count(array.shape) != static_cast<int64_t>(count)) {
    throw std::invalid_argument("save_checkpoint: the array " + in_quotes(array.name) + " has " +
                                std::to_string(count) + " values, expected those of its shape, " +
                                to_string(array.shape));
  }
  Tensor tensor{kNotesPrefix + array.name, DType::f32, array.shape, nullptr};
  if (const auto* doubles = std::get_if<std::vector<double>>(&array.values)) {
    tensor.dtype = DType::f64;
    tensor.data = doubles->data();
  } else {
    tensor.data = std::get<std::vector<float>>(array.values).data();
  }
  return tensor;
}

template <class Float>
NotedArray noted(const Tensor& tensor) {
  std::vector<Float> values(static_cast<std::size_t>(element_count(tensor.shape)));
  if (!values.empty()) std::memcpy(values.data(), tensor.data, values.size() * sizeof(Float));
  return {tensor.name.substr(kNotesPrefix.size()), tensor.shape, std::move(values)};
}

}  // namespace

// Checks all there is and keeps what a trainer copies.
class CheckpointReader {
 public:
  explicit CheckpointReader(const std::filesystem::path& path)
      : file_(SafetensorsFile::read(path)) {
    const auto found = file_.metadata().find(kCheckpointPrefix);
    const auto text = file_.metadata().find("cnnx.notes");
    if (found == file_.metadata().end() || text == file_.metadata().end()) {
      throw FormatError(file_.name() + ": is no checkpoint: its metadata has no " +
                        (found == file_.metadata().end() ? kCheckpointPrefix : "cnnx.notes"));
    }
    model_ = read_model(file_);
    notes_.text = text->second;
    read_position(found->second);
    check_arrays();
  }

  const std::shared_ptr<graph::ModelState>& model() const { return model_; }
  const Notes& notes() const { return notes_; }

  // The caller holds the model's lock alone.
  void restore(training::TrainerState& trainer) const {
    const auto refuse = [&](const std::string& has, const std::string& expected) {
      throw FormatError(file_.name() + ": has " + has + ", but the trainer's settings expect " +
                        expected);
    };
    if (slots_ != trainer.optimizer.slot_count()) {
      refuse(std::to_string(slots_) + " slots of the optimizer",
             std::to_string(trainer.optimizer.slot_count()));
    }
    if (averages_ != trainer.average.has_value())
      refuse(averages_ ? "averaged weights" : "no averaged weights", averages_ ? "none" : "some");
    const graph::Graph& graph = model_->graph;
    for (int64_t slot = 0; slot < slots_; ++slot) {
      read_arrays(graph.parameters(), slot_prefix(slot),
                  trainer.slots[static_cast<std::size_t>(slot)].data());
    }
    if (averages_) {
      graph::ModelState& average = *trainer.average->model();
      const std::unique_lock<graph::ModelMutex> lock(average.mutex);
      read_arrays(graph.parameters(), kAveragePrefix, average.parameters.data());
      read_arrays(graph.buffers(), kAveragePrefix, average.buffers.data());
      average.parameters_changed();
    }
    trainer.optimizer.set_state(position_.optimizer);
    trainer.schedule_state = position_.schedule;
    trainer.last_learning_rate = position_.last_learning_rate;
    trainer.gradients_computed = position_.gradients_computed;
  }

 private:
  void read_position(const std::string& text) {
    const std::string name = file_.name() + ": " + kCheckpointPrefix;
    const Json json = Json::parse(text, name);
    const JsonView view(json, name);
    view.allow_only({"optimizer_step", "gradients_computed", "slots", "averages", "schedule"});
    position_.optimizer.step = view.at("optimizer_step").integer(0);
    position_.gradients_computed = static_cast<uint64_t>(view.at("gradients_computed").integer(0));
    slots_ = view.at("slots").integer(0, 2);
    averages_ = view.at("averages").boolean();
    const JsonView schedule = view.at("schedule");
    schedule.allow_only({"step", "steps_per_epoch", "epochs", "measured", "waited"});
    position_.schedule.step = schedule.at("step").integer(0);
    position_.schedule.steps_per_epoch = schedule.at("steps_per_epoch").integer(0);
    position_.schedule.epochs = schedule.at("epochs").integer(0);
    position_.schedule.measured = schedule.at("measured").integer(0);
    position_.schedule.waited = schedule.at("waited").integer(0);
    for (const auto& real : real_numbers(position_)) {
      std::memcpy(real.value, file_.at(kPrefix + real.name, DType::f64, {}).data, sizeof(double));
    }
    if (!(position_.optimizer.learning_rate >= 0 && position_.optimizer.learning_rate <= FLT_MAX))
      throw FormatError(name + ": learning_rate is not a finite number >= 0");
  }

  // Every array that there must be, and no other; takes the notes'.
  void check_arrays() {
    std::size_t known = real_numbers(position_).size();
    const auto check = [&](const graph::ArrayBlock& arrays, const std::string& prefix) {
      for (const ParameterInfo& array : arrays.infos())
        file_.at(prefix + array.name, DType::f32, array.shape);
      known += arrays.infos().size();
    };
    for (int64_t slot = 0; slot < slots_; ++slot)
      check(model_->graph.parameters(), slot_prefix(slot));
    if (averages_) {
      check(model_->graph.parameters(), kAveragePrefix);
      check(model_->graph.buffers(), kAveragePrefix);
    }
    std::size_t all = 0;
    for (const Tensor& tensor : file_.tensors()) {
      if (!is_of_checkpoint(tensor.name)) continue;
      ++all;
      if (!begins_with(tensor.name, kNotesPrefix)) continue;
      if (tensor.dtype != DType::f32 && tensor.dtype != DType::f64) {
        throw FormatError(file_.name() + ": tensor " + in_quotes(tensor.name) + " has dtype " +
                          std::string(name_of(tensor.dtype)) + ", expected F32 or F64");
      }
      notes_.arrays.push_back(tensor.dtype == DType::f32 ? noted<float>(tensor)
                                                         : noted<double>(tensor));
      ++known;
    }
    if (all != known) {
      throw FormatError(file_.name() + ": has " + std::to_string(all) +
                        " tensors of a checkpoint, expected " + std::to_string(known));
    }
  }

  void read_arrays(const graph::ArrayBlock& arrays, const std::string& prefix, float* block) const {
    for (const ParameterInfo& array : arrays.infos()) {
      const Tensor& tensor = file_.at(prefix + array.name, DType::f32, array.shape);
      std::memcpy(block + array.offset, tensor.data,
                  static_cast<std::size_t>(element_count(array.shape)) * sizeof(float));
    }
  }

  SafetensorsFile file_;
  std::shared_ptr<graph::ModelState> model_;
  Notes notes_;
  Position position_;
  int64_t slots_ = 0;
  bool averages_ = false;
};

}  // namespace io

Checkpoint::Checkpoint(std::unique_ptr<io::CheckpointReader> reader) : reader_(std::move(reader)) {}
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

const io::CheckpointReader& Checkpoint::reader() const {
  if (!reader_)
    throw std::invalid_argument("checkpoint: it was moved from, expected one that was loaded");
  return *reader_;
}

Checkpoint Checkpoint::load(const std::string& path) {
  return Checkpoint(std::make_unique<io::CheckpointReader>(std::filesystem::u8path(path)));
}

Model Checkpoint::model() const { return Model(reader().model()); }
const Notes& Checkpoint::notes() const { return reader().notes(); }

void Trainer::save_checkpoint(const std::string& path, const Notes& notes) const {
  const training::TrainerState& trainer = *state();
  const graph::Graph& graph = trainer.model->graph;
  const io::Position position{trainer.optimizer.state(), trainer.schedule_state,
                              trainer.last_learning_rate, trainer.gradients_computed};
  const std::shared_lock<graph::ModelMutex> lock(trainer.model->mutex);
  io::FileContent content = io::content_of(*trainer.model);
  std::vector<io::Tensor>& tensors = content.tensors;
  for (const auto& real : io::real_numbers(position))
    tensors.push_back({io::kPrefix + real.name, io::DType::f64, {}, real.value});
  const int64_t slots = trainer.optimizer.slot_count();
  for (int64_t slot = 0; slot < slots; ++slot) {
    io::append_arrays(graph.parameters(), trainer.slot_pointers[static_cast<std::size_t>(slot)],
                      io::slot_prefix(slot), tensors);
  }
  if (trainer.average) {
    const graph::ModelState& average = *trainer.average->model();
    io::append_arrays(graph.parameters(), average.parameters.data(), io::kAveragePrefix, tensors);
    io::append_arrays(graph.buffers(), average.buffers.data(), io::kAveragePrefix, tensors);
  }
  for (const NotedArray& array : notes.arrays) tensors.push_back(io::tensor_of(array));
  content.metadata[io::kCheckpointPrefix] =
      io::json_of(position, slots, trainer.average.has_value()).dump();
  content.metadata["cnnx.notes"] = notes.text;
  io::write_safetensors(std::filesystem::u8path(path), tensors, content.metadata);
}

void Trainer::restore(const Checkpoint& checkpoint) {
  if (checkpoint.reader().model() != state()->model) {
    throw std::invalid_argument(
        "restore: the trainer trains another model, expected the checkpoint's own");
  }
  const std::unique_lock<graph::ModelMutex> lock(state()->model->mutex);
  checkpoint.reader().restore(*state());
}

}  // namespace cnnx
