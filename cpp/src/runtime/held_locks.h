// The locks of models and trainers that a thread holds. A function of the program that a model or
// trainer calls, such as that of a custom layer or loss, would otherwise wait for its own thread.
#pragma once

namespace cnnx::runtime {

// Throws std::invalid_argument if the calling thread holds the lock already. `owner` is "model" or
// "trainer". Allocates the memory of add_held, which cannot fail once the lock is held.
void check_not_held(const void* lock, const char* owner);

// The calling thread has locked it, or unlocks it.
void add_held(const void* lock);
void remove_held(const void* lock);

}  // namespace cnnx::runtime
