// The C interface: load, build, train and run models, from C11, C++ and every language that can
// call C. This header documents the C functions; the C++ headers that it names document the
// computations.
//
//   cnnx_model* model = NULL;
//   if (cnnx_model_load("digits.cnnx", &model) != CNNX_OK) return complain(cnnx_error_message());
//   const cnnx_image image = {.pixels = grey, .height = 28, .width = 28, .channels = 1};
//   int64_t index = 0;
//   float probabilities[10];
//   if (cnnx_model_predict(model, &image, &index, probabilities, 10) != CNNX_OK) ...
//   cnnx_model_destroy(model);
//
// Errors. A function that can fail returns a cnnx_status. If the status is not CNNX_OK, no handle
// has been created, output arrays must not be read, and cnnx_error_message() describes the error in
// one sentence. A null pointer is an error unless the function's documentation allows NULL. No
// function throws, prints or ends the program. A thread must not be cancelled (pthread_cancel) or
// ended (pthread_exit) within a call: no C function can unwind.
//
// Ownership. A function returns a handle that it creates through its last argument, a pointer to a
// handle. The caller destroys it once with the destroy function of its kind. Destroying NULL does
// nothing. Arrays belong to the caller, who may free them after the call. A text that a function
// returns belongs to the handle passed to that function and is valid as long as the handle.
//
// Settings. Layers, optimizers and options are passed as text, so that every language can write
// them and later versions can add settings. A line is a kind followed by named settings, "adam
// learning_rate=0.001 beta2=0.99". A value contains no spaces. Lists are 1,2,3. Booleans are true
// and false. A pair of height and width may be one number. Empty lines and lines that begin with #
// are ignored. An unknown setting and a setting given twice are errors. Names and defaults are
// those of the C++ structs.
//
// Texts are UTF-8 and end in a zero byte. Paths are UTF-8 on Windows and the file system's own
// bytes elsewhere.
//
// Threads. Models, trainers and epochs may be used by several threads at once. The calls of one
// trainer and its epochs run one after the other; predictions and saved files are of the model's
// state between two train steps. A handle must not be destroyed while another thread uses it.
//
// The structs and constants keep their layout and meaning. Later versions only add functions and
// constants.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "cnnx/export.h"

