// SPDX-License-Identifier: Apache-2.0
#include "diff/compare.hpp"

#include <algorithm>

#include "cryptoki/tables.hpp"
#include "diff/flat_values.hpp"
#include "diff/nondeterminism.hpp"
#include "render/render.hpp"
#include "render/words.hpp"
#include "text/numbers.hpp"

namespace p11tape::diff {
namespace {

using cryptoki::flow;
using cryptoki::redaction_class;
using cryptoki::shape;
using render::value_kind;
using render::way;

constexpr std::size_t most_matched = 1024;  // elements of lists that are looked for in another order

// Values of which the tape does not have what could be compared.
constexpr std::uint32_t absent_marks = render::mark_withheld | render::mark_unreadable | render::mark_damaged |
                                       render::mark_missing | render::mark_length_withheld | render::mark_unproven |
                                       render::mark_unknown;

bool handle_kind_of(std::string_view meaning, handle_kind& out) noexcept {
  if (meaning == "session") return out = handle_kind::session, true;
  if (meaning == "object") return out = handle_kind::object, true;
  if (meaning == "slot") return out = handle_kind::slot, true;
  return false;
}

// Classes of what the application had signed, encrypted, digested ...
bool is_data(redaction_class s) noexcept {
  return s == redaction_class::data || s == redaction_class::plain || s == redaction_class::cipher_in ||
         s == redaction_class::wrapped;
}

// ... and of what comes out of that.
bool follows_from_data(redaction_class s) noexcept {
  return s == redaction_class::signature || s == redaction_class::ciphertext || s == redaction_class::digest ||
         s == redaction_class::plain_out || s == redaction_class::wrapped;
}

class pair_of_calls {
 public:
  pair_of_calls(const render::call_view& a, const render::call_view& b, way side, handle_map& handles,
                const situation& around, differences& out)
      : view_a_(a), view_b_(b), side_(side), handles_(handles), around_(around), out_(out), first_(out.size()) {}

  void run() {
    a_.take(view_a_, side_, false);
    b_.take(view_b_, side_, false);
    match_named(0, a_.nodes().size(), 0, b_.nodes().size());
    drop_counters();
    if (out_.size() != first_) say();
  }

 private:
  using nodes = std::vector<node>;

  const cryptoki::field* row_of(const node& n) const noexcept {
    const auto* f = view_a_.function();
    return f != nullptr && n.argument >= 0 && static_cast<std::size_t>(n.argument) < f->arguments.size()
               ? &f->arguments[static_cast<std::size_t>(n.argument)]
               : nullptr;
  }

  // ---- Which values belong together ----

  static bool same_name(const node& x, const node& y) noexcept {
    return x.is_attribute == y.is_attribute && (x.is_attribute ? x.attribute == y.attribute : x.name == y.name);
  }

  // The values of the two ranges, paired by name or type; usually they come in the same order.
  void match_named(std::size_t a, std::size_t a_end, std::size_t b, std::size_t b_end) {
    std::vector<std::size_t> rest;  // of B
    for (; b < b_end; b = b_.nodes()[b].end) rest.push_back(b);
    for (; a < a_end; a = a_.nodes()[a].end) {
      const auto i = std::find_if(rest.begin(), rest.end(),
                                  [&](std::size_t j) { return same_name(a_.nodes()[a], b_.nodes()[j]); });
      if (i == rest.end()) {
        only_one(a_.nodes()[a], true, a);
      } else {
        match(a, *i);
        rest.erase(i);
      }
    }
    for (const auto j : rest) only_one(b_.nodes()[j], false, j);
  }

  void only_one(const node& n, bool in_a, std::size_t at) {
    if (n.marks & render::mark_routine) return;
    kind what = n.marks & absent_marks || is_withheld(n, in_a ? view_b_ : view_a_) ? kind::withheld : kind::value;
    if (is_counter_of_room(n)) what = kind::pointer;
    add(what, in_a ? at : none, in_a ? none : at);
  }

