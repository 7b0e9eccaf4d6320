// Trainers in C: steps, gradients, evaluation, the learning rate.
#include "cnnx/trainer.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "c_api/samples.h"
#include "c_api/status.h"
#include "c_api/training_settings.h"

using cnnx::Model;
using cnnx::Trainer;
using cnnx::c_api::Call;
using cnnx::c_api::guarded;
using cnnx::c_api::Samples;

namespace {

// The bodies of functions with and without weights.

void step(const Call& call, cnnx_trainer* trainer, const cnnx_samples* samples,
          const float* weights, double* loss) {
  Trainer& given = call.trainer(trainer);
  const Samples batch(call, samples, weights);
  batch.refuse_rows(call);
  const double mean = given.step(batch.images, batch.targets);
  if (loss) *loss = mean;
}

void compute_gradients(const Call& call, cnnx_trainer* trainer, const cnnx_samples* samples,
                       const float* weights, double divisor, double* loss) {
  Trainer& given = call.trainer(trainer);
  const Samples batch(call, samples, weights);
  batch.refuse_rows(call);
  const double quotient = given.compute_gradients(batch.images, batch.targets, divisor);
  if (loss) *loss = quotient;
}

void evaluate(const Call& call, const cnnx_trainer* trainer, const cnnx_samples* samples,
              const float* weights, int32_t averaged, double* loss, double* accuracy) {
  const Trainer& given = call.trainer(trainer);
  const Samples set(call, samples, weights);
  const cnnx::Metrics metrics =
      given.evaluate(set.images, set.targets, set.rows, call.flag(averaged, "averaged"));
  if (loss) *loss = metrics.loss;
  if (accuracy) *accuracy = metrics.accuracy;
}

}  // namespace

cnnx_status cnnx_trainer_create(cnnx_model* model, const char* optimizer, const char* loss,
                                const char* options, cnnx_trainer** trainer) {
  return guarded(__func__, [&](const Call& call) {
    Model& trained = call.model(model);
    cnnx_trainer*& result = call.not_null(trainer, "trainer");
    auto handle = std::make_unique<cnnx_trainer>();
    handle->trainer = std::make_shared<Trainer>(trained, cnnx::c_api::optimizer_of(call, optimizer),
                                                cnnx::c_api::loss_of(call, loss),
                                                cnnx::c_api::trainer_options_of(call, options));
    result = handle.release();
  });
}

void cnnx_trainer_destroy(cnnx_trainer* trainer) { delete trainer; }

cnnx_status cnnx_trainer_memory_bytes(const cnnx_trainer* trainer, int64_t batch_size,
                                      int64_t* bytes) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(bytes, "bytes") = call.trainer(trainer).memory_bytes(batch_size);
  });
}

cnnx_status cnnx_trainer_release(cnnx_trainer* trainer) {
  return guarded(__func__, [&](const Call& call) { call.trainer(trainer).release(); });
}

cnnx_status cnnx_trainer_step(cnnx_trainer* trainer, const cnnx_samples* samples, double* loss) {
  return guarded(__func__, [&](const Call& call) { step(call, trainer, samples, nullptr, loss); });
}

cnnx_status cnnx_trainer_step_weighted(cnnx_trainer* trainer, const cnnx_samples* samples,
                                       const float* weights, double* loss) {
  return guarded(__func__, [&](const Call& call) { step(call, trainer, samples, weights, loss); });
}

cnnx_status cnnx_trainer_compute_gradients(cnnx_trainer* trainer, const cnnx_samples* samples,
                                           double divisor, double* loss) {
  return guarded(__func__, [&](const Call& call) {
    compute_gradients(call, trainer, samples, nullptr, divisor, loss);
  });
}

cnnx_status cnnx_trainer_compute_gradients_weighted(cnnx_trainer* trainer,
                                                    const cnnx_samples* samples,
                                                    const float* weights, double divisor,
                                                    double* loss) {
  return guarded(__func__, [&](const Call& call) {
    compute_gradients(call, trainer, samples, weights, divisor, loss);
  });
}

cnnx_status cnnx_trainer_gradients(cnnx_trainer* trainer, float** gradients, int64_t* count) {
  return guarded(__func__, [&](const Call& call) {
    Trainer& given = call.trainer(trainer);
    float*& block = call.not_null(gradients, "gradients");
    call.not_null(count, "count") = given.gradient_count();
    block = given.gradients();
  });
}

cnnx_status cnnx_trainer_apply_gradients(cnnx_trainer* trainer) {
  return guarded(__func__, [&](const Call& call) { call.trainer(trainer).apply_gradients(); });
}

