// Classifies images with a saved model and prints file, label and probability, separated by tabs.
//
//   classify MODEL IMAGE...
//
// Images are PGM or PPM files (P5 or P6, 8 bits) of any size, resized as the model file specifies.
// cnnx decodes no image formats; use another library for other formats.
#include <cnnx/c_api.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST_SIDE = 16384 };

static int report_error(const char* message) {
  fprintf(stderr, "classify: %s\n", message);
  return 1;
}

// Reads one number of the header, after spaces and comments; returns -1 on failure.
static int read_number(FILE* file) {
  int next = getc(file);
  while (isspace(next) || next == '#') {
    if (next == '#') {
      while (next != '\n' && next != EOF) next = getc(file);
    } else {
      next = getc(file);
    }
  }
  ungetc(next, file);
  int number = 0;
  return fscanf(file, "%5d", &number) == 1 ? number : -1;
}

// Reads the pixels, which the caller frees. On failure returns NULL and a message in `problem`.
static uint8_t* read_pixels(FILE* file, cnnx_image* image, const char** problem) {
  const int magic = getc(file), kind = getc(file);
  const int width = read_number(file), height = read_number(file), largest = read_number(file);
  getc(file);  // the one character between the header and the pixels
  *problem = "is not a PGM or PPM file of 8 bits";
  if (magic != 'P' || (kind != '5' && kind != '6') || largest != 255) return NULL;
  if (width < 1 || height < 1 || width > MOST_SIDE || height > MOST_SIDE) return NULL;
  image->height = height;
  image->width = width;
  image->channels = kind == '5' ? 1 : 3;
  const size_t size = (size_t)(image->height * image->width * image->channels);
  uint8_t* pixels = malloc(size);
  *problem = "is too large for the available memory";
  if (pixels == NULL) return NULL;
  *problem = "ends too early";
  if (fread(pixels, 1, size, file) == size) return pixels;
  free(pixels);
  return NULL;
}

// Prints one line. Returns 0, or 1 after an error message.
static int classify(const cnnx_model* model, const char* path, float* probabilities,
                    int64_t classes) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) {
    fprintf(stderr, "classify: %s: cannot be opened\n", path);
    return 1;
  }
  const char* problem = NULL;
  cnnx_image image = {.type = CNNX_UINT8};
  uint8_t* pixels = read_pixels(file, &image, &problem);
  fclose(file);
  if (pixels == NULL) {
    fprintf(stderr, "classify: %s: %s\n", path, problem);
    return 1;
  }
  image.pixels = pixels;
  int64_t index = 0;
  const cnnx_status status = cnnx_model_predict(model, &image, &index, probabilities, classes);
  free(pixels);
  const char* label = "";
  if (status != CNNX_OK || cnnx_model_class_name(model, index, &label) != CNNX_OK)
    return report_error(cnnx_error_message());
  printf("%s\t%s\t%.4f\n", path, label, probabilities[index]);
  return 0;
}

int main(int argument_count, char** arguments) {
  if (argument_count < 3) {
    fprintf(stderr, "usage: classify MODEL IMAGE...\n");
    return 2;
  }
  cnnx_model* model = NULL;
  int64_t classes = 0;
  if (cnnx_model_load(arguments[1], &model) != CNNX_OK ||
      cnnx_model_class_count(model, &classes) != CNNX_OK)
    return report_error(cnnx_error_message());
  float* probabilities = malloc((size_t)classes * sizeof(float));
  int failed = probabilities == NULL ? report_error("there is not enough memory") : 0;
  for (int i = 2; i < argument_count && !failed; ++i)
    failed = classify(model, arguments[i], probabilities, classes);
  free(probabilities);
  cnnx_model_destroy(model);
  return failed;
}
