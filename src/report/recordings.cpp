// SPDX-License-Identifier: Apache-2.0
// Who was recorded, when, where, with which versions, and what is missing.
#include "diagnose/pkcs11_phrases.hpp"
#include "profile/report.hpp"
#include "render/words.hpp"
#include "report/sections.hpp"
#include "text/slot_number.hpp"
#include "view/completeness.hpp"

namespace p11tape::report {
namespace {

using diagnose::cat;
using diagnose::counted;

std::string safe(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  std::string out;
  render::append_safe(text, out);
  return out;
}

std::string user_of(const tape::reader& t) {
  const auto real = t.property("uid"), effective = t.property("euid");
  return real == effective ? safe(real) : cat(safe(real), ", acting as ", safe(effective));
}

void append_recording(const source& from, std::size_t i, const std::string& library, html& to) {
  const auto& t = *from.tapes[i];
  const auto& d = from.measured.processes[i];
  const auto total = d.tally.total();
  to.text("h3", from.tapes.size() > 1 ? cat(i + 1, ": ", profile::title_of(d)) : profile::title_of(d));
  to.open("dl");
  to.term("Completeness", view::completeness_of(t));
  to.term("Program", safe(t.property("program")));
  to.term("Process", t.header().pid == 0 ? std::string() : std::to_string(t.header().pid));
  to.term("User", user_of(t));
  to.term("Host", safe(t.property("host")));
  to.term("From", moment(total.calls == 0 ? t.header().wall : d.tally.first_wall()));
  if (total.calls != 0) to.term("For", diagnose::duration(d.tally.last_wall() - d.tally.first_wall()));
  to.term("Calls", cat(total.calls, ", ", total.failed, " failed, in ", counted(t.threads().size(), "thread")));
  const auto module = safe(t.property("module")), resolved = safe(t.property("module.path"));
  to.term("Module", resolved.empty() || resolved == module ? module : cat(module, " -> ", resolved));
  to.term("Module's version", library);
  to.term("Module not loaded", safe(t.property("module.error")));
  to.term("Imported from", view::imported_from(t));
  if (!d.imported) to.term("Recorded by", cat("p11tape ", safe(t.property("version"))));
  for (const auto& [id, slot] : d.slots) {
    if (!slot.token) continue;
    const auto& k = *slot.token;
    to.term("Token", cat(text::slot(id.value()), ": ", diagnose::quoted(safe(k.label)), ", ", safe(k.manufacturer), " ",
                         safe(k.model), ", serial number ", safe(k.serial)));
  }
  to.term("Tape", t.shown_path());
  to.close("dl");
}

}  // namespace

void append_recordings(const source& from, const call_list& calls, html& to) {
  to.section("recordings", "Recordings");
  for (std::size_t i = 0; i < from.tapes.size(); ++i) append_recording(from, i, calls.libraries[i], to);
  to.end_section();
}

}  // namespace p11tape::report