  // Of an output that a profile withholds there is nothing in the LEAVE but its count. Bytes that the call has given,
  // since its return value is the other side's, and that are not there, were withheld.
  static bool is_withheld(const node& n, const render::call_view& on) noexcept {
    const auto* f = on.function();
    if (f == nullptr || n.argument < 0 || !on.has_arguments()) return false;
    const auto i = static_cast<std::size_t>(n.argument);
    const tape::fields_view fields(f->arguments, on.enter);
    const bool given_back = n.side == way::out && i < f->arguments.size() && f->arguments[i].kind == shape::bytes;
    return (fields.word(i) & tape::pointer_withheld) != 0 || (given_back && fields.given(i));
  }

  void match(std::size_t i, std::size_t j) {
    const auto &x = a_.nodes()[i], &y = b_.nodes()[j];
    if (x.is_group != y.is_group) return groups_and_values(i, j);
    if (!x.is_group) return values(i, j);
    if (x.group != y.group) return add(kind::value, i, j);
    if (x.group == render::group_kind::numbers) return lists(i, j);
    if (x.group == render::group_kind::mechanism && x.number != y.number) return add(kind::value, i, j);
    if (x.group == render::group_kind::records) return in_order(i, j);
    match_named(i + 1, x.end, j + 1, y.end);
  }

  // One side has a struct or a list, the other NULL, or a tape that does not have it.
  void groups_and_values(std::size_t i, std::size_t j) {
    const auto &x = a_.nodes()[i], &y = b_.nodes()[j];
    const auto& plain = x.is_group ? y : x;
    add(plain.marks & absent_marks ? kind::withheld : kind::value, i, j);
  }

  // Structs in a list: by their place.
  void in_order(std::size_t i, std::size_t j) {
    if (a_.nodes()[i].length != b_.nodes()[j].length) add(kind::length, i, j);
    const auto i_end = a_.nodes()[i].end, j_end = b_.nodes()[j].end;
    for (++i, ++j; i < i_end && j < j_end; i = a_.nodes()[i].end, j = b_.nodes()[j].end) match(i, j);
  }

  // Lists of numbers: handles, mechanisms. A module may give them in any order.
  void lists(std::size_t i, std::size_t j) {
    const auto list_a = i, list_b = j;
    const auto &x = a_.nodes()[i], &y = b_.nodes()[j];
    if (x.length != y.length) add(kind::length, i, j);
    std::vector<std::size_t> rest_a, rest_b;
    const auto common = std::min(x.end - i, y.end - j) - 1;
    for (std::size_t n = 1; n <= common; ++n)
      if (!same_number(a_.nodes()[i + n], b_.nodes()[j + n])) {
        rest_a.push_back(i + n);
        rest_b.push_back(j + n);
      }
    if (rest_a.empty()) return;
    for (auto n = i + common + 1; n < x.end; ++n) rest_a.push_back(n);
    for (auto n = j + common + 1; n < y.end; ++n) rest_b.push_back(n);
    if (rest_a.size() > most_matched || rest_b.size() > most_matched) return add(kind::value, list_a, list_b);
    std::erase_if(rest_a, [&](std::size_t k) {
      const auto found = std::find_if(rest_b.begin(), rest_b.end(),
                                      [&](std::size_t l) { return same_number(a_.nodes()[k], b_.nodes()[l]); });
      if (found == rest_b.end()) return false;
      rest_b.erase(found);
      return true;
    });
    if (rest_a.empty() && rest_b.empty()) return add(kind::order, list_a, list_b);
    handle_kind h;
    const auto what = handle_kind_of(x.meaning, h) ? kind::handle : kind::value;
    for (std::size_t n = 0; n < std::max(rest_a.size(), rest_b.size()); ++n)
      add(what, n < rest_a.size() ? rest_a[n] : none, n < rest_b.size() ? rest_b[n] : none);
  }

  bool same_number(const node& x, const node& y) {
    handle_kind h;
    if (!handle_kind_of(x.meaning, h) || (h != handle_kind::slot && (x.number == 0 || y.number == 0)))
      return x.number == y.number;
    return handles_.same(h, x.number, y.number, side_ == way::out);
  }

  // ---- Whether two values are the same, and if not, of which kind the difference is ----

