// The accessors of JsonView, and their error sentences.
#include "io/json_view.h"

#include <algorithm>

#include "cnnx/error.h"
#include "io/text.h"

namespace cnnx::io {
namespace {

// "a string", "an array of 3", "the integer 7": the value found instead of the expected one.
struct Describe {
  std::string operator()(std::nullptr_t) const { return "null"; }
  std::string operator()(bool held) const { return held ? "true" : "false"; }
  std::string operator()(std::int64_t held) const { return "the integer " + std::to_string(held); }
  std::string operator()(const std::string&) const { return "a string"; }
  std::string operator()(const Json::Array& held) const {
    return "an array of " + std::to_string(held.size());
  }
  std::string operator()(const Json::Object&) const { return "an object"; }
};

bool is_plain(std::string_view name) {
  const auto plain = [](char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '_';
  };
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), plain);
}

}  // namespace

JsonView JsonView::at(std::string_view name) const {
  std::optional<JsonView> member = find(name);
  if (!member) fail("expected a member " + in_quotes(name) + ", which is missing");
  return *std::move(member);
}

std::optional<JsonView> JsonView::find(std::string_view name) const {
  object();
  const Json* member = json_->find(name);
  if (member == nullptr) return std::nullopt;
  return JsonView(*member, member_path(name));
}

void JsonView::allow_only(std::initializer_list<std::string_view> names) const {
  for (const Json::Member& member : object()) {
    if (std::find(names.begin(), names.end(), member.name) != names.end()) continue;
    std::string expected;
    for (const std::string_view name : names) {
      expected += (expected.empty() ? "" : ", ") + std::string(name);
    }
    fail("has an unknown member " + in_quotes(member.name) + ", expected only " + expected);
  }
}

std::vector<JsonView> JsonView::elements(std::optional<std::size_t> count) const {
  const std::size_t size = array(count, "").size();
  std::vector<JsonView> views;
  views.reserve(size);
  for (std::size_t index = 0; index < size; ++index) views.push_back(element(index));
  return views;
}

std::vector<std::int64_t> JsonView::integers(std::optional<std::size_t> count) const {
  const Json::Array& found = array(count, " integers");
  std::vector<std::int64_t> values;
  values.reserve(found.size());
  for (std::size_t index = 0; index < found.size(); ++index) {
    const auto* value = std::get_if<std::int64_t>(&found[index].value());
    values.push_back(value != nullptr ? *value : element(index).integer());
  }
  return values;
}

std::vector<std::string> JsonView::strings(std::optional<std::size_t> count) const {
  const Json::Array& found = array(count, " strings");
  std::vector<std::string> values;
  values.reserve(found.size());
  for (std::size_t index = 0; index < found.size(); ++index) {
    const auto* value = std::get_if<std::string>(&found[index].value());
    values.push_back(value != nullptr ? *value : element(index).string());
  }
  return values;
}

bool JsonView::boolean() const {
  const bool* value = std::get_if<bool>(&json_->value());
  if (value == nullptr) refuse("true or false");
  return *value;
}

const std::string& JsonView::string() const {
  const auto* value = std::get_if<std::string>(&json_->value());
  if (value == nullptr) refuse("a string");
  return *value;
}

std::int64_t JsonView::integer(std::int64_t minimum, std::int64_t maximum) const {
  const auto* value = std::get_if<std::int64_t>(&json_->value());
  if (value != nullptr && *value >= minimum && *value <= maximum) return *value;
  const bool below = minimum != std::numeric_limits<std::int64_t>::min();
  const bool above = maximum != std::numeric_limits<std::int64_t>::max();
  if (below && above) {
    refuse("an integer from " + std::to_string(minimum) + " to " + std::to_string(maximum));
  }
  if (below) refuse("an integer of at least " + std::to_string(minimum));
  if (above) refuse("an integer of at most " + std::to_string(maximum));
  refuse("an integer");
}

void JsonView::fail(const std::string& complaint) const {
  throw FormatError(path_ + ": " + complaint);
}

const Json::Array& JsonView::array(std::optional<std::size_t> count, const char* of_what) const {
  const auto* found = std::get_if<Json::Array>(&json_->value());
  if (found != nullptr && (!count || found->size() == *count)) return *found;
  if (count) refuse("an array of " + std::to_string(*count) + of_what);
  refuse("an array" + (*of_what ? " of" + std::string(of_what) : std::string()));
}

const Json::Object& JsonView::object() const {
  const auto* found = std::get_if<Json::Object>(&json_->value());
  if (found == nullptr) refuse("an object");
  return *found;
}

JsonView JsonView::element(std::size_t index) const {
  return JsonView(std::get<Json::Array>(json_->value())[index],
                  path_ + "[" + std::to_string(index) + "]");
}

std::string JsonView::member_path(std::string_view name) const {
  if (is_plain(name)) return path_ + "." + std::string(name);
  return path_ + "[" + in_quotes(name) + "]";
}

void JsonView::refuse(const std::string& expected) const {
  fail("expected " + expected + ", found " + std::visit(Describe{}, json_->value()));
}

}  // namespace cnnx::io
