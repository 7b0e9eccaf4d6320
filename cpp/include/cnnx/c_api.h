// The C interface: load, build, train and run models, from C11, C++ and every language that can
// call C. It says what the functions are in C; what they compute is told in the C++ headers that it
// names.
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
// Settings. What is built, trained and asked for is written as text, so that every language can
// write it and more settings can come: a line is a kind, then settings by name, "adam
// learning_rate=0.001 beta2=0.99". There are no spaces within a value; lists are 1,2,3; true and
// false are these words; a size of height and width may be one number. Empty lines and those that
// begin with # are passed over. A setting that is unknown or given twice is an error. Names and
// defaults are those of the C++ structs.
//
// Texts are UTF-8 and end in a zero byte; paths are UTF-8 on Windows, the file system's own bytes
// elsewhere.
//
// Threads. Functions that take a const cnnx_model may be called from several threads at once, also
// while another one trains that model or sets its parameters. Everything else about one handle is
// for one thread at a time.
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

// The library and the machine; see cnnx/runtime.h. ------------------------------------------------

// "0.1.0", that of the library, which may be newer than this header.
CNNX_API const char* cnnx_version(void);
// "baseline", "avx2", "avx512" or "neon"; fails when CNNX_ISA names one that cannot be used. The
// text is valid for ever.
CNNX_API cnnx_status cnnx_isa(const char** name);
// 1, or 0 when the library was built serial.
CNNX_API int32_t cnnx_has_threads(void);
// 1 when the threads are OpenMP's, or 0.
CNNX_API int32_t cnnx_has_openmp(void);
CNNX_API cnnx_status cnnx_get_num_threads(int32_t* count);
CNNX_API cnnx_status cnnx_set_num_threads(int32_t count);  // 1 to 1024

// Images; see cnnx/image.h. ---------------------------------------------------------------------

typedef int32_t cnnx_pixel_type;
enum {
  CNNX_UINT8 = 0,   // 0 to 255
  CNNX_FLOAT32 = 1  // 0 to 1
};

// One image of any size, as its owner holds it: pixel by pixel, row by row from the top. What is
// left out of an initialiser, and so is 0, means uint8 pixels and rows without gaps.
typedef struct cnnx_image {
  const void* pixels;
  int64_t height;
  int64_t width;
  int64_t channels;  // 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
  cnnx_pixel_type type;
  int64_t row_stride;  // bytes from one row to the next; 0: no gap
} cnnx_image;

// Models; see cnnx/model.h. -----------------------------------------------------------------------

typedef struct cnnx_model cnnx_model;

// A model of new weights from its layers, as a text; see "Settings" above. A line holds one layer:
// its kind and the settings that cnnx/layer.h lists, of which all have a default but those that
// cnnx/layers.h asks for, and name=, inputs=first,second and trainable=false. For example
//   "conv2d out_channels=16 kernel_size=3 padding=same\n relu\n max_pool2d kernel_size=2\n"
//   "flatten\n dense out_features=10"
// `classes` are the labels, NULL when class_count is 0. `options` is NULL or a line of seed=0
// resize=stretch|fit|crop mean=0 std=1 (one number, or one per channel), here with its defaults.
CNNX_API cnnx_status cnnx_model_create(const char* layers, int64_t height, int64_t width,
                                       int64_t channels, const char* const* classes,
                                       int64_t class_count, const char* options,
                                       cnnx_model** model);
CNNX_API cnnx_status cnnx_model_load(const char* path, cnnx_model** model);
// The same from the `size` bytes of a file, which a program may carry within itself.
CNNX_API cnnx_status cnnx_model_from_bytes(const void* bytes, int64_t size, cnnx_model** model);
// Replaces the file as a whole or leaves the old one.
CNNX_API cnnx_status cnnx_model_save(const cnnx_model* model, const char* path);
CNNX_API cnnx_status cnnx_model_clone(const cnnx_model* model, cnnx_model** clone);
CNNX_API void cnnx_model_destroy(cnnx_model* model);

CNNX_API cnnx_status cnnx_model_input_shape(const cnnx_model* model, int64_t* height,
                                            int64_t* width, int64_t* channels);
// How many numbers the model gives for one image, all axes of its output together.
CNNX_API cnnx_status cnnx_model_output_count(const cnnx_model* model, int64_t* count);
// The shape of one image's output: `axes` becomes how many sizes there are, `shape` those sizes,
// if there is room for them. With room 0, shape may be NULL, and only axes is written.
CNNX_API cnnx_status cnnx_model_output_shape(const cnnx_model* model, int64_t* shape, int64_t room,
                                             int64_t* axes);
// Between how many classes cnnx_model_predict chooses: one per output, and two for a single output,
// whose sigmoid is the second one's probability.
CNNX_API cnnx_status cnnx_model_class_count(const cnnx_model* model, int64_t* count);
// The label of a class, 0 <= index < class_count; "" when the model has no class names.
CNNX_API cnnx_status cnnx_model_class_name(const cnnx_model* model, int64_t index,
                                           const char** name);