  void values(std::size_t i, std::size_t j) {
    const auto &x = a_.nodes()[i], &y = b_.nodes()[j];
    const auto room = is_counter_of_room(x) || ((x.marks & y.marks) & render::mark_room) != 0;
    if (x.value == value_kind::pin && y.value == value_kind::pin) return pins(i, j);
    if ((x.marks | y.marks) & absent_marks) return absent(i, j);
    if (room) {
      if (x.number != y.number || x.length != y.length) add(kind::pointer, i, j);
      return;
    }
    if (is_never_followed(x)) {
      if ((x.marks ^ y.marks) & render::mark_null) add(kind::pointer, i, j);
      return;
    }
    // NULL here and given there, a value here and none there; how it is shown does not matter.
    constexpr auto telling = render::mark_null | render::mark_asks_length | render::mark_bad |
                             render::mark_unavailable | render::mark_room | render::mark_needs;
    if ((x.marks ^ y.marks) & telling) return add(kind::value, i, j);
    if (is_number(x.value) && is_number(y.value)) {
      if (!same_number(x, y)) add(differing_number(x), i, j);
      return;
    }
    bytes(i, j);
  }

  static bool is_number(value_kind v) noexcept {
    return v == value_kind::number || v == value_kind::handle || v == value_kind::flags || v == value_kind::boolean ||
           v == value_kind::version;
  }

  kind differing_number(const node& n) const noexcept {
    handle_kind h;
    if (handle_kind_of(n.meaning, h)) return kind::handle;
    if (!n.structure.empty()) return nature_of_field(n.structure, n.name);
    const auto* row = row_of(n);
    return row != nullptr && counts_bytes(*row, n) ? kind::length : kind::value;
  }

  // An argument that counts the bytes of another.
  bool counts_bytes(const cryptoki::field&, const node& n) const noexcept {
    for (const auto& f : view_a_.function()->arguments)
      if (f.count == n.argument && f.kind == shape::bytes) return true;
    return false;
  }

  void pins(std::size_t i, std::size_t j) {
    const auto &x = a_.nodes()[i], &y = b_.nodes()[j];
    if (!x.has_length || !y.has_length) {
      if (x.has_length != y.has_length) add(kind::withheld, i, j);
    } else if (x.length != y.length) {
      add(kind::length, i, j);
    } else if (x.pin_anomalies != y.pin_anomalies) {
      add(kind::value, i, j);
    } else if (x.pin_number != y.pin_number) {
      add(kind::moment, i, j);
    }
  }

  void absent(std::size_t i, std::size_t j) {
    const auto &x = a_.nodes()[i], &y = b_.nodes()[j];
    const auto both = x.marks | y.marks;
    const bool comparable = !(both & (render::mark_length_withheld | render::mark_length_rounded));
    if ((x.marks ^ y.marks) & (render::mark_null | render::mark_bad)) return add(kind::value, i, j);
    if (comparable && x.has_length && y.has_length && x.length != y.length)
      return add(has_random_length(class_of(x), mechanism()) ? kind::random : kind::length, i, j);
    // A tape that has the value, and one that has not. Where neither has it, there is nothing to say.
    if ((x.marks ^ y.marks) & absent_marks) add(kind::withheld, i, j);
  }

  void bytes(std::size_t i, std::size_t j) {
    const auto &x = a_.nodes()[i], &y = b_.nodes()[j];
    // A sum stands for bytes that its tape does not have.
    if ((x.value == value_kind::sum) != (y.value == value_kind::sum)) return add(kind::withheld, i, j);
    const bool cut = ((x.marks | y.marks) & render::mark_cut) != 0;
    if (x.has_length && y.has_length && x.length != y.length) return add(differing_length(x), i, j);
    const auto common = std::min(x.bytes.size(), y.bytes.size());
    const bool same =
        std::equal(x.bytes.begin(), x.bytes.begin() + static_cast<std::ptrdiff_t>(common), y.bytes.begin()) &&
        (cut || x.bytes.size() == y.bytes.size());
    if (!same) add(nature_of(x), i, j);
  }

  kind differing_length(const node& n) const noexcept {
    if (has_random_length(class_of(n), mechanism())) return kind::random;
    // An attribute or a label of another length is another value; data are known by their length only.
    const bool is_payload = is_data(class_of(n)) || follows_from_data(class_of(n));
    if (!is_payload && nature_of(n) == kind::value) return kind::value;
    return kind::length;
  }

