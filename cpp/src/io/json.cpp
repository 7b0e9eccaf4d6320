// Building Json values and writing them as text.
#include "io/json.h"

#include <stdexcept>
#include <utility>

#include "io/text.h"
#include "runtime/utf8.h"

namespace cnnx::io {
namespace {

void dump_string(std::string& out, const std::string& text) {
  if (runtime::valid_utf8_prefix(text) != text.size()) {
    throw std::invalid_argument("the text " + in_quotes(text) + " is not valid UTF-8");
  }
  out += '"';
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (character == '"' || character == '\\') {
      out += '\\';
      out += character;
    } else if (character == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      out += "\\u00";
      out += "0123456789abcdef"[byte >> 4];
      out += "0123456789abcdef"[byte & 15];
    } else {
      out += character;
    }
  }
  out += '"';
}

class Dumper {
 public:
  void value(const Json& json, int depth) {
    if (++values_ > Json::max_values) {
      throw std::invalid_argument("a text for a model file may hold at most " +
                                  std::to_string(Json::max_values) + " values");
    }
    std::visit([&](const auto& held) { write(held, depth); }, json.value());
  }
  std::string take() { return std::move(out_); }

 private:
  void write(std::nullptr_t, int) { out_ += "null"; }
  void write(bool held, int) { out_ += held ? "true" : "false"; }
  void write(std::int64_t held, int) { out_ += std::to_string(held); }
  void write(const std::string& held, int) { dump_string(out_, held); }
  void write(const Json::Array& held, int depth) {
    check_depth(depth);
    out_ += '[';
    for (std::size_t index = 0; index < held.size(); ++index) {
      if (index > 0) out_ += ',';
      value(held[index], depth + 1);
    }
    out_ += ']';
  }
  void write(const Json::Object& held, int depth) {
    check_depth(depth);
    out_ += '{';
    for (std::size_t index = 0; index < held.size(); ++index) {
      if (index > 0) out_ += ',';
      dump_string(out_, held[index].name);
      out_ += ':';
      value(held[index].value, depth + 1);
    }
    out_ += '}';
  }
  static void check_depth(int depth) {
    if (depth >= Json::max_depth) {
      throw std::invalid_argument("a text for a model file may nest at most " +
                                  std::to_string(Json::max_depth) + " levels deep");
    }
  }

  std::string out_;
  std::size_t values_ = 0;
};

}  // namespace

Json Json::array() { return Json(Array{}); }

Json Json::array(const std::vector<std::int64_t>& values) {
  return Json(Array(values.begin(), values.end()));
}

Json Json::array(const std::vector<std::string>& values) {
  return Json(Array(values.begin(), values.end()));
}

Json Json::object() { return Json(Object{}); }

void Json::append(Json element) { std::get<Array>(value_).push_back(std::move(element)); }

void Json::set(std::string name, Json value) {
  if (find(name) != nullptr) {
    throw std::invalid_argument("the member " + in_quotes(name) + " is set twice");
  }
  std::get<Object>(value_).push_back({std::move(name), std::move(value)});
}

const Json* Json::find(std::string_view name) const {
  const Object* members = std::get_if<Object>(&value_);
  if (members == nullptr) return nullptr;
  for (const Member& member : *members) {
    if (member.name == name) return &member.value;
  }
  return nullptr;
}

std::string Json::dump() const {
  Dumper dumper;
  dumper.value(*this, 0);
  return dumper.take();
}

}  // namespace cnnx::io
