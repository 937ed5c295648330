// SPDX-License-Identifier: Apache-2.0
#include "diff/tapes.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "model/thread_calls.hpp"
#include "render/render.hpp"
#include "render/words.hpp"
#include "text/numbers.hpp"
#include "view/view_of_call.hpp"

namespace p11tape::diff {
namespace {

using model::call_number;
using model::slot_id;

std::string unpadded(std::string_view label) {
  while (!label.empty() && (label.back() == ' ' || label.back() == '\0')) label.remove_suffix(1);
  return std::string(label);
}

// Handles by what they mean at the two calls that are compared.
class by_meaning : public handle_map {
 public:
  by_meaning(const digest& a, const digest& b) : a_(a), b_(b) {}

  void at(const line& a, const line& b) noexcept {
    in_a_ = &a;
    in_b_ = &b;
  }

  // That A works on another token than B is told where its session is opened, and not with each use of the session.
  bool same(handle_kind what, u64 a, u64 b, bool given) override {
    switch (what) {
      case handle_kind::slot:
        return same_token(slot_id(a), slot_id(b)) || (told_.emplace(slot_id(a), slot_id(b)), false);
      case handle_kind::session:
        return given || same_token(in_a_->slot, in_b_->slot) || !told_.emplace(in_a_->slot, in_b_->slot).second;
      default:
        return given || same_object();
    }
  }

  std::string words(handle_kind what, u64 handle, bool of_a) const override {
    if (what == handle_kind::object) {
      const auto* o = object_of(of_a);
      return o != nullptr && o->handle == model::object_handle(handle) ? model::describe_short(*o) : std::string();
    }
    const auto& d = of_a ? a_ : b_;
    const auto slot = what == handle_kind::slot ? slot_id(handle) : (of_a ? in_a_ : in_b_)->slot;
    const auto i = d.tokens.find(slot);
    if (i == d.tokens.end()) return {};
    const auto label = unpadded(i->second);
    std::string text = what == handle_kind::slot ? "the slot of token " : "a session on token ";
    render::append_quoted(std::as_bytes(std::span(label)), text);
    return text;
  }

  // Neither side knows more of a key than its handle: nothing can be said.
  const model::object* object_of(bool of_a) const {
    const auto& d = of_a ? a_ : b_;
    const auto i = d.objects.find(of_a ? in_a_->object : in_b_->object);
    return i == d.objects.end() ? nullptr : &i->second;
  }

 private:
  bool same_token(slot_id a, slot_id b) const {
    const auto i = a_.tokens.find(a), j = b_.tokens.find(b);
    return i == a_.tokens.end() || j == b_.tokens.end() || unpadded(i->second) == unpadded(j->second);
  }

  bool same_object() const {
    const auto *x = object_of(true), *y = object_of(false);
    if (x == nullptr || y == nullptr) return true;
    const auto known = [](u64 n, u64 m) { return n == model::unknown || m == model::unknown || n == m; };
    const auto text = [](const auto& n, const auto& m) { return !n || !m || *n == *m; };
    return known(x->object_class, y->object_class) && known(x->key_type, y->key_type) && text(x->label, y->label) &&
           text(x->id, y->id);
  }

  const digest &a_, &b_;
  const line *in_a_ = nullptr, *in_b_ = nullptr;
  std::set<std::pair<slot_id, slot_id>> told_;  // slots of A and B whose tokens are different ones
};

// The calls of one thread, one by one, up to an index.
class walking {
 public:
  walking(const tape::reader& tape, const std::vector<std::size_t>& threads, std::size_t t) {
    if (t < threads.size()) calls_.emplace(tape, 0, threads[t]);
  }

  const model::call& at(u32 index) {
    while (calls_ && next_ <= index && calls_->next(call_)) ++next_;
    return call_;
  }

 private:
  std::optional<model::thread_calls> calls_;
  model::call call_;
  u32 next_ = 0;
};

std::string name_of(const model::call& c) {
  return c.function != nullptr ? std::string(c.function->name) : "a function that the tape does not describe";
}

call_name named(const model::call& c, const line& l) {
  call_name n{l.number, name_of(c), "never returned"};
  if (!l.ended) return n;
  n.outcome = render::return_name(l.value);
  if (n.outcome.empty()) text::append_hexadecimal(l.value, n.outcome);
  return n;
}

class comparing {
 public:
  comparing(const tape::reader& a, const tape::reader& b, comparison& out)
      : tape_a_(a), tape_b_(b), out_(out), handles_(out.a, out.b) {}

  void run() {
    const auto threads = std::max(out_.a.lines.size(), out_.b.lines.size());
    for (std::size_t t = 0; t < threads; ++t) thread(t);
    std::stable_sort(out_.found.begin(), out_.found.end(),
                     [](const auto& x, const auto& y) { return x.order < y.order; });
  }

