// SPDX-License-Identifier: Apache-2.0
#include "capture/make_tape.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "capture/host/clock.hpp"
#include "capture/host/message.hpp"
#include "capture/host/valgrind.hpp"
#include "capture/settings/filter.hpp"
#include "cryptoki/tables.hpp"

namespace p11tape::capture {
namespace {

void explain(const tape::file& tape, tape::create_error error, const char* folder, bool given_up) noexcept {
  const char* instead =
      given_up ? "Calls are forwarded without being recorded." : "The default directory is used instead.";
  switch (error) {
    case tape::create_error::folder_unsafe:
      say("the directory %s (setting `dir`) is not safe for tapes: a directory that all users can write to must have "
          "the sticky bit, and the default directory must belong to you, have mode 0700 and not be a symbolic link. %s",
          folder, instead);
      break;
    case tape::create_error::folder_by_link:
      say("the path %s (setting `dir`) leads through a symbolic link of user ID %u, which this process does not follow "
          "because it runs %s (set `dir` to the directory itself, or chown -h the link to root). %s",
          folder, tape.link_owner(), geteuid() == 0 ? "as root" : "setuid", instead);
      break;
    case tape::create_error::no_memory:
      say("not enough address space for a tape (check ulimit -v). %s", instead);
      break;
    case tape::create_error::no_space:
      say("not enough space for a tape in %s (disk, quota or ulimit -f): %s. %s", folder,
          strerrordesc_np(tape.error_number()), instead);
      break;
    default:
      say("cannot create a tape in %s (setting `dir`) as user ID %u: %s. %s", folder, geteuid(),
          strerrordesc_np(tape.error_number()), instead);
  }
}

}  // namespace

bool make_tape(tape::file& tape, const settings& s, const recorded_module& m) noexcept {
  static char parent[4352];
  static char properties[24 * 1024];
  static char name[256];
  // Before anything here reads a clock: the process may not be allowed to.
  const char* no_counter = "";
  const auto beginning = start_clock(static_cast<clock_wish>(s.number(setting::clock)), no_counter);
  std::snprintf(parent, sizeof parent, "%s", tape.path());
  const bool is_child = parent[0] != 0;
  write_tape_name(name, sizeof name, s.text(setting::name), m);
  char own[64];
  std::snprintf(own, sizeof own, "/var/tmp/p11tape-%u", geteuid());
  tape::creation c{};
  c.features = has_filters(s) ? u64{tape::feature_filtered} : 0;
  c.name = name;
  c.schema = cryptoki::schema_text();
  c.limit = s.number(setting::limit);
  // Its search for leaks looks at all that is mapped, word by word, and takes minutes over a tape that has still to grow.
  constexpr u64 most_under_memcheck = u64{8} << 20;
  if (valgrind::is_memcheck() && c.limit > most_under_memcheck) c.limit = most_under_memcheck;
  c.keep = {s.number(setting::keep_size), s.number(setting::keep_age), static_cast<u32>(s.number(setting::keep))};
  c.ring = s.number(setting::when_full) == 0;
  c.reserve_all = s.number(setting::reserve) == 1;
  c.records = s.profile();
  c.beginning = beginning;
  c.counts = c.beginning.counter != 0;
  c.properties =
      write_properties(properties, sizeof properties, s, m, is_child ? parent : nullptr, s.problems, no_counter);
  const char* wanted = s.text(setting::dir);
  if (wanted[0] != 0) {
    c.folder = wanted;
    const auto error = tape.create(c);
    if (error == tape::create_error::none) {
      begin_pairs(tape, c.beginning);
      return true;
    }
    explain(tape, error, wanted, false);
  }
  c.folder = own;
  c.own_folder = true;
  const auto error = tape.create(c);
  if (error != tape::create_error::none) explain(tape, error, own, true);
  if (error == tape::create_error::none) begin_pairs(tape, c.beginning);
  return error == tape::create_error::none;
}

}  // namespace p11tape::capture
