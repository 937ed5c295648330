// SPDX-License-Identifier: Apache-2.0
#include "player/recording.hpp"

#include <algorithm>

#include "model/call_stream.hpp"
#include "player/recording_index.hpp"
#include "player/struct_remap.hpp"

namespace p11tape::player {
namespace {

std::string count_of(u64 n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

void tell_troubles(const tape::reader& from, std::vector<std::string>& to) {
  const auto& d = from.damage();
  if (d.any())
    to.push_back("the tape is damaged (" + count_of(d.bad_records + d.lost_parts, "bad record") + ", " +
                 count_of(d.cut_chunks, "cut chunk") + ", " + count_of(d.skipped_bytes, "byte") +
                 " cannot be read): the rest of it is used");
  for (const auto& note : d.notes) to.push_back("the tape is damaged: " + note);
  if (const auto n = d.missing_records)
    to.push_back(count_of(n, "record") +
                 " of the tape were overwritten or lost: there is no recorded result for those calls");
  if (from.header().features & tape::feature_filtered)
    to.emplace_back(
        "the tape was recorded with a filter: there is no recorded result for calls that the filter left out");
  if (from.header().stopped != 0 || from.counter(tape::counter::no_space) != 0)
    to.emplace_back("the recording stopped before the process ended: there is no recorded result for later calls");
}

}  // namespace

story::story(const std::string& file) : objects(1), by_function(cryptoki::function_count), path(file) {
  const tape::reader from(file);
  roles_ = model::roles_of(from.rows());
  program = std::string(from.property("name"));
  pid = from.header().pid;
  if (from.word_size() != sizeof(CK_ULONG))
    throw tape::tape_error(file + " was recorded in a process of another word size (" +
                           std::to_string(from.word_size() * 8) + " bits); it can only be played in such a process");
  recorded = reencode::recorder_profile(from);

  const auto structs = our_numbers(from.rows());
  model::call_stream stream(from);
  u64 strangers = 0;
  while (const auto* c = stream.next()) {
    if (c->depth != 0) continue;  // what the module asked itself is no question of the client's
    const bool known = c->function_number < roles_.size() && roles_[c->function_number].same_row;
    if (!known || !c->begun() || c->enter.body_lost || c->leave.body_lost) {
      ++strangers;
      continue;
    }
    auto& r = calls.emplace_back();
    r.number = c->number;
    r.role = &roles_[c->function_number];
    r.function = r.role->which;
    r.state = c->state;
    r.enter = c->enter;
    r.leave = c->leave;
    remap_structs(r.enter, cryptoki::row(r.function).arguments.size(), structs);
    if (c->ended()) remap_structs(r.leave, 1, structs);
    r.duration = c->duration();
    r.thread = c->thread.id;
  }
  tell_troubles(from, troubles);
  if (strangers != 0)
    troubles.push_back(count_of(strangers, "call") + " of the tape cannot be read completely and are not used");
  if (calls.empty()) {
    const auto why = from.property("module.error");
    throw tape::tape_error(file + ": the tape contains no calls" +
                           (why.empty() ? "" : ": the module could not be loaded: " + std::string(why)));
  }
  story_teller(*this).tell();
}

}  // namespace p11tape::player
