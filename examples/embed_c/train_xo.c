// Trains a small network on the X/O data set, prints its accuracy on a test set, and saves it.
//
//   train_xo MODEL
#include <cnnx/c_api.h>
#include <stdint.h>
#include <stdio.h>

enum { SIZE = 32, TRAINING = 2000, TEST = 1000 };

static uint8_t pixels[TRAINING * SIZE * SIZE];
static int64_t labels[TRAINING];

static const char* const classes[] = {"X", "O"};
static const char layers[] =
    "conv2d out_channels=16 kernel_size=3 padding=same\n"
    "relu\n"
    "max_pool2d kernel_size=2\n"
    "conv2d out_channels=32 kernel_size=3 padding=same\n"
    "relu\n"
    "max_pool2d kernel_size=2\n"
    "flatten\n"
    "dense out_features=64\n"
    "relu\n"
    "dense out_features=2\n";

static int32_t report(void* context, int64_t epochs_done, double loss, double accuracy) {
  (void)context;
  printf("epoch %d: loss %.4f, accuracy %.1f %%\n", (int)epochs_done, loss, 100 * accuracy);
  return 1;  // continue
}

// Returns the status of the first call that fails. The caller destroys the handles.
static cnnx_status train(cnnx_model** model, cnnx_trainer** trainer, const char* path) {
  cnnx_samples samples = {.pixels = pixels, .labels = labels};
  double accuracy = 0;
  cnnx_status status = cnnx_model_create(layers, SIZE, SIZE, 1, classes, 2, NULL, model);
  if (!status)
    status = cnnx_trainer_create(*model, "adam learning_rate=0.001", NULL, NULL, trainer);

  samples.count = TRAINING;
  if (!status) status = cnnx_draw_xo(TRAINING, SIZE, 1, pixels, labels);
  if (!status) status = cnnx_trainer_fit(*trainer, &samples, 6, NULL, report, NULL);

  samples.count = TEST;
  if (!status) status = cnnx_draw_xo(TEST, SIZE, 2, pixels, labels);
  if (!status) status = cnnx_trainer_evaluate(*trainer, &samples, 0, NULL, &accuracy);
  if (!status) printf("test accuracy %.1f %%\n", 100 * accuracy);
  if (!status) status = cnnx_model_save(*model, path);
  return status;
}

int main(int argument_count, char** arguments) {
  if (argument_count != 2) {
    fprintf(stderr, "usage: train_xo MODEL\n");
    return 2;
  }
  cnnx_model* model = NULL;
  cnnx_trainer* trainer = NULL;
  const cnnx_status status = train(&model, &trainer, arguments[1]);
  if (status != CNNX_OK) fprintf(stderr, "train_xo: %s\n", cnnx_error_message());
  cnnx_trainer_destroy(trainer);
  cnnx_model_destroy(model);
  return status == CNNX_OK ? 0 : 1;
}