  kind nature_of(const node& n) const noexcept {
    if (n.is_attribute) return nature_of_attribute(n.attribute, around_.fresh_object);
    if (!n.structure.empty()) return nature_of_field(n.structure, n.name);
    const auto* row = row_of(n);
    if (row == nullptr) return kind::value;
    if (row->kind == shape::mechanism) return nature_of_parameter(mechanism());
    if (side_ == way::in)
      return is_data(row->secret) || row->secret == redaction_class::random ? kind::data : kind::value;
    const auto nature = nature_of_output(row->secret, mechanism());
    return nature == kind::value && around_.other_data && follows_from_data(row->secret) ? kind::data : nature;
  }

  redaction_class class_of(const node& n) const noexcept {
    const auto* row = n.is_attribute || !n.structure.empty() ? nullptr : row_of(n);
    return row != nullptr ? row->secret : redaction_class::scalar;
  }

  // The mechanism that the caller knows, or that the call was given.
  u64 mechanism() const noexcept {
    if (around_.mechanism != ~u64{0}) return around_.mechanism;
    for (const auto& n : a_.nodes())
      if (n.is_group && n.group == render::group_kind::mechanism) return n.number;
    return ~u64{0};
  }

  bool is_never_followed(const node& n) const noexcept {
    return n.value == value_kind::pointer && !(n.marks & (render::mark_asks_length | render::mark_bad));
  }

  // What counts an output's buffer says, before the call, how large the caller's buffer is.
  bool is_counter_of_room(const node& n) const noexcept {
    const auto* f = view_a_.function();
    if (side_ != way::in || f == nullptr || n.argument < 0 || !n.structure.empty() || n.is_attribute) return false;
    return std::any_of(f->arguments.begin(), f->arguments.end(), [&](const auto& other) {
      return (other.way == flow::out && other.count == n.argument && other.kind != shape::attributes) ||
             other.cap == n.argument;
    });
  }

  // Where the counted value is said to differ, its count is no news.
  void drop_counters() {
    const auto* f = view_a_.function();
    if (f == nullptr) return;
    for (std::size_t i = 0; i < f->arguments.size(); ++i) {
      const auto counter = f->arguments[i].count;
      if (counter < 0) continue;
      const auto here = out_.begin() + static_cast<std::ptrdiff_t>(first_);
      if (std::none_of(here, out_.end(), [&](const auto& d) { return d.argument == static_cast<int>(i); })) continue;
      std::size_t n = first_;
      while (n < out_.size())
        if (out_[n].argument == counter && out_[n].what != kind::pointer) {
          out_.erase(out_.begin() + static_cast<std::ptrdiff_t>(n));
          places_.erase(places_.begin() + static_cast<std::ptrdiff_t>(n - first_));
        } else {
          ++n;
        }
    }
  }

  // ---- What is said ----

  static constexpr std::size_t none = ~std::size_t{0};

  void add(kind what, std::size_t i, std::size_t j) {
    const auto& n = i != none ? a_.nodes()[i] : b_.nodes()[j];
    out_.push_back({what, side_, n.argument, {}, {}, {}});
    places_.emplace_back(i, j);
  }

  // The walk is done again with words only where there is something to say.
  void say() {
    a_.take(view_a_, side_, true);
    b_.take(view_b_, side_, true);
    for (std::size_t n = 0; n < places_.size(); ++n) {
      const auto [i, j] = places_[n];
      auto& d = out_[first_ + n];
      d.where = i != none ? path(a_.nodes(), i) : path(b_.nodes(), j);
      if (i != none) d.a = words_of(a_.nodes()[i], true);
      if (j != none) d.b = words_of(b_.nodes()[j], false);
    }
  }

  // Where handles differ, their numbers say nothing.
  std::string words_of(const node& n, bool of_a) const {
    handle_kind h;
    if (n.is_group || !handle_kind_of(n.meaning, h)) return n.words;
    const auto meant = handles_.words(h, n.number, of_a);
    return meant.empty() ? n.words : meant;
  }

  static std::string path(const nodes& all, std::size_t at) {
    std::string text;
    std::size_t begin = 0, end = all.size();
    for (bool in_list = false;;) {
      std::size_t index = 0, i = begin;
      for (; i < end && all[i].end <= at; i = all[i].end) ++index;
      if (i >= end) return text;
      const auto& n = all[i];
      if (in_list && !n.is_attribute) {
        text += '[' + std::to_string(index) + ']';
      } else {
        if (!text.empty()) text += '.';
        text += name(n);
      }
      if (i == at || !n.is_group) return text;
      in_list = n.group == render::group_kind::numbers || n.group == render::group_kind::records;
      begin = i + 1;
      end = n.end;
    }
  }

