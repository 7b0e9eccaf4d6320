// What the scopes of the calling thread say about threads.
#pragma once

#include "cnnx/threads.h"
#include "runtime/team.h"

namespace cnnx::runtime {

constexpr int kMostThreads = 1024;

struct OwnThreads {
  int count = 0;               // 0: as the process
  ThreadPool* pool = nullptr;  // null: the team
};
OwnThreads& own_threads();

// Throws std::invalid_argument unless least <= count <= kMostThreads.
void check_thread_count(const char* function, const char* argument, int count, int least = 1);

// Runs a loop in a pool.
void run_in_pool(ThreadPool& pool, const Loop& loop);

}  // namespace cnnx::runtime
