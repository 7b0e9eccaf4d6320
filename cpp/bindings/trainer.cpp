// Trainer and Epoch: one call per step, with the GIL released while it computes.
#include "cnnx/trainer.h"

#include <cfloat>
#include <optional>

#include "bindings.h"
#include "checkpoint.h"
#include "image_batch.h"
#include "python_function.h"
#include "signal_check.h"
#include "training_settings.h"

namespace cnnx::bindings {
namespace {

using LabelArray = py::array_t<int64_t, py::array::c_style>;

// None, or a float32 per row.
using RowWeights = std::optional<FloatArray>;

// int64 labels or float32 values, in the form that the Python side makes for this loss.
Targets targets_of(const py::array& array, const RowWeights& row_weights) {
  const float* const weights = row_weights ? row_weights->data() : nullptr;
  if (py::isinstance<LabelArray>(array))
    return {static_cast<const int64_t*>(array.data()), nullptr, weights};
  if (py::isinstance<FloatArray>(array))
    return {nullptr, static_cast<const float*>(array.data()), weights};
  throw py::type_error("expected int64 labels or float32 targets");
}

// Floats of an image's outputs, and a function of the number of a row and the outputs from it on.
using Observer = std::pair<int64_t, py::function>;

// Steps done, and [sum of the losses, their weight, number correct], which is empty at the start of
// an epoch. Rows with weights add the sum of these.
using PositionPair = std::pair<int64_t, std::vector<double>>;

EpochPosition position_of(const PositionPair& pair) {
  const auto& [step, sums] = pair;
  if (sums.empty()) return {step};
  constexpr double kMostCounted = 9007199254740992.0;  // 2^53: the largest exact count in a double
  const bool has_weights = sums.size() == 4;
  const double most = has_weights ? DBL_MAX : kMostCounted;
  if ((sums.size() != 3 && !has_weights) || !(sums[2] >= 0 && sums[2] <= most))
    throw py::value_error("fit: an epoch's position is not one of an epoch of arrays");
  EpochPosition position = {step, sums[0], sums[1], sums[2]};
  if (has_weights) position.row_weight = sums[3];
  return position;
}

std::pair<double, double> pair_of(const Metrics& metrics) {
  return {metrics.loss, metrics.accuracy};
}

std::tuple<double, double, double, double> tuple_of(const Metrics& metrics) {
  return {metrics.loss, metrics.accuracy, metrics.weight, metrics.row_weight};
}

void bind_schedule_factors(py::module_& module) {
  module.def(
      "schedule_factors",
      [](const py::object& recipe, int64_t epochs, int64_t steps_per_epoch) {
        const Schedule schedule = schedule_of(recipe);
        check_schedule(schedule);
        const ReleaseGil release;
        std::vector<double> factors(static_cast<std::size_t>(epochs * steps_per_epoch));
        ScheduleState state{0, steps_per_epoch, epochs};
        for (double& each : factors) {
          each = schedule_factor(schedule, state);
          ++state.step;
        }
        return factors;
      },
      py::arg("schedule"), py::arg("epochs"), py::arg("steps_per_epoch"));
}

// A function that waits for other threads' calls of the trainer, without the GIL.
template <class Function>
py::cpp_function waiting(const Function& function) {
  return py::cpp_function(function, py::call_guard<ReleaseGil>());
}

void bind_epoch(py::module_& module) {
  py::classh<Epoch>(module, "Epoch")
      .def_property_readonly("steps", &Epoch::steps)
      .def_property_readonly("step", waiting(&Epoch::step))
      .def_property_readonly("weight", waiting(&Epoch::weight))
      .def_property_readonly("row_weight", waiting(&Epoch::row_weight))
      .def("advance", &Epoch::advance, py::call_guard<ReleaseGil>())
      .def_property_readonly(
          "position", waiting([](const Epoch& epoch) {
            const EpochPosition position = epoch.position();
            PositionPair pair(position.step, {position.loss, position.weight, position.correct});
            if (position.row_weight) pair.second.push_back(*position.row_weight);
            return pair;
          }))
      .def_property_readonly("metrics",
                             waiting([](const Epoch& epoch) { return pair_of(epoch.metrics()); }));
}

using TrainerClass = py::classh<Trainer>;

void bind_steps(TrainerClass& type) {
  const auto pixels = py::arg("pixels");
  const auto integer_values = py::arg("integer_values");
  const auto targets = py::arg("targets");
  const auto weights = py::arg("weights").noconvert();
  type.def(
          "step",
          [](Trainer& trainer, const py::array& x, bool integers, const py::array& y,
             const RowWeights& w) {
            const ImageBatch images = image_batch(x, integers);
            const Targets wanted = targets_of(y, w);
            const ReleaseGil release;
            return trainer.step(images, wanted);
          },
          pixels, integer_values, targets, weights)
      .def(
          "compute_gradients",
          [](Trainer& trainer, const py::array& x, bool integers, const py::array& y,
             const RowWeights& w, double divisor) {
            const ImageBatch images = image_batch(x, integers);
            const Targets wanted = targets_of(y, w);
            const ReleaseGil release;
            return trainer.compute_gradients(images, wanted, divisor);
          },
          pixels, integer_values, targets, weights, py::arg("divisor"))
      .def("apply_gradients", &Trainer::apply_gradients, py::call_guard<ReleaseGil>())
      // A view that keeps the trainer alive.
      .def_property_readonly("gradients", [](const py::object& self) {
        Trainer& trainer = self.cast<Trainer&>();
        float* gradients = nullptr;
        {
          const ReleaseGil release;
          gradients = trainer.gradients();
        }
        return py::array_t<float>({trainer.gradient_count()}, gradients, self);
      });
}

// Python's users call fit, so errors begin with its name.
Epoch begin_epoch_of_fit(Trainer& trainer, const ImageBatch& images, const Targets& targets,
                         const EpochOptions& options) {
  try {
    return trainer.begin_epoch(images, targets, options);
  } catch (const std::invalid_argument& error) {
    const std::string sentence = error.what(), own = "begin_epoch: ";
    if (sentence.compare(0, own.size(), own) != 0) throw;
    throw std::invalid_argument("fit: " + sentence.substr(own.size()));
  }
}

void bind_epochs(TrainerClass& type) {
  const auto pixels = py::arg("pixels");
  const auto integer_values = py::arg("integer_values");
  const auto targets = py::arg("targets");
  const auto weights = py::arg("weights").noconvert();
  type.def(
          "begin_epoch",
          [](Trainer& trainer, const py::array& x, bool integers, const py::array& y,
             const RowWeights& w, std::vector<int64_t> rows, const py::dict& settings,
             const std::optional<py::dict>& augmentation, const PositionPair& position) {
            const ImageBatch images = image_batch(x, integers);
            const Targets wanted = targets_of(y, w);
            EpochOptions options = epoch_options_of(settings);
            options.rows = std::move(rows);
            if (augmentation) options.augmentation = augmentation_of(*augmentation);
            options.position = position_of(position);
            const ReleaseGil release;
            return begin_epoch_of_fit(trainer, images, wanted, options);
          },
          pixels, integer_values, targets, weights, py::arg("rows"), py::arg("settings"),
          py::arg("augmentation"), py::arg("position") = PositionPair(), py::keep_alive<0, 2>(),
          py::keep_alive<0, 4>(), py::keep_alive<0, 5>())
      .def(
          "evaluate",
          [](const Trainer& trainer, const py::array& x, bool integers, const py::array& y,
             const RowWeights& w, const std::vector<int64_t>& rows, bool averaged,
             const std::optional<Observer>& observer) {
            const ImageBatch images = image_batch(x, integers);
            const Targets wanted = targets_of(y, w);
            // Refers to the function: a copy would count its owners without the GIL.
            const auto observe = [&observer](const float* outputs, int64_t first, int64_t count) {
              const AcquireGil gil;
              const auto& [size, function] = *observer;
              call(function, py::make_tuple(first, py::array_t<float>({count, size}, outputs)));
            };
            const auto check = [signals = SignalCheck()](const float*, int64_t, int64_t) mutable {
              signals();
            };
            Metrics metrics;
            {
              const ReleaseGil release;
              metrics = observer ? trainer.evaluate(images, wanted, rows, averaged, observe)
                                 : trainer.evaluate(images, wanted, rows, averaged, check);
            }
            std::vector<std::tuple<double, double, double, double>> heads;
            for (const Metrics& head : metrics.heads) heads.push_back(tuple_of(head));
            std::vector<std::pair<double, double>> terms;
            for (const LossTermMean& term : metrics.terms)
              terms.emplace_back(term.loss, term.divisor);
            return std::make_tuple(tuple_of(metrics), heads, terms);
          },
          pixels, integer_values, targets, weights, py::arg("rows"), py::arg("averaged") = false,
          py::arg("observer") = py::none())
      .def("split_order", &Trainer::split_order, py::arg("count"));
}

void bind_schedule_and_average(TrainerClass& type) {
  type.def_property("learning_rate", waiting(&Trainer::learning_rate),
                    waiting(&Trainer::set_learning_rate))
      .def_property_readonly("last_learning_rate", waiting(&Trainer::last_learning_rate))
      .def("reset_optimizer", &Trainer::reset_optimizer, py::call_guard<ReleaseGil>())
      .def("begin_schedule", &Trainer::begin_schedule, py::arg("epochs"),
           py::arg("steps_per_epoch"), py::call_guard<ReleaseGil>())
      .def("extend_schedule", &Trainer::extend_schedule, py::arg("epochs"),
           py::call_guard<ReleaseGil>())
      .def("observe", &Trainer::observe, py::arg("measure"), py::call_guard<ReleaseGil>())
      .def("check_finite", &Trainer::check_finite, py::call_guard<ReleaseGil>())
      .def("averaged_model", &Trainer::averaged_model, py::call_guard<ReleaseGil>());
}

void bind_profile(TrainerClass& type) {
  type.def("start_profile", &Trainer::start_profile, py::call_guard<ReleaseGil>())
      // (steps, seconds, [(layers, forward, backward)], loss, update)
      .def("profile", [](const Trainer& trainer) {
        Profile profile;
        {
          const ReleaseGil release;
          profile = trainer.profile();
        }
        py::list layers;
        for (const LayerTime& time : profile.layers)
          layers.append(py::make_tuple(time.layers, time.forward, time.backward));
        return py::make_tuple(profile.steps, profile.seconds, layers, profile.loss, profile.update);
      });
}

void bind_checkpoints(TrainerClass& type) {
  type.def(
          "save_checkpoint",
          [](const Trainer& trainer, const std::string& path, std::string text,
             const py::dict& arrays) {
            const CheckpointMetadata metadata = metadata_of(std::move(text), arrays);
            const ReleaseGil release;
            trainer.save_checkpoint(path, metadata);
          },
          py::arg("path"), py::arg("text"), py::arg("arrays"))
      .def("restore", &Trainer::restore, py::arg("checkpoint"), py::call_guard<ReleaseGil>())
      .def("memory_bytes", &Trainer::memory_bytes, py::arg("batch_size"),
           py::call_guard<ReleaseGil>())
      .def("release", &Trainer::release, py::call_guard<ReleaseGil>());
}

}  // namespace

void bind_trainer(py::module_& module) {
  module.def("training_settings", &training_settings);
  bind_schedule_factors(module);
  bind_epoch(module);
  TrainerClass type(module, "Trainer");
  type.def(
      py::init([](Model& model, const std::string& optimizer, const py::dict& optimizer_settings,
                  const std::string& loss, const py::dict& loss_settings, const py::dict& options) {
        const OptimizerSettings update = optimizer_of(optimizer, optimizer_settings);
        const Loss minimised = loss_of(loss, loss_settings);
        const TrainerOptions rest = trainer_options_of(options);
        const ReleaseGil release;
        return Trainer(model, update, minimised, rest);
      }),
      py::arg("model"), py::arg("optimizer"), py::arg("optimizer_settings"), py::arg("loss"),
      py::arg("loss_settings"), py::arg("options"));
  bind_steps(type);
  bind_epochs(type);
  bind_schedule_and_average(type);
  bind_profile(type);
  bind_checkpoints(type);
  bind_distribute(type);
}

}  // namespace cnnx::bindings
