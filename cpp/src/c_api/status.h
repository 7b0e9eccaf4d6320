// The boundary that no exception crosses: an exception becomes a status and an error message.
#pragma once

#include "c_api/call.h"
#include "cnnx/c_api.h"
#include "runtime/floating_point.h"

namespace cnnx::c_api {

// Called while an exception is handled: stores its message for this thread and returns its status.
cnnx_status note_exception() noexcept;

// Runs the body of the C function of that name.
template <typename Body>
cnnx_status guarded(const char* function, Body&& body) noexcept {
  [[maybe_unused]] const runtime::DefaultFloatingPoint mode;
  try {
    body(Call(function));
    return CNNX_OK;
  } catch (...) {
    return note_exception();
  }
}

}  // namespace cnnx::c_api
