// A model, an op and the C interface in the destructor of a static object, which runs after the
// variables of the thread are destroyed: they write to no freed memory. And long sentences of C's
// errors.
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "check.h"
#include "cnnx/c_api.h"
#include "cnnx/conv2d.h"
#include "cnnx/layers.h"
#include "cnnx/model.h"
#include "runtime/utf8.h"

namespace {

// Memory before each allocation, which keeps the alignment.
struct alignas(std::max_align_t) Header {
  std::size_t size;
  void* block;  // of malloc
};

constexpr int kFreed = 0xDD;
constexpr std::size_t kMostFreed = 64 * 1024;
Header* freed[kMostFreed];
std::size_t freed_count = 0;
bool keeps_freed = false;

void give_back(void* memory) {
  if (!memory) return;
  Header* const header = static_cast<Header*>(memory) - 1;
  if (!keeps_freed || freed_count == kMostFreed) {
    std::free(header->block);
    return;
  }
  std::memset(memory, kFreed, header->size);
  freed[freed_count++] = header;
}

std::size_t changed_after_free() {
  std::size_t changed = 0;
  for (std::size_t i = 0; i < freed_count; ++i) {
    const auto* const bytes = reinterpret_cast<const unsigned char*>(freed[i] + 1);
    for (std::size_t k = 0; k < freed[i]->size; ++k) changed += bytes[k] != kFreed;
  }
  return changed;
}

}  // namespace

void* operator new(std::size_t size, std::align_val_t alignment) {
  const std::size_t before = sizeof(Header) + static_cast<std::size_t>(alignment);
  void* const block = std::malloc(before + size);
  if (!block) throw std::bad_alloc();
  void* memory = static_cast<Header*>(block) + 1;
  std::size_t bytes = before - sizeof(Header) + size;
  std::align(static_cast<std::size_t>(alignment), size, memory, bytes);
  Header* const header = static_cast<Header*>(memory) - 1;
  header->size = size;
  header->block = block;
  return memory;
}
void* operator new(std::size_t size) {
  return operator new(size, std::align_val_t{alignof(std::max_align_t)});
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }

namespace {

using namespace cnnx::layers;

constexpr std::size_t kMessageBytes = 4096;  // with the zero at the end
const char* const kMissing = "/nonexistent/a_path_that_is_longer_than_any_short_string";

std::string error_of(const char* path) {
  cnnx_model* model = nullptr;
  CHECK(cnnx_model_load(path, &model) != CNNX_OK);
  return cnnx_error_message();
}

// Of an op outside a model, which reuses the scratch memory of its thread.
float convolved() {
  const cnnx::Conv2dGeometry geometry = cnnx::conv2d_geometry({1, 8, 8, 8}, {3, 3, 8, 8});
  const std::vector<float> x(8 * 8 * 8, 0.5f), weight(3 * 3 * 8 * 8, 0.25f);
  std::vector<float> output(6 * 6 * 8);
  cnnx::conv2d(geometry, x.data(), weight.data(), nullptr, output.data());
  return output[0];
}

struct AtExit {
  cnnx::Model* model = nullptr;
  float expected = 0, expected_of_op = 0;
  std::string error;

  // Ends the program itself on an error: its status is that of the test otherwise.
  ~AtExit() {
    if (!model) return;
    const std::vector<float> pixels(16, 0.5f);
    const bool good = model->run({pixels.data(), 1})[0] == expected &&
                      convolved() == expected_of_op && error_of(kMissing) == error;
    const std::size_t changed = changed_after_free();
    if (good && changed == 0) return;
    std::fprintf(stderr, "static_destructors_test: %zu bytes of freed memory changed\n", changed);
    std::_Exit(1);
  }
} at_exit;

void prepare_the_end() {
  static cnnx::Model& model = *new cnnx::Model({Flatten(), Dense(3)}, {4, 4, 1});
  const std::vector<float> pixels(16, 0.5f);
  at_exit.expected = model.run({pixels.data(), 1})[0];
  at_exit.expected_of_op = convolved();
  at_exit.error = error_of(kMissing);
  CHECK(at_exit.error.find(kMissing) != std::string::npos);
  at_exit.model = &model;
  keeps_freed = true;
}

void long_sentences_end_with_a_whole_character() {
  cnnx_model* model = nullptr;
  CHECK_EQUAL(
      cnnx_model_create("flatten\ndense out_features=2", 4, 4, 1, nullptr, 0, nullptr, &model),
      CNNX_OK);
  for (const std::string character : {"\u00e9", "\u20ac", "\U0001f600"}) {
    std::string name;
    while (name.size() < 6000) name += character;
    for (std::size_t i = 0; i < character.size(); ++i, name.insert(0, "a")) {
      CHECK_EQUAL(cnnx_model_set_trainable(model, name.c_str(), 0), CNNX_INVALID_ARGUMENT);
      const std::string error = cnnx_error_message();
      CHECK(error.size() <= kMessageBytes - 1);
      CHECK(error.size() >= kMessageBytes - character.size());
      CHECK_EQUAL(cnnx::runtime::valid_utf8_prefix(error), error.size());
      CHECK(error.find(name.substr(0, 3000)) != std::string::npos);
    }
  }
  CHECK_EQUAL(cnnx_model_set_trainable(model, "b", 0), CNNX_INVALID_ARGUMENT);
  CHECK_EQUAL(std::string(cnnx_error_message()), "model: no layer is named \"b\"");
  cnnx_model_destroy(model);
}

}  // namespace

int static_destructors_test(int, char*[]) {
  long_sentences_end_with_a_whole_character();
  prepare_the_end();
  return cnnx::test::finish("static_destructors_test");
}
