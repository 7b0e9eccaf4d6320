// The checkpoint file: a model file (model_file.cpp) with additional metadata
//
//   cnnx.trainer  {"optimizer_step": 7, "gradients_computed": 7, "slots": 2, "averages": false,
//                  "schedule": {"step": 7, "steps_per_epoch": 5, "epochs": 3, "measured": 0,
//                               "waited": 0}}
//   cnnx.trainer.settings  {"seed": "7", "optimizer": "adam", "optimizer.beta1": "0.9", ...}
//   cnnx.notes             the text of the checkpoint's metadata
//
// and additional tensors: cnnx.trainer.slot_<1, 2...>.<parameter>, cnnx.trainer.average.<parameter
// or buffer>, cnnx.trainer.notes.<name> for the metadata's arrays, and cnnx.trainer.<name> for the
// state's real numbers, which are float64.
#include "io/checkpoint_file.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <mutex>
#include <shared_mutex>

#include "cnnx/error.h"
#include "cnnx/trainer.h"
#include "io/json.h"
#include "io/json_view.h"
#include "io/model_file.h"
#include "io/text.h"
#include "runtime/exact_count.h"
#include "runtime/floating_point.h"
#include "runtime/sizes.h"

namespace cnnx {
namespace io {
namespace {

// Functions instead of constants, which may not be initialised yet: a program may save and load
// before its main.
std::string prefix() { return std::string(kCheckpointPrefix) + "."; }
std::string metadata_prefix() { return prefix() + "notes."; }
std::string average_prefix() { return prefix() + "average."; }

constexpr const char* kMetadataKey = "cnnx.notes";
constexpr const char* kSettingsKey = "cnnx.trainer.settings";
constexpr int64_t kMostShards = 65536;  // as TrainerOptions
constexpr int64_t kMostSlots = 2;       // of any optimizer

std::string slot_prefix(std::size_t slot) {
  return prefix() + "slot_" + std::to_string(slot + 1) + ".";
}

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

Json json_of(const Position& position, std::size_t slots, bool averages) {
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
  json.set("slots", static_cast<int64_t>(slots));
  json.set("averages", averages);
  if (position.shards > 1) json.set("shards", position.shards);
  json.set("schedule", std::move(schedule));
  return json;
}

Json json_of(const std::vector<training::SettingText>& settings) {
  Json json = Json::object();
  for (const training::SettingText& each : settings) json.set(each.name, each.text);
  return json;
}

// A setting in an error, printable whatever the file holds.
std::string assignment(const std::string& name, const std::string& text) {
  const std::string quoted = in_quotes(text);
  return name + "=" + (quoted == '"' + text + '"' ? text : quoted);
}

Tensor tensor_of(const MetadataArray& array) {
  const std::size_t count =
      std::visit([](const auto& values) { return values.size(); }, array.values);
  if (element_count(array.shape) != static_cast<int64_t>(count)) {
    throw std::invalid_argument("save_checkpoint: the array " + in_quotes(array.name) + " has " +
                                std::to_string(count) + " values, expected those of its shape, " +
                                to_string(array.shape));
  }
  Tensor tensor{metadata_prefix() + array.name, DType::f32, array.shape, nullptr};
  if (const auto* doubles = std::get_if<std::vector<double>>(&array.values)) {
    tensor.dtype = DType::f64;
    tensor.data = doubles->data();
  } else {
    tensor.data = std::get<std::vector<float>>(array.values).data();
  }
  return tensor;
}

template <class Float>
MetadataArray noted(const SafetensorsFile& file, const StoredTensor& tensor) {
  std::vector<Float> values(runtime::checked_size<Float>(element_count(tensor.shape)));
  file.read(tensor, values.data());
  return {tensor.name.substr(metadata_prefix().size()), tensor.shape, std::move(values)};
}

runtime::AlignedBuffer arrays_of(const SafetensorsFile& file, const graph::ArrayBlock& arrays,
                                 const std::string& names) {
  runtime::AlignedBuffer block(arrays.floats());
  for (const ParameterInfo& array : arrays.infos()) {
    file.read(file.at(names + array.name, DType::f32, array.shape), block.data() + array.offset);
  }
  return block;
}

void copy(const runtime::AlignedBuffer& from, float* to) {
  std::copy_n(from.data(), from.size(), to);
}

}  // namespace

CheckpointReader::CheckpointReader(SafetensorsFile file) : name_(file.name()) {
  for (const char* key : {kCheckpointPrefix, kMetadataKey}) {
    if (file.metadata().count(key) > 0) continue;
    throw FormatError(name_ + ": is no checkpoint: its metadata has no " + key);
  }
  model_ = read_model(file);
  metadata_.text = file.metadata().at(kMetadataKey);
  read_position(file);
  read_settings(file);
  check_arrays(file);
  const graph::Graph& graph = model_->graph;
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    slots_[slot] = arrays_of(file, graph.parameters(), slot_prefix(slot));
  if (averages_) {
    average_parameters_ = arrays_of(file, graph.parameters(), average_prefix());
    average_buffers_ = arrays_of(file, graph.buffers(), average_prefix());
  }
  read_metadata(file);
}

void CheckpointReader::refuse(const std::string& has, const std::string& expected) const {
  throw FormatError(name_ + ": has " + has + ", but the trainer's settings expect " + expected);
}

void CheckpointReader::restore(training::TrainerState& trainer) const {
  if (position_.shards != trainer.shards)
    refuse("shards=" + std::to_string(position_.shards),
           "shards=" + std::to_string(trainer.shards));
  if (averages_ != trainer.average.has_value())
    refuse(averages_ ? "averaged weights" : "no averaged weights", averages_ ? "none" : "some");
  check_settings(trainer.setting_texts);
  if (slots_.size() != trainer.slots.size()) {
    refuse(std::to_string(slots_.size()) + " slots of the optimizer",
           std::to_string(trainer.slots.size()));
  }
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    copy(slots_[slot], trainer.slots[slot].data());
  if (averages_) {
    graph::ModelState& average = *trainer.average->model();
    const std::unique_lock<graph::ModelMutex> lock(average.mutex);
    copy(average_parameters_, average.parameters.data());
    copy(average_buffers_, average.buffers.data());
    average.parameters_changed();
  }
  trainer.optimizer.set_state(position_.optimizer);
  trainer.schedule_state = position_.schedule;
  trainer.last_learning_rate = position_.last_learning_rate;
  trainer.gradients_computed = position_.gradients_computed;
}

// Each version knows the settings of earlier ones. A setting that an older file lacks is not
// compared, and one that only the file has is of a later version.
void CheckpointReader::check_settings(const std::vector<training::SettingText>& own) const {
  if (own.empty()) return;
  std::map<std::string, std::string> unknown = settings_;
  for (const auto& [name, text] : own) {
    const auto found = settings_.find(name);
    if (found == settings_.end()) continue;
    if (found->second != text) refuse(assignment(name, found->second), assignment(name, text));
    unknown.erase(name);
  }
  if (unknown.empty()) return;
  const auto& [name, text] = *unknown.begin();
  refuse(assignment(in_quotes(name), text), "no such setting");
}

void CheckpointReader::read_settings(const SafetensorsFile& file) {
  const auto found = file.metadata().find(kSettingsKey);
  if (found == file.metadata().end()) return;
  const std::string name = name_ + ": " + kSettingsKey;
  const Json json = Json::parse(found->second, name);
  JsonView(json, name).for_each_member([&](const std::string& setting, const JsonView& value) {
    settings_[setting] = value.string();
  });
}

void CheckpointReader::read_position(const SafetensorsFile& file) {
  const std::string name = name_ + ": " + kCheckpointPrefix;
  const Json json = Json::parse(file.metadata().at(kCheckpointPrefix), name);
  const JsonView view(json, name);
  view.allow_only(
      {"optimizer_step", "gradients_computed", "slots", "averages", "shards", "schedule"});
  const auto count = [](const JsonView& object, const char* member) {
    return object.at(member).integer(0, runtime::kMostExactCount);
  };
  position_.optimizer.step = count(view, "optimizer_step");
  position_.gradients_computed = static_cast<uint64_t>(count(view, "gradients_computed"));
  slots_.resize(static_cast<std::size_t>(view.at("slots").integer(0, kMostSlots)));
  averages_ = view.at("averages").boolean();
  if (const auto shards = view.find("shards")) position_.shards = shards->integer(2, kMostShards);
  const JsonView schedule = view.at("schedule");
  schedule.allow_only({"step", "steps_per_epoch", "epochs", "measured", "waited"});
  position_.schedule.step = count(schedule, "step");
  position_.schedule.steps_per_epoch = count(schedule, "steps_per_epoch");
  position_.schedule.epochs = count(schedule, "epochs");
  position_.schedule.measured = count(schedule, "measured");
  position_.schedule.waited = count(schedule, "waited");
  const auto& length = position_.schedule;
  if ((length.epochs == 0) != (length.steps_per_epoch == 0)) {
    throw FormatError(name + ": schedule has " + std::to_string(length.epochs) + " epochs of " +
                      std::to_string(length.steps_per_epoch) +
                      " steps, expected at least 1 each, or 0 each before it begins");
  }
  for (const auto& real : real_numbers(position_))
    file.read(file.at(prefix() + real.name, DType::f64, {}), real.value);
  const auto check = [&](const char* what, double value, double most) {
    if (value >= 0 && value <= most) return;  // not NaN
    throw FormatError(name + ": " + what + " is not a " +
                      (most == 1 ? "number from 0 to 1" : "finite number >= 0"));
  };
  check("learning_rate", position_.optimizer.learning_rate, FLT_MAX);
  check("last_learning_rate", position_.last_learning_rate, DBL_MAX);
  check("beta1_product", position_.optimizer.beta1_product, 1);
  check("beta2_product", position_.optimizer.beta2_product, 1);
  check("plateau_reduction", position_.schedule.reduction, 1);
  if (std::isnan(position_.schedule.best)) throw FormatError(name + ": plateau_best is NaN");
}

// Checks that exactly the required arrays exist, before memory is allocated for them.
void CheckpointReader::check_arrays(const SafetensorsFile& file) const {
  std::size_t known =
      real_numbers(position_).size() + file.beginning_with(metadata_prefix()).size();
  const auto check = [&](const graph::ArrayBlock& arrays, const std::string& names) {
    for (const ParameterInfo& array : arrays.infos())
      file.at(names + array.name, DType::f32, array.shape);
    known += arrays.infos().size();
  };
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    check(model_->graph.parameters(), slot_prefix(slot));
  if (averages_) {
    check(model_->graph.parameters(), average_prefix());
    check(model_->graph.buffers(), average_prefix());
  }
  const std::size_t all = file.beginning_with(prefix()).size();
  if (all != known) {
    throw FormatError(name_ + ": has " + std::to_string(all) +
                      " tensors of a checkpoint, expected " + std::to_string(known));
  }
}

void CheckpointReader::read_metadata(const SafetensorsFile& file) {
  for (const StoredTensor* tensor : file.beginning_with(metadata_prefix())) {
    if (tensor->dtype != DType::f32 && tensor->dtype != DType::f64) {
      throw FormatError(name_ + ": tensor " + in_quotes(tensor->name) + " has dtype " +
                        std::string(name_of(tensor->dtype)) + ", expected F32 or F64");
    }
    metadata_.arrays.push_back(tensor->dtype == DType::f32 ? noted<float>(file, *tensor)
                                                           : noted<double>(file, *tensor));
  }
}

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
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  return Checkpoint(std::make_unique<io::CheckpointReader>(
      io::SafetensorsFile::open(io::path_of(path, "cannot read"))));
}

Model Checkpoint::model() const { return Model(reader().model()); }
const CheckpointMetadata& Checkpoint::metadata() const { return reader().metadata(); }

void Trainer::save_checkpoint(const std::string& path, const CheckpointMetadata& metadata) const {
  const training::TrainerState& trainer = *state();
  const training::TrainerLock trainer_lock(trainer.mutex);
  const graph::Graph& graph = trainer.model->graph;
  const io::Position position{trainer.optimizer.state(), trainer.schedule_state,
                              trainer.last_learning_rate, trainer.gradients_computed,
                              trainer.shards};
  const std::shared_lock<graph::ModelMutex> lock(trainer.model->mutex);
  io::FileContent content = io::content_of(*trainer.model);
  std::vector<io::Tensor>& tensors = content.tensors;
  for (const auto& real : io::real_numbers(position))
    tensors.push_back({io::prefix() + real.name, io::DType::f64, {}, real.value});
  for (std::size_t slot = 0; slot < trainer.slots.size(); ++slot) {
    io::append_arrays(graph.parameters(), trainer.slots[slot].data(), io::slot_prefix(slot),
                      tensors);
  }
  if (trainer.average) {
    const graph::ModelState& average = *trainer.average->model();
    io::append_arrays(graph.parameters(), average.parameters.data(), io::average_prefix(), tensors);
    io::append_arrays(graph.buffers(), average.buffers.data(), io::average_prefix(), tensors);
  }
  for (const MetadataArray& array : metadata.arrays) tensors.push_back(io::tensor_of(array));
  content.metadata[io::kCheckpointPrefix] =
      io::json_of(position, trainer.slots.size(), trainer.average.has_value()).dump();
  if (!trainer.setting_texts.empty())
    content.metadata[io::kSettingsKey] = io::json_of(trainer.setting_texts).dump();
  content.metadata[io::kMetadataKey] = metadata.text;
  io::add_checksums(content);
  io::write_safetensors(io::path_of(path, "cannot write"), tensors, content.metadata);
}

void Trainer::restore(const Checkpoint& checkpoint) {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  if (checkpoint.reader().model() != state()->model) {
    throw std::invalid_argument(
        "restore: the trainer trains another model, expected the checkpoint's own");
  }
  const training::TrainerLock trainer_lock(state()->mutex);
  const std::unique_lock<graph::ModelMutex> lock(state()->model->mutex);
  checkpoint.reader().restore(*state());
}

}  // namespace cnnx
