// SPDX-License-Identifier: Apache-2.0
#include "cli/support/call_condition.hpp"

#include <fnmatch.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "cli/support/call_condition_fields.hpp"
#include "cryptoki/tables.hpp"
#include "text/parse_time.hpp"

namespace p11tape::cli {

enum class node_kind : std::uint8_t { all, any, negated, condition };
enum class comparison : std::uint8_t { equal, unequal, less, at_most, more, at_least, like };

struct call_condition::node {
  node_kind kind = node_kind::condition;
  std::vector<std::unique_ptr<node>> parts;
  const call_field* field = nullptr;
  comparison how = comparison::equal;
  std::uint64_t number = 0;
  std::string text;
};

namespace {

using node = call_condition::node;

// An error at a place of the text.
struct mistake {
  std::size_t at;
  std::string why;
};

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_.:*?+-/@").find(c) != std::string_view::npos || static_cast<unsigned char>(c) >= 0x80;
}

class parser {
 public:
  explicit parser(std::string_view text) : text_(text) {}

  std::unique_ptr<node> whole() {
    auto root = alternatives(0);
    skip();
    if (at_ != text_.size()) throw mistake{at_, "expected \"and\" or \"or\""};
    return root;
  }

 private:
  static constexpr int deepest = 64;

  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }

  bool take(std::string_view symbol) {
    skip();
    if (!text_.substr(at_).starts_with(symbol)) return false;
    at_ += symbol.size();
    return true;
  }

  // A whole word of the grammar: "or" does not begin "order".
  bool take_word(std::string_view word) {
    skip();
    const auto rest = text_.substr(at_);
    if (!rest.starts_with(word) || (rest.size() > word.size() && is_word(rest[word.size()]))) return false;
    at_ += word.size();
    return true;
  }

  std::unique_ptr<node> alternatives(int depth) {
    auto first = conjunction(depth);
    while (take_word("or") || take("||")) first = join(node_kind::any, std::move(first), conjunction(depth));
    return first;
  }

  std::unique_ptr<node> conjunction(int depth) {
    auto first = factor(depth);
    while (take_word("and") || take("&&")) first = join(node_kind::all, std::move(first), factor(depth));
    return first;
  }

  static std::unique_ptr<node> join(node_kind kind, std::unique_ptr<node> a, std::unique_ptr<node> b) {
    if (a->kind == kind) {
      a->parts.push_back(std::move(b));
      return a;
    }
    auto both = std::make_unique<node>();
    both->kind = kind;
    both->parts.push_back(std::move(a));
    both->parts.push_back(std::move(b));
    return both;
  }

  std::unique_ptr<node> factor(int depth) {
    if (depth > deepest) throw mistake{at_, "the expression is nested too deeply"};
    if (take_word("not") || take("!")) {
      auto n = std::make_unique<node>();
      n->kind = node_kind::negated;
      n->parts.push_back(factor(depth + 1));
      return n;
    }
    if (take("(")) {
      auto inside = alternatives(depth + 1);
      if (!take(")")) throw mistake{at_, "expected \")\""};
      return inside;
    }
    return condition();
  }

  std::string_view word() {
    skip();
    const auto start = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  std::string value() {
    skip();
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) {
      const char quote = text_[at_];
      const auto end = text_.find(quote, at_ + 1);
      if (end == std::string_view::npos) throw mistake{at_, "the quote is not closed"};
      std::string inside(text_.substr(at_ + 1, end - at_ - 1));
      at_ = end + 1;
      return inside;
    }
    const auto plain = word();
    if (plain.empty()) throw mistake{at_, "expected a value"};
    return std::string(plain);
  }

  std::unique_ptr<node> condition() {
    skip();
    const auto start = at_;
    const auto name = word();
    if (name.empty()) throw mistake{at_, "expected a field, such as function, rv or duration"};
    const auto all = call_fields();
    const auto found = std::find_if(all.begin(), all.end(), [&](const auto& f) { return f.name == name; });
    if (found == all.end())
      throw mistake{start, "there is no field \"" + std::string(name) + "\"; there are " + names()};
    auto n = std::make_unique<node>();
    n->field = &*found;
    const auto where = at_;
    if (!take_operator(n->how)) {
      if (found->kind != field_kind::flag) throw mistake{where, "expected an operator: = != < <= > >= ~"};
      n->number = 1;
      return n;
    }
    skip();
    const auto place = at_;
    read_value(*n, value(), place);
    return n;
  }

  bool take_operator(comparison& how) {
    constexpr std::pair<std::string_view, comparison> operators[] = {
        {"==", comparison::equal},    {"!=", comparison::unequal}, {"<=", comparison::at_most},
        {">=", comparison::at_least}, {"=", comparison::equal},    {"<", comparison::less},
        {">", comparison::more},      {"~", comparison::like},
    };
    for (const auto& [symbol, meaning] : operators)
      if (take(symbol)) {
        how = meaning;
        return true;
      }
    return false;
  }

