// The locks of models and trainers that a thread holds. A function of the program that a model or
// trainer calls, such as that of a custom layer or loss, would otherwise wait for its own thread.
#pragma once

namespace cnnx::runtime {

// How many a thread may hold: a model whose custom layer runs another model, and so on, is rarely
// deeper than a few. ThreadSanitizer ends a program at 64 locks of any kind.
constexpr int kMostHeldLocks = 32;

// Called before the calling thread takes the lock. Throws std::invalid_argument if it holds it
// already, or as many as it may. `owner` is "model" or "trainer".
void check_not_held(const void* lock, const char* owner);

// The calling thread has locked it, or unlocks it.
void add_held(const void* lock) noexcept;
void remove_held(const void* lock) noexcept;

}  // namespace cnnx::runtime
