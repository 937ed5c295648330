// SPDX-License-Identifier: Apache-2.0
#include "query/sources/findings.hpp"

#include <map>
#include <set>

#include "diagnose/diagnosis.hpp"

namespace p11tape::query {
namespace {

using col = findings_column;

struct evidence_call {
  u64 id = 0, wall = 0;
};

class flattener {
 public:
  flattener(symbols& pool, stored_table& into) : pool_(&pool), into_(&into) {}

  void add(const diagnose::finding& f, const tape_words& tape, u64 revision, std::string_view explained_by) {
    const auto row = into_->add();
    const auto text = [&](col c, std::string_view value) {
      into_->at(row, c) = cell::of_symbol(pool_->keep_safe(value));
    };
    // The same rule can find several things on a tape; their order is that of the tape.
    const auto ordinal = ++ordinals_[{tape.id, f.id}];
    into_->at(row, col::tape) = cell::of_symbol(tape.id);
    into_->at(row, col::id) = cell::of(hash_of(f.id, ordinal));
    into_->at(row, col::host) = cell::of_symbol(tape.host);
    into_->at(row, col::program) = cell::of_symbol(tape.program);
    into_->at(row, col::pid) = cell::of(tape.pid);
    text(col::rule, f.id);
    text(col::slug, f.slug);
    text(col::severity, diagnose::name_of(f.level));
    text(col::headline, f.say);
    text(col::explained_by, explained_by);
    std::string shown;
    for (const auto& e : f.shown) (shown += shown.empty() ? "" : "; ") += e.text;
    text(col::evidence, shown);
    text(col::fix, f.advice);
    into_->at(row, col::revision) = cell::of(revision);
    into_->at(row, col::started_ns) = cell::of(tape.started);
    if (const auto call = f.first_call(); call != model::none) {
      into_->at(row, col::number) = known(call);
      rows_.emplace_back(row, call);
      wanted_.insert(call);
    }
    for (const auto& c : f.consequences) add(c, tape, revision, f.id);
  }

  /// Looks up the calls that the rows of one tape name.
  void find_calls(const tape::reader& tape) {
    std::map<model::call_number, evidence_call> found;
    model::call_stream calls(tape, tape::record_bodies::left_out);
    while (const auto* c = wanted_.empty() ? nullptr : calls.next()) {
      if (wanted_.erase(c->number) != 0) found[c->number] = {id_of(*c), c->shown_start_wall()};
    }
    for (const auto& [row, number] : rows_) {
      const auto i = found.find(number);
      if (i == found.end()) continue;
      into_->at(row, col::call_id) = cell::of(i->second.id);
      into_->at(row, col::time_ns) = cell::of(i->second.wall);
    }
    rows_.clear();
    wanted_.clear();
  }

 private:
  symbols* pool_;
  stored_table* into_;
  std::map<std::pair<std::string_view, std::string_view>, u64> ordinals_;
  std::vector<std::pair<std::size_t, model::call_number>> rows_;
  std::set<model::call_number> wanted_;
};

}  // namespace

void collect_findings(tape_list tapes, symbols& pool, stored_table& into) {
  flattener flat(pool, into);
  // Tape by tape, as the fleet's hosts do it: together, processes with the same finding would share one row.
  for (std::size_t i = 0; i < tapes.size(); ++i) {
    const auto process = diagnose::collect_all(tapes.subspan(i, 1), {});
    const auto words = words_of(*tapes[i], pool);
    for (const auto& f : diagnose::examine(process, {}).found) flat.add(f, words, process[0].tally.total().calls, {});
    flat.find_calls(*tapes[i]);
  }
}

}  // namespace p11tape::query
