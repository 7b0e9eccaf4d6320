// Checkpoints in C: saving a training run to a file, and resuming it.
#include "cnnx/checkpoint.h"

#include "c_api/status.h"
#include "cnnx/trainer.h"

using cnnx::c_api::Call;
using cnnx::c_api::guarded;

cnnx_status cnnx_trainer_save_checkpoint(const cnnx_trainer* trainer, const cnnx_epoch* epoch,
                                         const char* path, const char* metadata) {
  return guarded(__func__, [&](const Call& call) {
    const cnnx::Trainer& given = call.trainer(trainer);
    cnnx::CheckpointMetadata noted;
    if (metadata) noted.text = call.text(metadata, "metadata");
    if (epoch) noted.arrays.push_back(epoch->epoch.place());
    given.save_checkpoint(call.path(path), noted);
  });
}

cnnx_status cnnx_trainer_restore(cnnx_trainer* trainer, const cnnx_checkpoint* checkpoint) {
  return guarded(__func__, [&](const Call& call) {
    call.trainer(trainer).restore(call.not_null(checkpoint, "checkpoint").checkpoint);
  });
}

cnnx_status cnnx_checkpoint_load(const char* path, cnnx_checkpoint** checkpoint) {
  return guarded(__func__, [&](const Call& call) {
    cnnx_checkpoint*& result = call.not_null(checkpoint, "checkpoint");
    result = new cnnx_checkpoint{cnnx::Checkpoint::load(call.path(path))};
  });
}

void cnnx_checkpoint_destroy(cnnx_checkpoint* checkpoint) { delete checkpoint; }

cnnx_status cnnx_checkpoint_model(const cnnx_checkpoint* checkpoint, cnnx_model** model) {
  return guarded(__func__, [&](const Call& call) {
    const cnnx::Checkpoint& given = call.not_null(checkpoint, "checkpoint").checkpoint;
    cnnx_model*& result = call.not_null(model, "model");
    result = new cnnx_model{given.model()};
  });
}

cnnx_status cnnx_checkpoint_metadata(const cnnx_checkpoint* checkpoint, const char** metadata) {
  return guarded(__func__, [&](const Call& call) {
    const cnnx::Checkpoint& given = call.not_null(checkpoint, "checkpoint").checkpoint;
    call.not_null(metadata, "metadata") = given.metadata().text.c_str();
  });
}