// Predicting. -------------------------------------------------------------------------------------

// Resizes, converts grey/RGB and normalises one image as the model's preprocessing says, and runs
// the model. `index` is the most probable class, `probabilities` all of them: room for class_count
// floats or more. Each of the two may be NULL, and is then not written.
CNNX_API cnnx_status cnnx_model_predict(const cnnx_model* model, const cnnx_image* image,
                                        int64_t* index, float* probabilities, int64_t room);

// Resizes and converts one image to the model's input, without normalising it: pixels of the same
// type, room for as many of them as input_shape says, with which a batch can be put together.
CNNX_API cnnx_status cnnx_model_resize(const cnnx_model* model, const cnnx_image* image,
                                       void* pixels, int64_t room);

// Batches: `count` images of the model's size one after another, (count, height, width,
// channels). Writes count * output_count floats, for which there must be room: the model's raw
// outputs, or its probabilities (of a single output that of the second class alone). With count 0
// nothing is read or written.
CNNX_API cnnx_status cnnx_model_run(const cnnx_model* model, const void* pixels,
                                    cnnx_pixel_type type, int64_t count, float* outputs,
                                    int64_t room);
CNNX_API cnnx_status cnnx_model_probabilities(const cnnx_model* model, const void* pixels,
                                              cnnx_pixel_type type, int64_t count,
                                              float* probabilities, int64_t room);

// Parameters and buffers. -------------------------------------------------------------------------

// Buffers are what training keeps up to date besides: the running statistics of batch norms.

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

// Training; see cnnx/trainer.h. -------------------------------------------------------------------

// Whether training changes a layer, by its name.
CNNX_API cnnx_status cnnx_model_set_trainable(cnnx_model* model, const char* layer,
                                              int32_t trainable);

// Images of the model's size, (count, height, width, channels), and what the model should say of
// them: either labels, one per image, or values, one per output of each image. Of `rows`, which
// cnnx_trainer_evaluate and cnnx_trainer_begin_epoch heed and others refuse, only these images
// take part; NULL: all.
typedef struct cnnx_samples {
  const void* pixels;
  int64_t count;
  cnnx_pixel_type type;
  const int64_t* labels;
  const float* values;
  const int64_t* rows;
  int64_t row_count;
} cnnx_samples;

// Shares the model, whose handle may be destroyed before it. Not for several threads at once.
typedef struct cnnx_trainer cnnx_trainer;

// optimizer: a line, sgd, adam, adamw, rmsprop or muon (cnnx/optimizers.h); NULL: adam.
// loss: a line, cross_entropy label_smoothing=0 class_weights=1,2,1, binary_cross_entropy,
// mean_squared_error, mean_absolute_error or huber delta=1; NULL: cross_entropy.
// options: NULL or some of these lines:
//   seed=0 clip_norm=0
//   rule pattern=*.bias learning_rate_factor=1 weight_decay_factor=1       (as many as needed)
//   averaging decay=0.999 every=1
//   constant_rate, step_decay, cosine_decay, one_cycle, triangular or plateau (cnnx/schedules.h),
//   each also with warmup_epochs=0 warmup_start=0
CNNX_API cnnx_status cnnx_trainer_create(cnnx_model* model, const char* optimizer, const char* loss,
                                         const char* options, cnnx_trainer** trainer);
CNNX_API void cnnx_trainer_destroy(cnnx_trainer* trainer);

// One step on all images of a batch. `loss`, the mean before the update, may be NULL.
CNNX_API cnnx_status cnnx_trainer_step(cnnx_trainer* trainer, const cnnx_samples* samples,
                                       double* loss);
// The two halves of a step, for those who add up gradients of their own: of the sum of the losses
// over `divisor` (0: the mean's), in a block that belongs to the trainer.
CNNX_API cnnx_status cnnx_trainer_compute_gradients(cnnx_trainer* trainer,
                                                    const cnnx_samples* samples, double divisor,
                                                    double* loss);
CNNX_API cnnx_status cnnx_trainer_gradients(cnnx_trainer* trainer, float** gradients,
                                            int64_t* count);
CNNX_API cnnx_status cnnx_trainer_apply_gradients(cnnx_trainer* trainer);

// Means over the images, by the model or, with `averaged` 1, by its averaged weights. Each of
// loss and accuracy may be NULL; accuracy is NaN for other losses than the cross-entropies.
CNNX_API cnnx_status cnnx_trainer_evaluate(const cnnx_trainer* trainer, const cnnx_samples* samples,
                                           int32_t averaged, double* loss, double* accuracy);
// A model of its own with the averaged weights.
CNNX_API cnnx_status cnnx_trainer_averaged_model(const cnnx_trainer* trainer, cnnx_model** model);
// CNNX_NOT_FINITE when a parameter or buffer holds NaN or an infinite number.
CNNX_API cnnx_status cnnx_trainer_check_finite(const cnnx_trainer* trainer);

