// SPDX-License-Identifier: Apache-2.0
// Parsing the schema text of a tape; the notes of a field are row.hpp's.
#include "p11tape/schema.hpp"

#include <algorithm>
#include <vector>

#include "cryptoki/tables.hpp"

namespace p11tape::tape {

struct schema::rows {
  std::string text;  // what the names point into
  std::vector<cryptoki::type_row> types;
  std::vector<function_info> functions;
  std::vector<struct_info> structs;
  std::vector<std::vector<cryptoki::field>> arguments;  // of each function
  std::vector<std::vector<cryptoki::field>> fields;     // of each struct
};

namespace {

using cryptoki::shape;

// The words of types.def for the shapes.
constexpr struct {
  std::string_view word;
  shape value;
} shapes[] = {
#define TYPE(name, kind, meaning) {#kind, shape::kind},
#include "cryptoki/types.def"
#undef TYPE
};

bool parse_shape(std::string_view word, shape& out) noexcept {
  for (const auto& s : shapes)
    if (s.word == word) {
      out = s.value;
      return true;
    }
  return false;
}

cryptoki::effect parse_effect(std::string_view word) noexcept {
  for (const auto& f : cryptoki::functions)
    if (f.effect_name == word) return f.does;
  return cryptoki::effect::none;
}

std::string_view name_of(cryptoki::version v) noexcept {
  switch (v) {
    case cryptoki::version::v2_40:
      return "v2_40";
    case cryptoki::version::v3_0:
      return "v3_0";
    case cryptoki::version::v3_2:
      return "v3_2";
  }
  return "";
}

std::string_view next_line(std::string_view& text) noexcept {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// Rows are plain text; anything else is damage, and names must not carry it to a terminal.
bool is_plain(std::string_view line) noexcept {
  return std::all_of(line.begin(), line.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

const schema& schema::built_in() {
  static const schema built = [] {
    auto r = std::make_shared<rows>();
    for (const auto& f : cryptoki::functions)
      r->functions.push_back({f.name, name_of(f.since), f.family, f.does, f.arguments});
    for (const auto& s : cryptoki::records) r->structs.push_back({s.name, s.fields});
    return schema(r);
  }();
  return built;
}

// Takes the text line by line. A line of a kind that a newer version has added is skipped, and so are the lines below
// it.
class schema::parser {
 public:
  explicit parser(rows& r) : rows_(r) {}

  /// False where the line makes no sense.
  bool take(std::string_view line) {
    if (!is_plain(line) || line.size() > longest_line) return false;
    words_ = line;
    if (line.starts_with(' ')) return list_ == nullptr ? skipping_ : take_field();
    const auto kind = word();
    list_ = nullptr;
    skipping_ = false;
    if (kind == "T") return take_type();
    if (kind == "S") return take_struct();
    if (kind == "F") return take_function();
    skipping_ = !kind.empty();
    return skipping_;
  }

  /// To be called behind the last line. False where the text described nothing.
  bool finish() {
    for (auto* lists : {&rows_.arguments, &rows_.fields})
      for (auto& list : *lists) cryptoki::link_fields(list);
    for (std::size_t i = 0; i < rows_.functions.size(); ++i) rows_.functions[i].arguments = rows_.arguments[i];
    for (std::size_t i = 0; i < rows_.structs.size(); ++i) rows_.structs[i].fields = rows_.fields[i];
    return !rows_.functions.empty();
  }

 private:
  // PKCS#11 3.2 has some hundred functions and structs, of at most 20 fields. A forged tape must not make each of its
  // records expensive.
  static constexpr std::size_t most_rows = 2048;
  static constexpr std::size_t most_fields = 256;
  static constexpr std::size_t longest_line = 1024;
  static constexpr std::size_t longest_word = 128;

  std::string_view word() {
    const auto w = cryptoki::detail::next_word(words_);
    return w.substr(0, longest_word);
  }

  bool take_type() {
    cryptoki::type_row t{word(), shape::number, {}};
    const bool known = parse_shape(word(), t.kind);
    t.meaning = word();
    // Without a known shape the type stays unknown, and its fields are broken: shown raw.
    if (known) rows_.types.push_back(t);
    return !t.meaning.empty();
  }

  bool take_struct() {
    struct_info s;
    s.name = word();
    rows_.structs.push_back(s);
    list_ = &rows_.fields.emplace_back();
    return !s.name.empty() && rows_.structs.size() < most_rows;
  }

  bool take_function() {
    function_info f;
    f.name = word();
    f.since = word();
    f.family = word();
    f.does = parse_effect(word());
    rows_.functions.push_back(f);
    list_ = &rows_.arguments.emplace_back();
    return !f.family.empty() && rows_.functions.size() < most_rows;
  }

  bool take_field() {
    const auto type = word();
    const auto name = word();
    while (words_.starts_with(' ')) words_.remove_prefix(1);
    if (name.empty() || list_->size() == most_fields) return false;
    list_->push_back(cryptoki::parse_field(rows_.types, type, name, words_));
    return true;
  }

  rows& rows_;
  std::string_view words_;                        // what is left of the line
  std::vector<cryptoki::field>* list_ = nullptr;  // where the next field belongs
  bool skipping_ = false;
};

schema schema::parse(std::string_view text, std::string& trouble) {
  if (text == cryptoki::schema_text()) return built_in();

  auto r = std::make_shared<rows>();
  r->text = text;
  parser p(*r);
  std::size_t number = 0;
  for (std::string_view rest = r->text; !rest.empty();) {
    ++number;
    if (!p.take(next_line(rest))) {
      trouble = "its schema is damaged in line " + std::to_string(number) + ", so the schema of this program is used";
      return built_in();
    }
  }
  if (!p.finish()) {
    trouble = "its schema is missing, so the schema of this program is used";
    return built_in();
  }
  return schema(r);
}

std::span<const function_info> schema::functions() const noexcept { return rows_->functions; }
std::span<const struct_info> schema::structs() const noexcept { return rows_->structs; }

std::size_t schema::function_named(std::string_view name) const noexcept {
  const auto all = functions();
  return static_cast<std::size_t>(std::find_if(all.begin(), all.end(), [&](const auto& f) { return f.name == name; }) -
                                  all.begin());
}

}  // namespace p11tape::tape