 private:
  void thread(std::size_t t) {
    static const std::vector<line> nothing;
    const auto& a = t < out_.a.lines.size() ? out_.a.lines[t] : nothing;
    const auto& b = t < out_.b.lines.size() ? out_.b.lines[t] : nothing;
    const auto keys = [](const std::vector<line>& lines) {
      std::vector<element> all;
      all.reserve(lines.size());
      for (const auto& l : lines) all.push_back(l.key);
      return all;
    };
    const auto found = align(keys(a), keys(b));
    out_.shortest &= found.shortest;
    walking calls_a(tape_a_, out_.a.threads, t), calls_b(tape_b_, out_.b.threads, t);
    other_data_.clear();
    order_ = a.empty() && !out_.a.lines.empty() ? call_number(model::all_ones)
                                                : model::none;  // a thread that only B has comes last
    thread_ = t + 1;
    run_ = nullptr;
    for (const auto& s : found.steps) {
      if (s.b == nobody) {
        order_ = a[s.a].number;
        alone(change::only_a, a[s.a], calls_a.at(s.a));
      } else if (s.a == nobody) {
        alone(change::only_b, b[s.b], calls_b.at(s.b));
      } else {
        order_ = a[s.a].number;
        pair(a[s.a], calls_a.at(s.a), b[s.b], calls_b.at(s.b));
      }
    }
  }

  void alone(change what, const line& l, const model::call& c) {
    const auto name = name_of(c);
    if (l.harmless) {
      auto& n = out_.queries[name];
      ++(what == change::only_a ? n.first : n.second);
      return;
    }
    if (run_ == nullptr || run_->what != what) {
      auto& d = add(what);
      (what == change::only_a ? d.a : d.b) = named(c, l);
      d.count = 0;
      run_ = &d;
    }
    ++run_->count;
    run_->last = l.number;
    if (std::find(run_->functions.begin(), run_->functions.end(), name) == run_->functions.end())
      run_->functions.push_back(name);
  }

  void pair(const line& a, const model::call& x, const line& b, const model::call& y) {
    if (run_ != nullptr) run_->meanwhile = run_->what == change::only_a ? named(y, b) : named(x, a);
    run_ = nullptr;
    ++out_.pairs;
    handles_.at(a, b);
    const auto view_x = view::view_of(x), view_y = view::view_of(y);
    situation around;
    around.mechanism = a.mechanism == b.mechanism ? a.mechanism : model::unknown;
    around.fresh_object = a.fresh && b.fresh;
    const model::session_handle session(
        x.arguments().word(0));  // all functions of an operation begin with their session
    around.other_data = other_data_.contains(session);
    differences all;
    arguments(view_x, view_y, handles_, around, all);
    // Queries after different things are a query of A's and one of B's, and no pair.
    if (a.harmless && b.harmless && diverge(all)) {
      --out_.pairs;
      ++out_.queries[name_of(x)].first;
      ++out_.queries[name_of(y)].second;
      return;
    }
    if (std::any_of(all.begin(), all.end(), [](const auto& d) { return d.what == kind::data; })) {
      other_data_.insert(session);
      around.other_data = true;
    }
    results(view_x, view_y, handles_, around, all);
    if (!diverge(all)) return count(all);
    auto& d = add(change::differs);
    d.a = named(x, a);
    d.b = named(y, b);
    for (auto& one : all) {
      if (diverges(one.what))
        d.values.push_back(std::move(one));
      else
        ++out_.expected[static_cast<std::size_t>(one.what)];
    }
  }

  void count(const differences& all) {
    for (const auto& one : all) ++out_.expected[static_cast<std::size_t>(one.what)];
  }

  // Beyond the most that is kept, divergences are counted only.
  divergence& add(change what) {
    ++out_.all;
    auto& d = out_.found.size() < comparison::most_kept ? out_.found.emplace_back() : (spare_ = divergence{});
    d.what = what;
    d.thread = thread_;
    d.order = order_;
    return d;
  }

  const tape::reader &tape_a_, &tape_b_;
  comparison& out_;
  by_meaning handles_;
  std::set<model::session_handle> other_data_;  // sessions of A whose operations were fed other data
  divergence spare_;
  divergence* run_ = nullptr;
  std::size_t thread_ = 0;
  call_number order_;
};

}  // namespace

comparison compare_tapes(const tape::reader& a, const tape::reader& b, u64 window,
                         const std::function<void(u64)>& seen) {
  comparison out;
  out.a = digest_of(a, window, seen);
  out.b = digest_of(b, window, seen);
  out.found.reserve(comparison::most_kept);  // references to the last one stay valid
  comparing(a, b, out).run();
  return out;
}

}  // namespace p11tape::diff