CNNX_API cnnx_status cnnx_trainer_get_learning_rate(const cnnx_trainer* trainer, double* value);
CNNX_API cnnx_status cnnx_trainer_set_learning_rate(cnnx_trainer* trainer, double value);
// A schedule needs to know how long training is, before its first step, from cnnx_trainer_fit or
// from here; a plateau, besides, what its measure was after each epoch.
CNNX_API cnnx_status cnnx_trainer_begin_schedule(cnnx_trainer* trainer, int64_t epochs,
                                                 int64_t steps_per_epoch);
CNNX_API cnnx_status cnnx_trainer_observe(cnnx_trainer* trainer, double measure);
// The numbers 0 to count - 1 in an order that depends on the trainer's seed alone, for splitting
// off a validation set.
CNNX_API cnnx_status cnnx_trainer_split_order(const cnnx_trainer* trainer, int64_t count,
                                              int64_t* rows, int64_t room);

// Called after each epoch of cnnx_trainer_fit, in the thread that called it, with the `context`
// given there and the epoch's means; may save, evaluate and observe. Answers 1 to go on, 0 to end
// the fit.
typedef int32_t (*cnnx_epoch_callback)(void* context, int64_t epochs_done, double loss,
                                       double accuracy);

// Begins the schedule and trains `epochs` whole epochs, numbered from the option number= on;
// options are those of cnnx_trainer_begin_epoch. on_epoch, and context with it, may be NULL.
CNNX_API cnnx_status cnnx_trainer_fit(cnnx_trainer* trainer, const cnnx_samples* samples,
                                      int64_t epochs, const char* options,
                                      cnnx_epoch_callback on_epoch, void* context);

typedef struct cnnx_checkpoint cnnx_checkpoint;

// One pass over a data set, for a loop of your own, whose images and targets must outlive it; the
// trainer's handle need not.
typedef struct cnnx_epoch cnnx_epoch;

// options: NULL or some of these lines:
//   batch_size=64 shuffle=true number=0 first_image=0 prefetch=true
//   augmentation flip=never|random|alternating crop_padding=0 ...      (cnnx/augmentation.h)
// `number` is the epoch's; with the trainer's seed it decides the order of the images.
CNNX_API cnnx_status cnnx_trainer_begin_epoch(cnnx_trainer* trainer, const cnnx_samples* samples,
                                              const char* options, cnnx_epoch** epoch);
// Goes on where the epoch was that a checkpoint noted, with the same bits when samples and options
// are the same. The number is the noted one.
CNNX_API cnnx_status cnnx_trainer_continue_epoch(cnnx_trainer* trainer, const cnnx_samples* samples,
                                                 const char* options,
                                                 const cnnx_checkpoint* checkpoint,
                                                 cnnx_epoch** epoch);
CNNX_API void cnnx_epoch_destroy(cnnx_epoch* epoch);
// Trains on the next batch; `advanced` becomes 0 when the epoch was over and nothing happened.
CNNX_API cnnx_status cnnx_epoch_advance(cnnx_epoch* epoch, int32_t* advanced);
CNNX_API cnnx_status cnnx_epoch_number(const cnnx_epoch* epoch, uint64_t* number);
// How many steps are done, and how many there are in all; each may be NULL.
CNNX_API cnnx_status cnnx_epoch_step_count(const cnnx_epoch* epoch, int64_t* done, int64_t* all);
// Means over the images trained so far; each may be NULL.
CNNX_API cnnx_status cnnx_epoch_metrics(const cnnx_epoch* epoch, double* loss, double* accuracy);

// Checkpoints; see cnnx/checkpoint.h. A training goes on with the same bits when its model comes
// from the checkpoint, its trainer is made with the same settings and then restored.

// `epoch` is the one that is under way, to be noted for cnnx_trainer_continue_epoch, or NULL;
// `metadata` any text that whoever trains wants to find again, or NULL.
CNNX_API cnnx_status cnnx_trainer_save_checkpoint(const cnnx_trainer* trainer,
                                                  const cnnx_epoch* epoch, const char* path,
                                                  const char* metadata);
CNNX_API cnnx_status cnnx_checkpoint_load(const char* path, cnnx_checkpoint** checkpoint);
CNNX_API void cnnx_checkpoint_destroy(cnnx_checkpoint* checkpoint);
CNNX_API cnnx_status cnnx_checkpoint_model(const cnnx_checkpoint* checkpoint, cnnx_model** model);
CNNX_API cnnx_status cnnx_checkpoint_metadata(const cnnx_checkpoint* checkpoint,
                                              const char** metadata);
CNNX_API cnnx_status cnnx_trainer_restore(cnnx_trainer* trainer, const cnnx_checkpoint* checkpoint);

// A data set without a download, grey drawings of X (label 0) and O (label 1); see cnnx/xo.h. Room
// for count * size * size pixels and for count labels.
CNNX_API cnnx_status cnnx_draw_xo(int64_t count, int64_t size, uint64_t seed, uint8_t* pixels,
                                  int64_t* labels);

#ifdef __cplusplus
}
#endif