  static std::string name(const node& n) {
    if (!n.is_attribute) return std::string(n.name);
    auto text = cryptoki::display_name("attribute", n.attribute);
    if (text.empty()) text::append_hexadecimal(n.attribute, text);
    return text;
  }

  const render::call_view &view_a_, &view_b_;
  way side_;
  handle_map& handles_;
  const situation& around_;
  differences& out_;
  std::size_t first_;  // of our differences in out_
  std::vector<std::pair<std::size_t, std::size_t>> places_;
  flat_values a_, b_;
};

std::string ending_of(const render::call_view& c) {
  switch (c.state) {
    case tape::call_state::returned:
    case tape::call_state::result_only:
      return c.result_lost ? "a lost result"
                           : "returned " + render::return_name(tape::result_view(c.leave).return_value());
    case tape::call_state::left:
      return "was left without returning";
    case tape::call_state::result_lost:
      return "a result that is not on the tape";
    default:
      return "never returned";
  }
}

bool ends_unseen(const render::call_view& c) noexcept {
  return c.result_lost || c.state == tape::call_state::result_lost;
}

}  // namespace

void arguments(const render::call_view& a, const render::call_view& b, handle_map& handles, const situation& around,
               differences& out) {
  if (!a.has_arguments() || !b.has_arguments()) {
    if (a.has_arguments() != b.has_arguments())
      out.push_back({kind::withheld, way::in, -1, "arguments", a.has_arguments() ? "on the tape" : "lost",
                     b.has_arguments() ? "on the tape" : "lost"});
    return;
  }
  pair_of_calls(a, b, way::in, handles, around, out).run();
}

void results(const render::call_view& a, const render::call_view& b, handle_map& handles, const situation& around,
             differences& out) {
  if (!a.has_result() || !b.has_result()) {
    if (a.state == b.state) return;
    const bool unseen = ends_unseen(a) || ends_unseen(b);
    out.push_back({unseen ? kind::withheld : kind::ending, way::out, -1, "ending", ending_of(a), ending_of(b)});
    return;
  }
  const auto code_a = tape::result_view(a.leave).return_value(), code_b = tape::result_view(b.leave).return_value();
  if (code_a != code_b) {
    const auto in_words = [](u64 code) {
      auto name = render::return_name(code);
      if (name.empty()) text::append_hexadecimal(code, name);
      return name;
    };
    out.push_back({kind::return_code, way::out, -1, "return value", in_words(code_a), in_words(code_b)});
    return;
  }
  pair_of_calls(a, b, way::out, handles, around, out).run();
}

bool diverge(const differences& all) noexcept {
  return std::any_of(all.begin(), all.end(), [](const auto& d) { return diverges(d.what); });
}

std::string_view name_of(kind k) noexcept {
  constexpr std::string_view names[] = {"value", "length", "return code", "handle",  "ending", "random",
                                        "data",  "order",  "withheld",    "pointer", "moment"};
  static_assert(std::size(names) == kinds);
  return names[static_cast<std::size_t>(k)];
}

std::string in_words(const difference& d, std::string_view a, std::string_view b) {
  std::string text = d.where;
  if (d.what == kind::order) return text + ": the same elements, in another order";
  text += " is ";
  text += d.a.empty() ? "not given" : d.a;
  ((text += " in ") += a) += ", ";
  text += d.b.empty() ? "not given" : d.b;
  (text += " in ") += b;
  return text;
}

bool is_lookup_thread(const tape::reader& tape, std::size_t thread_index) {
  auto records = tape.records(thread_index);
  tape::record_view first;
  if (!records.next(first) || first.kind != tape::record_kind::note) return false;
  const auto* text = reinterpret_cast<const char*>(first.body.data());
  auto said = std::string_view(text, first.body.size());
  while (!said.empty() && said.back() == '\0') said.remove_suffix(1);
  return said == tape::lookup_thread_name;
}

}  // namespace p11tape::diff
