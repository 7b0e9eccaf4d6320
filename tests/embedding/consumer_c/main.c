// A C program outside the project: trains on X/O images, saves the model, predicts new images,
// prints the predictions and the messages of cnnx's errors.
//
//   consumer_c MODEL
#include <cnnx/c_api.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { SIZE = 32, TRAINED = 512, ASKED = 40 };

static uint8_t pixels[TRAINED * SIZE * SIZE];
static int64_t labels[TRAINED];

static void must(cnnx_status status) {
  if (status == CNNX_OK) return;
  fprintf(stderr, "%s\n", cnnx_error_message());
  exit(1);
}

static void print_mistake(cnnx_status status) {
  printf("%d %s\n", (int)status, cnnx_error_message());
}

int main(int argument_count, char** arguments) {
  if (argument_count != 2) return 2;
  const char* const classes[] = {"X", "O"};
  const char* layers =
      "conv2d out_channels=8 kernel_size=3\n relu\n max_pool2d kernel_size=2\n"
      "flatten\n dense out_features=2";
  cnnx_model* model = NULL;
  must(cnnx_model_create(layers, SIZE, SIZE, 1, classes, 2, "seed=5", &model));

  must(cnnx_draw_xo(TRAINED, SIZE, 1, pixels, labels));
  const cnnx_samples samples = {.pixels = pixels, .count = TRAINED, .labels = labels};
  cnnx_trainer* trainer = NULL;
  must(cnnx_trainer_create(model, "adam learning_rate=0.002", "cross_entropy", NULL, &trainer));
  for (int number = 0; number < 2; ++number) {
    char options[40];
    snprintf(options, sizeof options, "batch_size=32 number=%d", number);
    cnnx_epoch* epoch = NULL;
    must(cnnx_trainer_begin_epoch(trainer, &samples, options, &epoch));
    for (int32_t advanced = 1; advanced;) must(cnnx_epoch_advance(epoch, &advanced));
    cnnx_epoch_destroy(epoch);
  }
  cnnx_trainer_destroy(trainer);
  must(cnnx_model_save(model, arguments[1]));
  cnnx_model_destroy(model);

  must(cnnx_model_load(arguments[1], &model));
  must(cnnx_draw_xo(ASKED, SIZE, 77, pixels, labels));
  for (int i = 0; i < ASKED; ++i) {
    const cnnx_image image = {
        .pixels = pixels + i * SIZE * SIZE, .height = SIZE, .width = SIZE, .channels = 1};
    int64_t index = -1;
    float probabilities[2];
    const char* label = NULL;
    must(cnnx_model_predict(model, &image, &index, probabilities, 2));
    must(cnnx_model_class_name(model, index, &label));
    printf("%s %a\n", label, (double)probabilities[index]);
  }

  float parameter = 0;
  print_mistake(cnnx_model_get_array(model, "conv2d_2.bias", &parameter, 1));
  cnnx_model_destroy(model);
  model = NULL;
  print_mistake(cnnx_model_load("no such file", &model));
  print_mistake(cnnx_model_save(model, "nowhere"));
  return 0;
}
