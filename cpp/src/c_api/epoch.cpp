// Epochs in C: several in one call, or one pass over a data set step by step.
#include <string>
#include <utility>

#include "c_api/samples.h"
#include "c_api/status.h"
#include "c_api/training_settings.h"
#include "cnnx/trainer.h"

using cnnx::EpochOptions;
using cnnx::Trainer;
using cnnx::c_api::Call;
using cnnx::c_api::guarded;
using cnnx::c_api::Samples;

namespace {

EpochOptions epoch_options(const Call& call, const char* text, Samples& samples) {
  EpochOptions options = cnnx::c_api::epoch_options_of(call, text);
  options.rows = std::move(samples.rows);
  return options;
}

// The bodies of functions with and without weights, which are null without.

struct WeightedSamples {
  const cnnx_samples* samples;
  const float* weights;
};

void fit(const Call& call, cnnx_trainer* trainer, const WeightedSamples& with, int64_t epochs,
         const char* options, cnnx_epoch_callback on_epoch, void* context) {
  Trainer& given = call.trainer(trainer);
  Samples set(call, with.samples, with.weights);
  const EpochOptions how = epoch_options(call, options, set);
  given.fit(set.images, set.targets, epochs, how,
            [&](int64_t epochs_done, const cnnx::Metrics& metrics) {
              if (!on_epoch) return true;
              const int32_t result = on_epoch(context, epochs_done, metrics.loss, metrics.accuracy);
              return call.flag(result, "the return value of on_epoch");
            });
}

// From the position in `checkpoint` on; null: from the beginning.
void begin_epoch(const Call& call, cnnx_trainer* trainer, const WeightedSamples& with,
                 const char* options, const cnnx_checkpoint* checkpoint, cnnx_epoch** epoch) {
  Trainer& given = call.trainer(trainer);
  Samples set(call, with.samples, with.weights);
  cnnx_epoch*& result = call.not_null(epoch, "epoch");
  EpochOptions how = epoch_options(call, options, set);
  if (checkpoint) {
    const uint64_t number = how.number;
    cnnx::resume(how, checkpoint->checkpoint.metadata());
    if (number != 0 && number != how.number) {
      call.refuse("number is " + std::to_string(number) + ", expected the noted epoch's, " +
                  std::to_string(how.number));
    }
  }
  result = new cnnx_epoch{trainer->trainer, given.begin_epoch(set.images, set.targets, how)};
}

}  // namespace

cnnx_status cnnx_trainer_fit(cnnx_trainer* trainer, const cnnx_samples* samples, int64_t epochs,
                             const char* options, cnnx_epoch_callback on_epoch, void* context) {
  return guarded(__func__, [&](const Call& call) {
    fit(call, trainer, {samples, nullptr}, epochs, options, on_epoch, context);
  });
}

cnnx_status cnnx_trainer_fit_weighted(cnnx_trainer* trainer, const cnnx_samples* samples,
                                      const float* weights, int64_t epochs, const char* options,
                                      cnnx_epoch_callback on_epoch, void* context) {
  return guarded(__func__, [&](const Call& call) {
    fit(call, trainer, {samples, weights}, epochs, options, on_epoch, context);
  });
}

cnnx_status cnnx_trainer_begin_epoch(cnnx_trainer* trainer, const cnnx_samples* samples,
                                     const char* options, cnnx_epoch** epoch) {
  return guarded(__func__, [&](const Call& call) {
    begin_epoch(call, trainer, {samples, nullptr}, options, nullptr, epoch);
  });
}

cnnx_status cnnx_trainer_begin_epoch_weighted(cnnx_trainer* trainer, const cnnx_samples* samples,
                                              const float* weights, const char* options,
                                              cnnx_epoch** epoch) {
  return guarded(__func__, [&](const Call& call) {
    begin_epoch(call, trainer, {samples, weights}, options, nullptr, epoch);
  });
}

cnnx_status cnnx_trainer_continue_epoch(cnnx_trainer* trainer, const cnnx_samples* samples,
                                        const char* options, const cnnx_checkpoint* checkpoint,
                                        cnnx_epoch** epoch) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(checkpoint, "checkpoint");
    begin_epoch(call, trainer, {samples, nullptr}, options, checkpoint, epoch);
  });
}

cnnx_status cnnx_trainer_continue_epoch_weighted(cnnx_trainer* trainer, const cnnx_samples* samples,
                                                 const float* weights, const char* options,
                                                 const cnnx_checkpoint* checkpoint,
                                                 cnnx_epoch** epoch) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(checkpoint, "checkpoint");
    begin_epoch(call, trainer, {samples, weights}, options, checkpoint, epoch);
  });
}

void cnnx_epoch_destroy(cnnx_epoch* epoch) { delete epoch; }

cnnx_status cnnx_epoch_number(const cnnx_epoch* epoch, uint64_t* number) {
  return guarded(__func__, [&](const Call& call) {
    const cnnx::Epoch& given = call.not_null(epoch, "epoch").epoch;
    call.not_null(number, "number") = given.number();
  });
}

cnnx_status cnnx_epoch_step_count(const cnnx_epoch* epoch, int64_t* done, int64_t* all) {
  return guarded(__func__, [&](const Call& call) {
    const cnnx::Epoch& given = call.not_null(epoch, "epoch").epoch;
    if (done) *done = given.step();
    if (all) *all = given.steps();
  });
}

cnnx_status cnnx_epoch_advance(cnnx_epoch* epoch, int32_t* advanced) {
  return guarded(__func__, [&](const Call& call) {
    cnnx::Epoch& given = call.not_null(epoch, "epoch").epoch;
    int32_t& result = call.not_null(advanced, "advanced");
    result = given.advance() ? 1 : 0;
  });
}

cnnx_status cnnx_epoch_metrics(const cnnx_epoch* epoch, double* loss, double* accuracy) {
  return guarded(__func__, [&](const Call& call) {
    const cnnx::Metrics metrics = call.not_null(epoch, "epoch").epoch.metrics();
    if (loss) *loss = metrics.loss;
    if (accuracy) *accuracy = metrics.accuracy;
  });
}

cnnx_status cnnx_epoch_weights(const cnnx_epoch* epoch, double* of_loss, double* of_accuracy) {
  return guarded(__func__, [&](const Call& call) {
    const cnnx::Epoch& given = call.not_null(epoch, "epoch").epoch;
    if (of_loss) *of_loss = given.weight();
    if (of_accuracy) *of_accuracy = given.row_weight();
  });
}
