// The C interface: load a model and predict, for C11, C++ and every language that can call C. It
// says what the functions are in C; what they compute is told in the C++ headers of the same names.
//
//   cnnx_model* model = NULL;
//   if (cnnx_model_load("digits.cnnx", &model) != CNNX_OK) return complain(cnnx_error_message());
//   const cnnx_image image = {.pixels = grey, .height = 28, .width = 28, .channels = 1};
//   int64_t index = 0;
//   float probabilities[10];
//   if (cnnx_model_predict(model, &image, &index, probabilities, 10) != CNNX_OK) ...
//   cnnx_model_destroy(model);
//
// Errors. A function that can fail returns a cnnx_status. When that is not CNNX_OK, no handle has
// been created, what should have been written must not be read, and cnnx_error_message() is one
// sentence about it. A null pointer is such an error, where the function does not say that it may
// be NULL. Nothing is thrown, printed or ended.
//
// Ownership. What a function creates, it hands over through its last argument, a pointer to a
// handle, and the caller ends it with the destroy function of the same kind, once; destroying NULL
// does nothing. Everything else belongs to whom it came from: arrays to the caller, who may free
// them when the call has returned, and the texts that functions give to the handle they were asked
// of, as long as it lives.
//
// Texts are UTF-8 and end in a zero byte; paths are UTF-8 on Windows, the file system's own bytes
// elsewhere.
//
// Threads. Functions that take a const handle may be called from several threads at once, also
// while one other thread changes the model's parameters; others may not.
//
// The structs and numbers here keep their layout and meaning: what is added later is added as new
// functions and new values.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cnnx/export.h"

