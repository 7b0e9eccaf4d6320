// Prints, for every image, the probabilities of a model's classes, to the last bit.
//
//   predictions_c MODEL IMAGE...
//
// Images are PAM files (P7, 8 bits), of any size and of 1 to 4 channels, at most 1 MB large.
#include <cnnx/c_api.h>
#include <stdint.h>
#include <stdio.h>

enum { MOST_BYTES = 1 << 20, MOST_CLASSES = 1000 };

static uint8_t pixels[MOST_BYTES];
static float probabilities[MOST_CLASSES];

static int fail(const char* sentence) {
  fprintf(stderr, "%s\n", sentence);
  return 1;
}

int main(int argument_count, char** arguments) {
  cnnx_model* model = NULL;
  int64_t classes = 0;
  if (argument_count < 3 || cnnx_model_load(arguments[1], &model) != CNNX_OK ||
      cnnx_model_class_count(model, &classes) != CNNX_OK)
    return fail(cnnx_error_message());
  for (int i = 2; i < argument_count; ++i) {
    FILE* file = fopen(arguments[i], "rb");
    if (file == NULL) return fail(arguments[i]);
    long long width = 0, height = 0, depth = 0;
    const int read = fscanf(file, "P7 WIDTH %lld HEIGHT %lld DEPTH %lld MAXVAL 255 ENDHDR", &width,
                            &height, &depth);
    getc(file);
    const size_t size = fread(pixels, 1, MOST_BYTES, file);
    fclose(file);
    if (read != 3 || size != (size_t)(width * height * depth)) return fail(arguments[i]);
    const cnnx_image image = {
        .pixels = pixels, .height = height, .width = width, .channels = depth};
    if (cnnx_model_predict(model, &image, NULL, probabilities, MOST_CLASSES) != CNNX_OK)
      return fail(cnnx_error_message());
    for (int64_t each = 0; each < classes; ++each) printf("%a ", (double)probabilities[each]);
    printf("\n");
  }
  cnnx_model_destroy(model);
  return 0;
}