  static void read_value(node& n, std::string text, std::size_t place) {
    const auto& f = *n.field;
    const bool ordered = n.how != comparison::equal && n.how != comparison::unequal && n.how != comparison::like;
    if (n.how == comparison::like && f.kind != field_kind::text && f.group.empty())
      throw mistake{place, std::string(f.name) + " cannot be matched with a pattern"};
    if (n.how == comparison::like || f.kind == field_kind::text) {
      if (ordered) throw mistake{place, std::string(f.name) + " is text: use =, != or ~"};
      n.text = std::move(text);
      return;
    }
    if (f.kind == field_kind::duration) {
      const auto ns = text::parse_duration(text);
      if (!ns) throw mistake{place, "\"" + text + "\" is not a duration; write 5ms, 2.5s, 100us or 1min"};
      n.number = *ns;
      return;
    }
    if (f.kind == field_kind::flag && (text == "true" || text == "false")) {
      n.number = text == "true";
      return;
    }
    const bool hex = text.starts_with("0x") || text.starts_with("0X");
    const char* const end = text.data() + text.size();
    const auto [after, error] = std::from_chars(text.data() + (hex ? 2 : 0), end, n.number, hex ? 16 : 10);
    if (error == std::errc() && after == end) return;
    if (!f.group.empty() && cryptoki::value_of(text, n.number)) return;
    throw mistake{place, "\"" + text + "\" is not a number" + (f.group.empty() ? "" : " or a known name")};
  }

  static std::string names() {
    std::string all;
    for (const auto& f : call_fields()) (all += all.empty() ? "" : ", ") += f.name;
    return all;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool same_function(std::string_view name, std::string_view wanted) {
  return name == wanted || (name.starts_with("C_") && name.substr(2) == wanted);
}

bool like(const std::string& pattern, const std::string& text) {
  return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

bool holds(const node& n, const field_value& v) {
  const auto& f = *n.field;
  if (n.how == comparison::like) {
    const auto text = f.kind == field_kind::text ? v.text : cryptoki::display_name(f.group, v.number);
    return like(n.text, text) || (f.name == "function" && text.size() > 2 && like(n.text, text.substr(2)));
  }
  if (f.kind == field_kind::text) {
    const bool same = f.name == "function" ? same_function(v.text, n.text) : v.text == n.text;
    return same == (n.how == comparison::equal);
  }
  switch (n.how) {
    case comparison::equal:
      return v.number == n.number;
    case comparison::unequal:
      return v.number != n.number;
    case comparison::less:
      return v.number < n.number;
    case comparison::at_most:
      return v.number <= n.number;
    case comparison::more:
      return v.number > n.number;
    default:
      return v.number >= n.number;
  }
}

bool evaluate(const node& n, const model::call& call, const model::call_context* now) {
  switch (n.kind) {
    case node_kind::all:
      return std::all_of(n.parts.begin(), n.parts.end(), [&](const auto& p) { return evaluate(*p, call, now); });
    case node_kind::any:
      return std::any_of(n.parts.begin(), n.parts.end(), [&](const auto& p) { return evaluate(*p, call, now); });
    case node_kind::negated:
      return !evaluate(*n.parts.front(), call, now);
    default:
      break;
  }
  const auto value = n.field->read(call, now);
  return value && holds(n, *value);
}

bool asks_context(const node& n) {
  if (n.kind == node_kind::condition) return n.field->needs_context;
  return std::any_of(n.parts.begin(), n.parts.end(), [](const auto& p) { return asks_context(*p); });
}

}  // namespace

call_condition::call_condition() = default;
call_condition::~call_condition() = default;
call_condition::call_condition(call_condition&&) noexcept = default;
call_condition& call_condition::operator=(call_condition&&) noexcept = default;

std::string call_condition::parse(std::string_view text) {
  root_.reset();
  needs_context_ = false;
  return require(text);
}

std::string call_condition::require(std::string_view text) {
  try {
    auto more = parser(text).whole();
    needs_context_ |= asks_context(*more);
    if (root_) {
      auto both = std::make_unique<node>();
      both->kind = node_kind::all;
      both->parts.push_back(std::move(root_));
      both->parts.push_back(std::move(more));
      more = std::move(both);
    }
    root_ = std::move(more);
    return {};
  } catch (const mistake& m) {
    return m.why + " (column " + std::to_string(m.at + 1) + ")\n  " + std::string(text) + "\n  " +
           std::string(m.at, ' ') + "^";
  }
}

bool call_condition::matches(const model::call& call, const model::call_context* now) const {
  return root_ == nullptr || evaluate(*root_, call, now);
}

std::string call_condition::help() {
  std::string out;
  for (const auto& f : call_fields()) {
    out += "  ";
    out += f.name;
    out.append(f.name.size() < 10 ? 10 - f.name.size() : 1, ' ');
    out += f.help;
    out += '\n';
  }
  return out;
}

}  // namespace p11tape::cli