#ifdef __cplusplus
extern "C" {
#endif

// What became of a call.
typedef int32_t cnnx_status;
enum {
  CNNX_OK = 0,
  CNNX_INVALID_ARGUMENT = 1,  // an argument is not what the function expects
  CNNX_FORMAT_ERROR = 2,      // a file is not what it claims to be
  CNNX_SYSTEM_ERROR = 3,      // the operating system refused: no such file, no space left
  CNNX_OUT_OF_MEMORY = 4,
  CNNX_NOT_FINITE = 5,     // training came to a loss that is NaN or infinite
  CNNX_INTERNAL_ERROR = 6  // a mistake in cnnx
};

// What the last call in this thread that failed had to say; "" before the first. Valid until this
// thread's next call that fails.
CNNX_API const char* cnnx_error_message(void);
// Of the same call: errno, or what GetLastError() says on Windows, for a CNNX_SYSTEM_ERROR; 0 for
// others.
CNNX_API int32_t cnnx_error_number(void);

// The library and the machine; see cnnx/runtime.h.
// -------------------------------------------------

// "0.1.0", that of the library, which may be newer than this header.
CNNX_API const char* cnnx_version(void);
// "baseline", "avx2", "avx512" or "neon"; fails when CNNX_ISA names one that cannot be used. The
// text is valid for ever.
CNNX_API cnnx_status cnnx_isa(const char** name);
// 1, or 0 when the library was built without OpenMP.
CNNX_API int32_t cnnx_has_openmp(void);
CNNX_API cnnx_status cnnx_get_num_threads(int32_t* count);
CNNX_API cnnx_status cnnx_set_num_threads(int32_t count);  // 1 to 1024

// Pictures; see cnnx/image.h.
// ----------------------------------------------------------------------

typedef int32_t cnnx_pixel_type;
enum {
  CNNX_UINT8 = 0,   // 0 to 255
  CNNX_FLOAT32 = 1  // 0 to 1
};

// One picture of any size, as its owner holds it: pixel by pixel, row by row from the top. What is
// left out of an initialiser, and so is 0, means uint8 pixels and rows without gaps.
typedef struct cnnx_image {
  const void* pixels;
  int64_t height;
  int64_t width;
  int64_t channels;  // 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
  cnnx_pixel_type type;
  int64_t row_stride;  // bytes from one row to the next; 0: no gap
} cnnx_image;

// Models; see cnnx/model.h.
// ------------------------------------------------------------------------

typedef struct cnnx_model cnnx_model;

CNNX_API cnnx_status cnnx_model_load(const char* path, cnnx_model** model);
// Replaces the file as a whole or leaves the old one.
CNNX_API cnnx_status cnnx_model_save(const cnnx_model* model, const char* path);
CNNX_API cnnx_status cnnx_model_clone(const cnnx_model* model, cnnx_model** clone);
CNNX_API void cnnx_model_destroy(cnnx_model* model);

CNNX_API cnnx_status cnnx_model_input_shape(const cnnx_model* model, int64_t* height,
                                            int64_t* width, int64_t* channels);
// How many numbers the model gives for one picture, all axes of its output together.
CNNX_API cnnx_status cnnx_model_output_count(const cnnx_model* model, int64_t* count);
// The shape of one picture's output: `axes` becomes how many sizes there are, `shape` those sizes,
// if there is room for them. With room 0, shape may be NULL, and only axes is written.
CNNX_API cnnx_status cnnx_model_output_shape(const cnnx_model* model, int64_t* shape, int64_t room,
                                             int64_t* axes);
// Between how many classes cnnx_model_predict chooses: one per output, and two for a single output,
// whose sigmoid is the second one's probability.
CNNX_API cnnx_status cnnx_model_class_count(const cnnx_model* model, int64_t* count);
// The label of a class, 0 <= index < class_count; "" when the model has no class names.
CNNX_API cnnx_status cnnx_model_class_name(const cnnx_model* model, int64_t index,
                                           const char** name);

// Predicting.
// --------------------------------------------------------------------------------------

// Resizes, converts grey/RGB and normalises one picture as the model's preprocessing says, and runs
// the model. `index` is the most probable class, `probabilities` all of them: room for class_count
// floats or more. Each of the two may be NULL, and is then not written.
CNNX_API cnnx_status cnnx_model_predict(const cnnx_model* model, const cnnx_image* image,
                                        int64_t* index, float* probabilities, int64_t room);

// Resizes and converts one picture to the model's input, without normalising it: pixels of the same
// type, room for as many of them as input_shape says, with which a batch can be put together.
CNNX_API cnnx_status cnnx_model_resize(const cnnx_model* model, const cnnx_image* image,
                                       void* pixels, int64_t room);

// Batches: `count` pictures of the model's size one after another, (count, height, width,
// channels). Writes count * output_count floats, for which there must be room: the model's raw
// outputs, or its probabilities (of a single output that of the second class alone). With count 0
// nothing is read or written.
CNNX_API cnnx_status cnnx_model_run(const cnnx_model* model, const void* pixels,
                                    cnnx_pixel_type type, int64_t count, float* outputs,
                                    int64_t room);
CNNX_API cnnx_status cnnx_model_probabilities(const cnnx_model* model, const void* pixels,
                                              cnnx_pixel_type type, int64_t count,
                                              float* probabilities, int64_t room);

// Parameters, and buffers: what training keeps up to date besides, the running statistics of batch
// norms.
// ---------------------------------------------------------------------------------------------

CNNX_API cnnx_status cnnx_model_parameter_count(const cnnx_model* model, int64_t* count);
CNNX_API cnnx_status cnnx_model_buffer_count(const cnnx_model* model, int64_t* count);
// "conv2d_1.weight", 0 <= index < parameter_count.
CNNX_API cnnx_status cnnx_model_parameter_name(const cnnx_model* model, int64_t index,
                                               const char** name);
CNNX_API cnnx_status cnnx_model_buffer_name(const cnnx_model* model, int64_t index,
                                            const char** name);
// The shape of a parameter or buffer, as cnnx_model_output_shape gives one.
CNNX_API cnnx_status cnnx_model_array_shape(const cnnx_model* model, const char* name,
                                            int64_t* shape, int64_t room, int64_t* axes);
// A parameter's or buffer's numbers; `count` is how many there are.
CNNX_API cnnx_status cnnx_model_get_array(const cnnx_model* model, const char* name, float* values,
                                          int64_t count);
CNNX_API cnnx_status cnnx_model_set_array(cnnx_model* model, const char* name, const float* values,
                                          int64_t count);

#ifdef __cplusplus
}
#endif