cnnx_status cnnx_trainer_evaluate(const cnnx_trainer* trainer, const cnnx_samples* samples,
                                  int32_t averaged, double* loss, double* accuracy) {
  return guarded(__func__, [&](const Call& call) {
    evaluate(call, trainer, samples, nullptr, averaged, loss, accuracy);
  });
}

cnnx_status cnnx_trainer_evaluate_weighted(const cnnx_trainer* trainer, const cnnx_samples* samples,
                                           const float* weights, int32_t averaged, double* loss,
                                           double* accuracy) {
  return guarded(__func__, [&](const Call& call) {
    evaluate(call, trainer, samples, weights, averaged, loss, accuracy);
  });
}

cnnx_status cnnx_trainer_averaged_model(const cnnx_trainer* trainer, cnnx_model** model) {
  return guarded(__func__, [&](const Call& call) {
    const Trainer& given = call.trainer(trainer);
    cnnx_model*& result = call.not_null(model, "model");
    result = new cnnx_model{given.averaged_model()};
  });
}

cnnx_status cnnx_trainer_check_finite(const cnnx_trainer* trainer) {
  return guarded(__func__, [&](const Call& call) { call.trainer(trainer).check_finite(); });
}

cnnx_status cnnx_trainer_get_learning_rate(const cnnx_trainer* trainer, double* value) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(value, "value") = call.trainer(trainer).learning_rate();
  });
}

cnnx_status cnnx_trainer_set_learning_rate(cnnx_trainer* trainer, double value) {
  return guarded(__func__,
                 [&](const Call& call) { call.trainer(trainer).set_learning_rate(value); });
}

cnnx_status cnnx_trainer_last_learning_rate(const cnnx_trainer* trainer, double* value) {
  return guarded(__func__, [&](const Call& call) {
    call.not_null(value, "value") = call.trainer(trainer).last_learning_rate();
  });
}

cnnx_status cnnx_trainer_reset_optimizer(cnnx_trainer* trainer) {
  return guarded(__func__, [&](const Call& call) { call.trainer(trainer).reset_optimizer(); });
}

cnnx_status cnnx_trainer_start_profile(cnnx_trainer* trainer) {
  return guarded(__func__, [&](const Call& call) { call.trainer(trainer).start_profile(); });
}

cnnx_status cnnx_trainer_profile(const cnnx_trainer* trainer, cnnx_profile* profile) {
  return guarded(__func__, [&](const Call& call) {
    const cnnx::Profile measured = call.trainer(trainer).profile();
    call.not_null(profile, "profile") = {measured.steps, measured.seconds, measured.loss,
                                         measured.update,
                                         static_cast<int64_t>(measured.layers.size())};
  });
}

cnnx_status cnnx_trainer_profile_part(const cnnx_trainer* trainer, int64_t index,
                                      const char** layers, double* forward, double* backward) {
  return guarded(__func__, [&](const Call& call) {
    const cnnx::Profile measured = call.trainer(trainer).profile();
    const cnnx::LayerTime& part = measured.layers[call.index(index, measured.layers.size())];
    if (layers) {
      std::string names;
      for (const std::string& name : part.layers) names += (names.empty() ? "" : ",") + name;
      *layers = trainer->texts.keep(names);
    }
    if (forward) *forward = part.forward;
    if (backward) *backward = part.backward;
  });
}

cnnx_status cnnx_trainer_extend_schedule(cnnx_trainer* trainer, int64_t epochs) {
  return guarded(__func__,
                 [&](const Call& call) { call.trainer(trainer).extend_schedule(epochs); });
}

cnnx_status cnnx_trainer_begin_schedule(cnnx_trainer* trainer, int64_t epochs,
                                        int64_t steps_per_epoch) {
  return guarded(__func__, [&](const Call& call) {
    call.trainer(trainer).begin_schedule(epochs, steps_per_epoch);
  });
}

cnnx_status cnnx_trainer_observe(cnnx_trainer* trainer, double measure) {
  return guarded(__func__, [&](const Call& call) { call.trainer(trainer).observe(measure); });
}

cnnx_status cnnx_trainer_split_order(const cnnx_trainer* trainer, int64_t count, int64_t* rows,
                                     int64_t room) {
  return guarded(__func__, [&](const Call& call) {
    const Trainer& given = call.trainer(trainer);
    call.not_negative(count, "count");
    int64_t* const written = call.array(rows, "rows", room, count);
    const std::vector<int64_t> order = given.split_order(count);
    std::copy(order.begin(), order.end(), written);
  });
}
