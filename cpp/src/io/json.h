// The JSON of model files: null, booleans, 64-bit integers, strings, arrays, objects.
//
// Stricter than general JSON: real numbers are refused (cnnx stores them as tensors, as bits),
// containers nest at most 32 deep, a text holds at most 131,072 values, strings are well-formed
// UTF-8, and no object has two members of one name. Members keep their order. json_view.h reads a
// parsed value with errors that name the position.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace cnnx::io {

class Json {
 public:
  struct Member;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;
  using Value = std::variant<std::nullptr_t, bool, std::int64_t, std::string, Array, Object>;

  static constexpr int max_depth = 32;
  // A value takes up to about 100 bytes for two bytes of text. Without a limit a hostile header of
  // 16 MiB would take half a gigabyte.
  static constexpr std::size_t max_values = 131072;

  // Throws FormatError, one sentence that begins with `what`, the name of the text: `digits.cnnx:
  // graph: byte 17: expected ':' after a member's name, found '}'`.
  static Json parse(std::string_view text, const std::string& what);

  Json() : value_(nullptr) {}
  Json(bool value) : value_(value) {}
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  template <typename Integer,
            typename = std::enable_if_t<std::is_integral_v<Integer> && std::is_signed_v<Integer> &&
                                        !std::is_same_v<Integer, char>>>
  Json(Integer value) : value_(std::int64_t{value}) {}

  static Json array();
  static Json array(const std::vector<std::int64_t>& values);
  static Json array(const std::vector<std::string>& values);
  static Json object();

  // Appends an element to an array.
  void append(Json element);
  // Appends a member to an object; throws std::invalid_argument if it has one of this name.
  void set(std::string name, Json value);

  const Value& value() const { return value_; }
  // The member of this name, or null, also if this is not an object.
  const Json* find(std::string_view name) const;

  // The shortest text, the same for the same value: no white space, members in their order. Throws
  // std::invalid_argument where parse() would refuse the text: a string that is not UTF-8, nesting
  // beyond max_depth, more than max_values values.
  std::string dump() const;

 private:
  explicit Json(Array elements) : value_(std::move(elements)) {}
  explicit Json(Object members) : value_(std::move(members)) {}
  friend class JsonParser;

  Value value_;
};

struct Json::Member {
  std::string name;
  Json value;
};

}  // namespace cnnx::io