#ifdef __cplusplus
extern "C" {
#endif

// The result of a call.
typedef int32_t cnnx_status;
enum {
  CNNX_OK = 0,
  CNNX_INVALID_ARGUMENT = 1,  // an argument is not valid
  CNNX_FORMAT_ERROR = 2,      // a file is malformed
  CNNX_SYSTEM_ERROR = 3,      // the operating system refused: no such file, no space left
  CNNX_OUT_OF_MEMORY = 4,
  CNNX_NOT_FINITE = 5,     // a loss, gradient, weight or output is NaN or infinite
  CNNX_INTERNAL_ERROR = 6  // a bug in cnnx, or an exception of the program's own C++ callback
};

// The message of the last failed call of this thread; "" before the first. Valid until this
// thread's next failed call. A message of more than 4,095 bytes, such as one that quotes a very
// long name, is cut before the first character that does not fit.
CNNX_API const char* cnnx_error_message(void);
// For a CNNX_SYSTEM_ERROR of the same call: errno, or GetLastError() on Windows. 0 for other
// errors.
CNNX_API int32_t cnnx_error_number(void);

// The library and the machine; see cnnx/runtime.h. ------------------------------------------------

// The version of the library, such as "0.1.0", which may be newer than this header.
CNNX_API const char* cnnx_version(void);
// "baseline", "avx2", "avx512" or "neon". Fails when CNNX_ISA names an instruction set that cannot
// be used. The text is valid for ever.
CNNX_API cnnx_status cnnx_isa(const char** name);
// The instruction set of integers and bfloat16, which may have one more, such as "avx512_vnni".
CNNX_API cnnx_status cnnx_integer_isa(const char** name);
// 1 if models in bfloat16 use instructions for it, 0 if they are emulated.
CNNX_API cnnx_status cnnx_has_native_bfloat16(int32_t* native);
// 1 if the library can use several threads, 0 if it was built serial.
CNNX_API int32_t cnnx_has_threads(void);
// 1 if the library was built with OpenMP, whose variables then say where threads run, else 0.
CNNX_API int32_t cnnx_has_openmp(void);
CNNX_API cnnx_status cnnx_get_num_threads(int32_t* count);
CNNX_API cnnx_status cnnx_set_num_threads(int32_t count);  // 1 to 1024

// Threads for the calls of the calling thread alone, until they are set again; see cnnx/threads.h.
// 1 to 1024, or 0: as cnnx_set_num_threads says. Ends the use of a pool.
CNNX_API cnnx_status cnnx_use_threads(int32_t count);
typedef void (*cnnx_task)(void* context, int32_t index);
// Calls task(context, i) for i in [0, count), each once, in any threads and any order, and returns
// when all have returned. `pool` is that of cnnx_use_thread_pool.
typedef void (*cnnx_run_tasks)(void* pool, int32_t count, cnnx_task task, void* context);
// The calling thread's calls run in a pool of the program, at most so many tasks at a time.
CNNX_API cnnx_status cnnx_use_thread_pool(int32_t threads, cnnx_run_tasks run, void* pool);

// Images; see cnnx/image.h. ---------------------------------------------------------------------

typedef int32_t cnnx_pixel_type;
enum {
  CNNX_UINT8 = 0,    // 0 to 255
  CNNX_FLOAT32 = 1,  // 0 to 1
  // Added to the type of a cnnx_image whose colours are stored as blue, green, red, (alpha).
  CNNX_BGR = 256
};

// One image of any size in the caller's memory: pixel by pixel, row by row from the top. Members
// that an initialiser omits are 0, which means uint8 pixels and rows without gaps.
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

// Creates a model with new weights from a text of layers; see "Settings" above. Each line is a
// layer: its kind, the settings that cnnx/layer_kinds.h lists, and name=, inputs=first,second and
// trainable=false. Only the constructor arguments of cnnx/layers.h are required. For example
//
//   "conv2d out_channels=16 kernel_size=3 padding=same\n relu\n max_pool2d kernel_size=2\n"
//   "flatten\n dense out_features=10"
//
// `classes` are the labels, NULL when class_count is 0. `options` is NULL or a line of settings,
// here with the defaults: seed=0 resize=stretch|fit|crop mean=0 std=1 (one number, or one per
// channel).
CNNX_API cnnx_status cnnx_model_create(const char* layers, int64_t height, int64_t width,
                                       int64_t channels, const char* const* classes,
                                       int64_t class_count, const char* options,
                                       cnnx_model** model);
CNNX_API cnnx_status cnnx_model_load(const char* path, cnnx_model** model);
// Loads a model from the `size` bytes of a model file in memory.
CNNX_API cnnx_status cnnx_model_from_bytes(const void* bytes, int64_t size, cnnx_model** model);
// Replaces the file atomically: after an error the old file is unchanged. A symbolic link stays,
// and the file that it points to is replaced, in that file's folder.
CNNX_API cnnx_status cnnx_model_save(const cnnx_model* model, const char* path);
// The bytes that cnnx_model_save would write. Writes their number to `size`, and the bytes to
// `bytes` if `room` is large enough. With room 0, bytes may be NULL.
CNNX_API cnnx_status cnnx_model_to_bytes(const cnnx_model* model, void* bytes, int64_t room,
                                         int64_t* size);
CNNX_API cnnx_status cnnx_model_clone(const cnnx_model* model, cnnx_model** clone);
// A copy for images of another height and width, where the layers allow it: not a dense after
// flatten.
CNNX_API cnnx_status cnnx_model_resized(const cnnx_model* model, int64_t height, int64_t width,
                                        cnnx_model** clone);
CNNX_API void cnnx_model_destroy(cnnx_model* model);
// Bytes of memory that predicting a batch of so many images takes, the model included.
CNNX_API cnnx_status cnnx_model_memory_bytes(const cnnx_model* model, int64_t count,
                                             int64_t* bytes);
// Runs a batch of so many images of zeros, so that the next call takes no longer than later ones.
CNNX_API cnnx_status cnnx_model_warm_up(const cnnx_model* model, int64_t count);
// Frees the memory that a model keeps between calls; the next call allocates it again.
CNNX_API cnnx_status cnnx_model_release(cnnx_model* model);

// What the model computes with, "float32" or "bfloat16"; see ComputeDtype in cnnx/model.h. The text
// is valid for ever.
CNNX_API cnnx_status cnnx_model_compute_dtype(const cnnx_model* model, const char** dtype);
CNNX_API cnnx_status cnnx_model_set_compute_dtype(cnnx_model* model, const char* dtype);

CNNX_API cnnx_status cnnx_model_input_shape(const cnnx_model* model, int64_t* height,
                                            int64_t* width, int64_t* channels);
// The number of outputs for one image, over all axes of the output.
CNNX_API cnnx_status cnnx_model_output_count(const cnnx_model* model, int64_t* count);
// The shape of one image's output. Writes the number of sizes to `axes`, and the sizes to `shape`
// if `room` is large enough. With room 0, shape may be NULL, and only axes is written.
CNNX_API cnnx_status cnnx_model_output_shape(const cnnx_model* model, int64_t* shape, int64_t room,
                                             int64_t* axes);
// The number of classes of cnnx_model_predict: one per output, or two for a single output, whose
// sigmoid is the probability of the second class.
CNNX_API cnnx_status cnnx_model_class_count(const cnnx_model* model, int64_t* count);
// The label of a class, 0 <= index < class_count; its index when the model has no class names.
CNNX_API cnnx_status cnnx_model_class_name(const cnnx_model* model, int64_t index,
                                           const char** name);

// The model's preprocessing: how it resizes, "stretch", "fit" or "crop", and mean and std of each
// channel, `room` numbers of memory each. Each of the three may be NULL. The text is valid for
// ever.
CNNX_API cnnx_status cnnx_model_preprocessing(const cnnx_model* model, const char** resize,
                                              float* mean, float* std, int64_t room);
// How outputs become probabilities, "softmax", "sigmoid", "outputs" or "none"; see Probabilities in
// cnnx/model.h. The text is valid for ever.
CNNX_API cnnx_status cnnx_model_probability_kind(const cnnx_model* model, const char** kind);
CNNX_API cnnx_status cnnx_model_set_probability_kind(cnnx_model* model, const char* kind);
// What outputs are divided by before softmax or sigmoid.
CNNX_API cnnx_status cnnx_model_temperature(const cnnx_model* model, float* temperature);
CNNX_API cnnx_status cnnx_model_set_temperature(cnnx_model* model, float temperature);

// Texts of the program's own, saved with the model, in the order of their names.
CNNX_API cnnx_status cnnx_model_metadata_count(const cnnx_model* model, int64_t* count);
CNNX_API cnnx_status cnnx_model_metadata(const cnnx_model* model, int64_t index, const char** name,
                                         const char** text);
// Adds or replaces the text of a name; NULL removes it.
CNNX_API cnnx_status cnnx_model_set_metadata(cnnx_model* model, const char* name, const char* text);

// Several inputs or outputs. ----------------------------------------------------------------------

// A model with several inputs reads each from a range of its flat input, one after the other: an
// image of a batch then holds the numbers of all. The count is 0 for a model with one input.
CNNX_API cnnx_status cnnx_model_input_part_count(const cnnx_model* model, int64_t* count);
// The name of an input, its first number in an image's input, and its shape,
// 0 <= index < input_part_count. Each may be NULL.
CNNX_API cnnx_status cnnx_model_input_part(const cnnx_model* model, int64_t index,
                                           const char** name, int64_t* offset, int64_t* height,
                                           int64_t* width, int64_t* channels);

// A model with several outputs, its heads, writes each to a range of its output, one after the
// other. The count is 0 for a model with one output.
CNNX_API cnnx_status cnnx_model_head_count(const cnnx_model* model, int64_t* count);
// The name of a head, how its outputs become probabilities, as in cnnx_model_probability_kind, and
// its first number in an image's output, 0 <= index < head_count. Each may be NULL.
CNNX_API cnnx_status cnnx_model_head(const cnnx_model* model, int64_t index, const char** name,
                                     const char** kind, int64_t* offset);
// The shape of a head, as in cnnx_model_output_shape.
CNNX_API cnnx_status cnnx_model_head_shape(const cnnx_model* model, int64_t index, int64_t* shape,
                                           int64_t room, int64_t* axes);

typedef struct cnnx_head {
  const char* name;
  const char* kind;  // as in cnnx_model_probability_kind
  const int64_t* shape;
  int64_t axes;
} cnnx_head;

// Divides the output of a model, such as that of a concat of several flattened outputs, into heads.
// Names differ, and the shapes add up to the output. cnnx_model_predict refuses a model with heads.
CNNX_API cnnx_status cnnx_model_set_heads(cnnx_model* model, const cnnx_head* heads, int64_t count);

// Predicting. -------------------------------------------------------------------------------------

// Predicts one image. Resizes it, converts grey/RGB and normalises it by the model's preprocessing,
// and runs the model. Writes the most probable class to `index` and the class_count probabilities
// to `probabilities`. Either may be NULL and is then not written. Refuses pixels that are not
// finite, and returns CNNX_NOT_FINITE if the outputs are NaN all the same; cnnx_model_run and
// cnnx_model_probabilities check neither.
CNNX_API cnnx_status cnnx_model_predict(const cnnx_model* model, const cnnx_image* image,
                                        int64_t* index, float* probabilities, int64_t room);

// Resizes and converts one image to the model's input size without normalising it. Writes pixels of
// the same type, as many as input_shape gives, from which the caller can assemble a batch.
CNNX_API cnnx_status cnnx_model_resize(const cnnx_model* model, const cnnx_image* image,
                                       void* pixels, int64_t room);

// Batches: `count` images of the model's size one after another, (count, height, width, channels).
// Write count * output_count floats: the model's raw outputs, or its probabilities (for a single
// output the probability of the second class alone), which follow from the outputs divided by the
// temperature that is saved with the model. With count 0 nothing is read or written. A
// model that was trained with a regression loss and has no class names has values instead of
// probabilities: cnnx_model_predict and cnnx_model_probabilities refuse it.
CNNX_API cnnx_status cnnx_model_run(const cnnx_model* model, const void* pixels,
                                    cnnx_pixel_type type, int64_t count, float* outputs,
                                    int64_t room);
CNNX_API cnnx_status cnnx_model_probabilities(const cnnx_model* model, const void* pixels,
                                              cnnx_pixel_type type, int64_t count,
                                              float* probabilities, int64_t room);

// Turns `count` times output_count outputs of cnnx_model_run into those of
// cnnx_model_probabilities, in place.
CNNX_API cnnx_status cnnx_model_outputs_to_probabilities(const cnnx_model* model, float* outputs,
                                                         int64_t count);

// Layers. -----------------------------------------------------------------------------------------

CNNX_API cnnx_status cnnx_model_layer_count(const cnnx_model* model, int64_t* count);
// The name of a layer, its kind and the number of its parameters, 0 <= index < layer_count. Each
// may be NULL.
CNNX_API cnnx_status cnnx_model_layer_info(const cnnx_model* model, int64_t index,
                                           const char** name, const char** kind,
                                           int64_t* parameter_count);
// Runs a batch so often, and writes the seconds of each layer in all repetitions, layer_count
// numbers. Layers that run as one have their time at the first of them, and 0 at the others.
CNNX_API cnnx_status cnnx_model_layer_times(const cnnx_model* model, const void* pixels,
                                            cnnx_pixel_type type, int64_t count,
                                            int64_t repetitions, double* seconds, int64_t room);
// The shape of one image's output of a layer, as in cnnx_model_output_shape. That of "input" is the
// image's.
CNNX_API cnnx_status cnnx_model_layer_shape(const cnnx_model* model, const char* layer,
                                            int64_t* shape, int64_t room, int64_t* axes);
// Writes the outputs of one layer, (count, ...). Layers after it do not run. A batch norm after a
// convolution is not fused with it and may round differently.
CNNX_API cnnx_status cnnx_model_layer_output(const cnnx_model* model, const void* pixels,
                                             cnnx_pixel_type type, int64_t count, const char* layer,
                                             float* output, int64_t room);
// Writes the outputs of several layers, one array (count, ...) after another.
CNNX_API cnnx_status cnnx_model_layer_outputs(const cnnx_model* model, const void* pixels,
                                              cnnx_pixel_type type, int64_t count,
                                              const char* const* layers, int64_t layer_count,
                                              float* outputs, int64_t room);
// The gradient of the sum of grad_outputs times the raw outputs, both of count * output_count
// floats, with respect to the output of a layer, or for "input" to the pixels as given. Batch norms
// use their running statistics, and dropout drops nothing.
CNNX_API cnnx_status cnnx_model_gradients(const cnnx_model* model, const void* pixels,
                                          cnnx_pixel_type type, int64_t count,
                                          const float* grad_outputs, const char* layer,
                                          float* gradients, int64_t room);

// Parameters and buffers. -------------------------------------------------------------------------

// Buffers are the arrays that training updates besides the parameters: the running statistics of
// batch norms.

CNNX_API cnnx_status cnnx_model_parameter_count(const cnnx_model* model, int64_t* count);
CNNX_API cnnx_status cnnx_model_buffer_count(const cnnx_model* model, int64_t* count);
// A name such as "conv2d_1.weight", 0 <= index < parameter_count.
CNNX_API cnnx_status cnnx_model_parameter_name(const cnnx_model* model, int64_t index,
                                               const char** name);
CNNX_API cnnx_status cnnx_model_buffer_name(const cnnx_model* model, int64_t index,
                                            const char** name);
// The shape of a parameter or buffer, as in cnnx_model_output_shape.
CNNX_API cnnx_status cnnx_model_array_shape(const cnnx_model* model, const char* name,
                                            int64_t* shape, int64_t room, int64_t* axes);
// Copies a parameter or buffer; `count` is the number of its elements.
CNNX_API cnnx_status cnnx_model_get_array(const cnnx_model* model, const char* name, float* values,
                                          int64_t count);
CNNX_API cnnx_status cnnx_model_set_array(cnnx_model* model, const char* name, const float* values,
                                          int64_t count);

// Training; see cnnx/trainer.h. -------------------------------------------------------------------

// Whether training changes the layer of this name.
CNNX_API cnnx_status cnnx_model_set_trainable(cnnx_model* model, const char* layer,
                                              int32_t trainable);

// Images of the model's size, (count, height, width, channels), and their targets: either labels,
// one per image (or per position, see Targets in cnnx/trainer.h), or values, one per output of each
// image. If `rows` is not NULL, cnnx_trainer_evaluate, cnnx_trainer_fit, cnnx_trainer_begin_epoch
// and their variants use only these images; functions of single steps refuse `rows`.
typedef struct cnnx_samples {
  const void* pixels;
  int64_t count;
  cnnx_pixel_type type;
  const int64_t* labels;
  const float* values;
  const int64_t* rows;
  int64_t row_count;
} cnnx_samples;

// A function whose name ends in _weighted is the function of the same name without the ending, with
// `weights`: one finite number >= 0 per image of the samples, or NULL for equal weights. A weight
// multiplies the image's loss, its gradient and its part of the accuracy, and the means divide by
// the sum of the weights; see Targets in cnnx/trainer.h.

// The trainer shares the model, whose handle may be destroyed before it.
typedef struct cnnx_trainer cnnx_trainer;

// optimizer: a line, sgd, adam, adamw, rmsprop or muon (cnnx/optimizers.h); NULL: adam.
//
// loss: a line, cross_entropy label_smoothing=0 class_weights=1,2,1 ignore_index=255, focal
// gamma=2, dice smooth=1, tversky alpha=0.5 beta=0.5 smooth=1, binary_cross_entropy,
// mean_squared_error, mean_absolute_error or huber delta=1 (cnnx/loss.h); NULL: cross_entropy.
// Several lines are a sum, in which each may have a weight=1.
//
// options: NULL or some of these lines:
//
//   seed=0 clip_norm=0 recompute=false shards=1
//   rule pattern=*.bias learning_rate_factor=1 weight_decay_factor=1       (as many as needed)
//   averaging decay=0.999 every=1
//   constant_rate, step_decay, cosine_decay, one_cycle, triangular or plateau (cnnx/schedules.h),
//   each also with warmup_epochs=0 warmup_start=0
CNNX_API cnnx_status cnnx_trainer_create(cnnx_model* model, const char* optimizer, const char* loss,
                                         const char* options, cnnx_trainer** trainer);
CNNX_API void cnnx_trainer_destroy(cnnx_trainer* trainer);
// Bytes of memory that steps of so many rows take at their peak, the model included.
CNNX_API cnnx_status cnnx_trainer_memory_bytes(const cnnx_trainer* trainer, int64_t batch_size,
                                               int64_t* bytes);
// Frees the memory of the last batches, the model's included; the next step allocates it again.
CNNX_API cnnx_status cnnx_trainer_release(cnnx_trainer* trainer);

// One train step on a batch. `loss`, the mean before the update, may be NULL. Returns
// CNNX_NOT_FINITE, and leaves the model unchanged, for a loss that is NaN or infinite.
CNNX_API cnnx_status cnnx_trainer_step(cnnx_trainer* trainer, const cnnx_samples* samples,
                                       double* loss);
CNNX_API cnnx_status cnnx_trainer_step_weighted(cnnx_trainer* trainer, const cnnx_samples* samples,
                                                const float* weights, double* loss);
// The two halves of a step, for gradients that are accumulated over several batches. The gradients
// are those of the summed loss over `divisor` (0: of the mean loss), in an array owned by the
// trainer. Between the two other threads see new statistics of batch norms with old weights. A
// step of a large model keeps no gradients until cnnx_trainer_gradients is called; then that is an
// error.
CNNX_API cnnx_status cnnx_trainer_compute_gradients(cnnx_trainer* trainer,
                                                    const cnnx_samples* samples, double divisor,
                                                    double* loss);
CNNX_API cnnx_status cnnx_trainer_compute_gradients_weighted(cnnx_trainer* trainer,
                                                             const cnnx_samples* samples,
                                                             const float* weights, double divisor,
                                                             double* loss);
CNNX_API cnnx_status cnnx_trainer_gradients(cnnx_trainer* trainer, float** gradients,
                                            int64_t* count);
CNNX_API cnnx_status cnnx_trainer_apply_gradients(cnnx_trainer* trainer);

// Mean loss and accuracy over the images, with the model's weights or, if `averaged` is 1, with the
// averaged weights. Either may be NULL. The accuracy of the losses of classes is that of images, or
// of their positions; of binary_cross_entropy that of outputs; of regression losses NaN.
CNNX_API cnnx_status cnnx_trainer_evaluate(const cnnx_trainer* trainer, const cnnx_samples* samples,
                                           int32_t averaged, double* loss, double* accuracy);
CNNX_API cnnx_status cnnx_trainer_evaluate_weighted(const cnnx_trainer* trainer,
                                                    const cnnx_samples* samples,
                                                    const float* weights, int32_t averaged,
                                                    double* loss, double* accuracy);
// Creates an independent model with the averaged weights.
CNNX_API cnnx_status cnnx_trainer_averaged_model(const cnnx_trainer* trainer, cnnx_model** model);
// Returns CNNX_NOT_FINITE when a parameter or buffer holds NaN or infinity.
CNNX_API cnnx_status cnnx_trainer_check_finite(const cnnx_trainer* trainer);

CNNX_API cnnx_status cnnx_trainer_get_learning_rate(const cnnx_trainer* trainer, double* value);
CNNX_API cnnx_status cnnx_trainer_set_learning_rate(cnnx_trainer* trainer, double value);
// That of the last step, after the schedule; 0 before the first.
CNNX_API cnnx_status cnnx_trainer_last_learning_rate(const cnnx_trainer* trainer, double* value);
// Sets moments, step count and averages to those of a new trainer, for another phase of training.
CNNX_API cnnx_status cnnx_trainer_reset_optimizer(cnnx_trainer* trainer);
// A schedule needs the length of training before its first step, from cnnx_trainer_fit or from this
// function. A plateau also needs its measure after each epoch, from cnnx_trainer_observe.
CNNX_API cnnx_status cnnx_trainer_begin_schedule(cnnx_trainer* trainer, int64_t epochs,
                                                 int64_t steps_per_epoch);
CNNX_API cnnx_status cnnx_trainer_observe(cnnx_trainer* trainer, double measure);
// Changes the number of epochs of a schedule that has begun, and is refused before.
CNNX_API cnnx_status cnnx_trainer_extend_schedule(cnnx_trainer* trainer, int64_t epochs);

// The seconds of all steps since cnnx_trainer_start_profile, and of parts of them; see
// cnnx/profile.h.
typedef struct cnnx_profile {
  int64_t steps;
  double seconds;
  double loss;
  double update;
  int64_t part_count;  // of cnnx_trainer_profile_part
} cnnx_profile;

// Measures steps from now on, starting from zero.
CNNX_API cnnx_status cnnx_trainer_start_profile(cnnx_trainer* trainer);
CNNX_API cnnx_status cnnx_trainer_profile(const cnnx_trainer* trainer, cnnx_profile* profile);
// The names of the layers of a part, separated by commas, and its seconds, 0 <= index < part_count.
// Each may be NULL.
CNNX_API cnnx_status cnnx_trainer_profile_part(const cnnx_trainer* trainer, int64_t index,
                                               const char** layers, double* forward,
                                               double* backward);

// The numbers 0 to count - 1 in an order that depends on the trainer's seed alone, for splitting
// off a validation set.
CNNX_API cnnx_status cnnx_trainer_split_order(const cnnx_trainer* trainer, int64_t count,
                                              int64_t* rows, int64_t room);

// Called after each epoch of cnnx_trainer_fit, in the calling thread, with the caller's `context`
// and the epoch's mean loss and accuracy. The callback may save, evaluate and observe. Returns 1 to
// continue, 0 to end the fit.
typedef int32_t (*cnnx_epoch_callback)(void* context, int64_t epochs_done, double loss,
                                       double accuracy);

// Begins the schedule and trains `epochs` whole epochs, numbered from the option number=. The
// options are those of cnnx_trainer_begin_epoch. on_epoch and context may be NULL.
CNNX_API cnnx_status cnnx_trainer_fit(cnnx_trainer* trainer, const cnnx_samples* samples,
                                      int64_t epochs, const char* options,
                                      cnnx_epoch_callback on_epoch, void* context);
CNNX_API cnnx_status cnnx_trainer_fit_weighted(cnnx_trainer* trainer, const cnnx_samples* samples,
                                               const float* weights, int64_t epochs,
                                               const char* options, cnnx_epoch_callback on_epoch,
                                               void* context);

typedef struct cnnx_checkpoint cnnx_checkpoint;

// One pass over a data set, for a custom training loop. The images, targets and weights must
// outlive it; the trainer's handle need not.
typedef struct cnnx_epoch cnnx_epoch;

// options: NULL or some of these lines:
//
//   batch_size=64 shuffle=true number=0 first_image=0 prefetch=true
//   augmentation flip=never|random|alternating crop_padding=0 ...      (cnnx/augmentation.h)
//
// `number` is the number of the epoch. With the trainer's seed it decides the order of the images.
CNNX_API cnnx_status cnnx_trainer_begin_epoch(cnnx_trainer* trainer, const cnnx_samples* samples,
                                              const char* options, cnnx_epoch** epoch);
CNNX_API cnnx_status cnnx_trainer_begin_epoch_weighted(cnnx_trainer* trainer,
                                                       const cnnx_samples* samples,
                                                       const float* weights, const char* options,
                                                       cnnx_epoch** epoch);
// Continues the epoch whose position a checkpoint holds, under its number. The bits are the same
// when the samples are. After the first step, another number of samples and other options that
// decide the bits are refused; prefetch may differ.
CNNX_API cnnx_status cnnx_trainer_continue_epoch(cnnx_trainer* trainer, const cnnx_samples* samples,
                                                 const char* options,
                                                 const cnnx_checkpoint* checkpoint,
                                                 cnnx_epoch** epoch);
CNNX_API cnnx_status cnnx_trainer_continue_epoch_weighted(cnnx_trainer* trainer,
                                                          const cnnx_samples* samples,
                                                          const float* weights, const char* options,
                                                          const cnnx_checkpoint* checkpoint,
                                                          cnnx_epoch** epoch);
CNNX_API void cnnx_epoch_destroy(cnnx_epoch* epoch);
// Trains on the next batch. Sets `advanced` to 0, and does nothing, when the epoch is over.
CNNX_API cnnx_status cnnx_epoch_advance(cnnx_epoch* epoch, int32_t* advanced);
CNNX_API cnnx_status cnnx_epoch_number(const cnnx_epoch* epoch, uint64_t* number);
// The number of steps done and the total number of steps. Either may be NULL.
CNNX_API cnnx_status cnnx_epoch_step_count(const cnnx_epoch* epoch, int64_t* done, int64_t* all);
// Mean loss and accuracy over the images trained so far. Either may be NULL.
CNNX_API cnnx_status cnnx_epoch_metrics(const cnnx_epoch* epoch, double* loss, double* accuracy);
// What the sums of loss and accuracy were divided by. Either may be NULL.
CNNX_API cnnx_status cnnx_epoch_weights(const cnnx_epoch* epoch, double* of_loss,
                                        double* of_accuracy);

// Checkpoints; see cnnx/checkpoint.h. Training resumes with the same bits when the model comes from
// the checkpoint and its trainer is created with the same settings and then restored. Other
// settings are refused, except the learning rate, which is the checkpoint's, and recompute.

// `epoch` is the current epoch, whose position is saved for cnnx_trainer_continue_epoch, or NULL.
// `metadata` is any text of the caller's to save, or NULL.
CNNX_API cnnx_status cnnx_trainer_save_checkpoint(const cnnx_trainer* trainer,
                                                  const cnnx_epoch* epoch, const char* path,
                                                  const char* metadata);
CNNX_API cnnx_status cnnx_checkpoint_load(const char* path, cnnx_checkpoint** checkpoint);
CNNX_API void cnnx_checkpoint_destroy(cnnx_checkpoint* checkpoint);
CNNX_API cnnx_status cnnx_checkpoint_model(const cnnx_checkpoint* checkpoint, cnnx_model** model);
CNNX_API cnnx_status cnnx_checkpoint_metadata(const cnnx_checkpoint* checkpoint,
                                              const char** metadata);
CNNX_API cnnx_status cnnx_trainer_restore(cnnx_trainer* trainer, const cnnx_checkpoint* checkpoint);

// A data set without a download: grey images of X (label 0) and O (label 1); see cnnx/xo.h. Writes
// count * size * size pixels and count labels.
CNNX_API cnnx_status cnnx_draw_xo(int64_t count, int64_t size, uint64_t seed, uint8_t* pixels,
                                  int64_t* labels);

// Colour images of circles, squares and triangles; see cnnx/shapes.h. pixels holds count * height *
// width * 3 bytes, masks count * height * width bytes, labels count numbers, boxes 4 * count.
CNNX_API cnnx_status cnnx_draw_shapes(int64_t count, int64_t height, int64_t width, uint64_t seed,
                                      uint8_t* pixels, uint8_t* masks);
CNNX_API cnnx_status cnnx_draw_single_shapes(int64_t count, int64_t height, int64_t width,
                                             uint64_t seed, uint8_t* pixels, int64_t* labels,
                                             float* boxes);

#ifdef __cplusplus
}
#endif
