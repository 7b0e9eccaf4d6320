// Maps exceptions to statuses and stores each thread's last error message.
#include "c_api/status.h"

#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>

#include "cnnx/error.h"
#include "runtime/memory.h"

namespace cnnx::c_api {
namespace {

struct LastError {
  std::string text;
  const char* message = "";  // points to `text`, or to a constant if there was no memory for it
  int32_t number = 0;
};

thread_local LastError last_error;

cnnx_status note(cnnx_status status, const char* message, int32_t number = 0) noexcept {
  last_error.number = number;
  try {
    last_error.text = message;
    last_error.message = last_error.text.c_str();
  } catch (...) {
    last_error.message = "cnnx: there is no memory left, not even to say what went wrong";
  }
  return status;
}

}  // namespace

cnnx_status note_exception() noexcept {
  try {
    throw;
  } catch (const FormatError& error) {
    return note(CNNX_FORMAT_ERROR, error.what());
  } catch (const NotFiniteError& error) {
    return note(CNNX_NOT_FINITE, error.what());
  } catch (const std::invalid_argument& error) {
    return note(CNNX_INVALID_ARGUMENT, error.what());
  } catch (const std::system_error& error) {
    return note(CNNX_SYSTEM_ERROR, error.what(), error.code().value());
  } catch (const runtime::OutOfMemory& error) {
    return note(CNNX_OUT_OF_MEMORY, error.what());
  } catch (const std::bad_alloc&) {
    return note(CNNX_OUT_OF_MEMORY, "cnnx: there is not enough memory");
  } catch (const std::exception& error) {
    return note(CNNX_INTERNAL_ERROR, error.what());
  } catch (...) {
    return note(CNNX_INTERNAL_ERROR, "cnnx: an exception of an unknown kind");
  }
}

}  // namespace cnnx::c_api

const char* cnnx_error_message(void) { return cnnx::c_api::last_error.message; }
int32_t cnnx_error_number(void) { return cnnx::c_api::last_error.number; }
