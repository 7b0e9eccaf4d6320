// Access to a parsed Json value with errors that name the position in it.
//
//   const Json json = Json::parse(text, "digits.cnnx: graph");
//   const JsonView graph(json, "digits.cnnx: graph");
//   for (const JsonView& node : graph.at("nodes").elements()) {
//     const std::vector<int64_t> kernel_size = node.at("kernel_size").integers(2);
//
// throws, for a wrong node, FormatError with the sentence
//
//   digits.cnnx: graph.nodes[2].kernel_size: expected an array of 2 integers, found a string
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "io/json.h"

namespace cnnx::io {

// A value and its path. Refers to the Json, which must outlive it.
class JsonView {
 public:
  JsonView(const Json& json, std::string path) : json_(&json), path_(std::move(path)) {}
  JsonView(Json&& json, std::string path) = delete;

  const std::string& path() const { return path_; }
  // The same value under another path.
  JsonView renamed(std::string path) const { return JsonView(*json_, std::move(path)); }
  bool is_null() const { return holds<std::nullptr_t>(); }
  bool is_boolean() const { return holds<bool>(); }
  bool is_integer() const { return holds<std::int64_t>(); }
  bool is_string() const { return holds<std::string>(); }

  // Of an object: the member of this name; find() returns nothing if it is missing.
  JsonView at(std::string_view name) const;
  std::optional<JsonView> find(std::string_view name) const;
  // Of an object: calls visit(const std::string& name, const JsonView& member) for all members, in
  // order.
  template <typename Visit>
  void for_each_member(Visit&& visit) const {
    for (const Json::Member& member : object()) {
      visit(member.name, JsonView(member.value, member_path(member.name)));
    }
  }
  // Refuses a value that is not an object or has a member whose name is not in the list.
  void allow_only(std::initializer_list<std::string_view> names) const;

  // Of an array; `count` is the required number of elements, if given.
  std::vector<JsonView> elements(std::optional<std::size_t> count = std::nullopt) const;
  // Calls visit(const JsonView& element) for all elements, in order; for long arrays, whose element
  // paths would take much memory at once.
  template <typename Visit>
  void for_each_element(Visit&& visit) const {
    const std::size_t size = array(std::nullopt, "").size();
    for (std::size_t index = 0; index < size; ++index) visit(element(index));
  }
  std::vector<std::int64_t> integers(std::optional<std::size_t> count = std::nullopt) const;
  std::vector<std::string> strings(std::optional<std::size_t> count = std::nullopt) const;

  bool boolean() const;
  const std::string& string() const;
  std::int64_t integer(std::int64_t minimum = std::numeric_limits<std::int64_t>::min(),
                       std::int64_t maximum = std::numeric_limits<std::int64_t>::max()) const;

  // Throws FormatError: the path, a colon, the complaint.
  [[noreturn]] void fail(const std::string& complaint) const;

 private:
  template <typename Kind>
  bool holds() const {
    return std::holds_alternative<Kind>(json_->value());
  }
  const Json::Array& array(std::optional<std::size_t> count, const char* of_what) const;
  const Json::Object& object() const;
  JsonView element(std::size_t index) const;
  std::string member_path(std::string_view name) const;
  // Throws FormatError: expected this, found that.
  [[noreturn]] void refuse(const std::string& expected) const;

  const Json* json_;
  std::string path_;
};

}  // namespace cnnx::io
