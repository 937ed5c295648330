// SPDX-License-Identifier: Apache-2.0
// P57 to P60: the device, the module's inside, and its clock.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "cryptoki/extra_names.hpp"
#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/module_habits.hpp"
#include "diagnose/rules/rules.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::function;

std::string last_calls(const rule_input& s) {
  std::vector<std::string> names;
  for (const auto& b : s.d.failed_calls.before_module_failure())
    names.push_back(cat(b.call, " ", name_of(b.which),
                        !b.ended            ? " (no end)"
                        : b.value == CKR_OK ? ""
                                            : " " + short_code(b.value)));
  std::string text;
  for (const auto& n : names) text += (text.empty() ? "" : ", ") + n;
  return text;
}

// Whose codes these are, by the module's file name; how they are read.
struct vendor {
  std::string_view part, name;
};
constexpr vendor vendors[] = {
    {"Cryptoki2", "Thales Luna"},   {"cs_pkcs11", "Utimaco"},         {"cknfast", "Entrust nShield"},
    {"csnpca", "IBM ICSF on z/OS"}, {"csnpcx64", "IBM ICSF on z/OS"}, {"nethsm", "Nitrokey NetHSM"},
    {"cloudhsm", "AWS CloudHSM"},   {"yubihsm", "YubiHSM"},           {"primus", "Securosys Primus"}};

// "2026112118050100" in UTC; -1 where it is no time.
std::int64_t seconds_of(const std::string& utc_time) {
  if (utc_time.size() < 14 ||
      !std::all_of(utc_time.begin(), utc_time.begin() + 14, [](char c) { return c >= '0' && c <= '9'; }))
    return -1;
  const auto part = [&](std::size_t at, std::size_t size) { return std::stoi(utc_time.substr(at, size)); };
  std::tm t{};
  t.tm_year = part(0, 4) - 1900;
  t.tm_mon = part(4, 2) - 1;
  t.tm_mday = part(6, 2);
  t.tm_hour = part(8, 2);
  t.tm_min = part(10, 2);
  t.tm_sec = part(12, 2);
  return ::timegm(&t);
}

}  // namespace

void device_failed(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i :
       s.d.failed_calls.with({CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_TOKEN_NOT_PRESENT})) {
    if (i->which == function::C_Initialize) continue;
    const auto& first = i->samples.front();
    // A token that was there when its session was opened.
    if (i->value == CKR_TOKEN_NOT_PRESENT && !first.session_open) continue;
    auto& f = add(out, s, r);
    f.about = topic::device;
    const auto where = first.slot == none ? std::string() : cat(" (", first.slot_name, ")");
    f.say = i->value == CKR_DEVICE_ERROR ? cat("The device failed", where, ".")
            : i->value == CKR_DEVICE_MEMORY
                ? cat("The token has no space left", where, ".")
                : cat("The token was removed, or the connection to it was lost", where, ".");
    show_incident(f, *i);
    const auto calls = last_calls(s);
    if (!calls.empty()) f.show({}, cat("previous calls: ", calls));
    f.advice = i->value == CKR_DEVICE_MEMORY
                   ? "Delete objects that are not needed, or close sessions that hold session objects."
                   : "Check the device and its connection: USB power saving, a restart of pcscd, a failover of the "
                     "HSM. All sessions and handles are lost, so most clients must be restarted. (z/OS: "
                     "CKR_DEVICE_REMOVED means that the token was deleted.)";
    apply_habits(f, s, *i);
    f.commands = {"journalctl -k --since '-1 hour'", "journalctl -u pcscd --since '-1 hour'"};
    soften(f, s, *i);
  }
  // PC/SC told the module, and the module may have got over it.
  if (s.d.card_resets == 0 || (!out.empty() && out.back().by == &r && out.back().tape == s.d.index)) return;
  auto& f = add(out, s, r);
  f.level = severity::warning;
  f.about = topic::device;
  f.fault = fault::environment;
  f.say = "Another program reset the card while this one was using it.";
  f.show({s.d.card_reset_in}, cat("PC/SC returned SCARD_W_RESET_CARD, ", counted(s.d.card_resets, "time")));
  f.cause = "A reset ends logins and selections on the card; the module must detect it and log in again.";
  f.advice = "Find out which other program uses the card (log of pcscd), and stop it while this client runs.";
}

void module_failed(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_GENERAL_ERROR, CKR_FUNCTION_FAILED, CKR_HOST_MEMORY})) {
    if (i->which == function::C_Initialize) continue;
    const auto& first = i->samples.front();
    auto& f = add(out, s, r);
    f.about = topic::device;
    f.say =
        cat("The module failed internally in ", name_of(i->which), " and returned only ", short_code(i->value), ".");
    show_incident(f, *i);
    if (first.key) f.show({}, cat("with ", first.key_name));
    if (first.mechanism != unknown)
      f.show({}, cat("mechanism ", mechanism(first.mechanism),
                     first.input_length == unknown ? "" : cat(", ", counted(first.input_length, "byte"), " of data")));
    const auto calls = last_calls(s);
    if (!calls.empty()) f.show({}, cat("previous calls: ", calls));
    f.advice =
        "The reason is in the module's own log: enable the log and repeat (SoftHSM: log.level = DEBUG, in the system "
        "log; Luna: cklog). Do not use OPENSC_DEBUG: it logs PINs in clear text.";
    soften(f, s, *i);
  }
}

void vendor_code(const rule_input& s, const rule& r, findings& out) {
  for (const auto& i : s.d.failed_calls.all()) {
    if (i.value < CKR_VENDOR_DEFINED) continue;
    auto& f = add(out, s, r);
    f.about = topic::device;
    const auto slash = s.d.module.rfind('/');
    const auto file = slash == std::string::npos ? s.d.module : s.d.module.substr(slash + 1);
    std::string whose;
    for (const auto& v : vendors)
      if (file.find(v.part) != std::string::npos) whose = cat(" of ", v.name);
    const auto name = cryptoki::extra_name("return_value", i.value);
    f.say = cat(name_of(i.which), " returned ", hex(i.value), name.empty() ? "" : cat(" (", name, ")"),
                ", a vendor-defined code", whose, ".");
    show_incident(f, i);
    if ((i.value >> 28) == 0xC)
      f.show({}, cat("interpreted as a code of ICSF on z/OS: return code ", (i.value >> 16) & 0xFFF, ", reason ",
                     hex(i.value & 0xFFFF)));
    f.advice = "Look it up in the vendor's documentation. Names of such codes can be added to the constants file.";
  }
}

void token_clock(const rule_input& s, const rule& r, findings& out) {
  constexpr std::int64_t tolerated = 300;
  for (const auto& [id, slot] : s.d.slots) {
    if (!slot.token || !slot.token->has(CKF_CLOCK_ON_TOKEN)) continue;
    const auto there = seconds_of(slot.token->utc_time);
    const auto here = static_cast<std::int64_t>(slot.token->seen_wall / 1000000000);
    if (there < 0 || (there > here ? there - here : here - there) < tolerated) continue;
    auto& f = add(out, s, r);
    f.say = cat("The clock of ", model::describe(slot), " differs from the clock of this machine by ",
                (there > here ? there - here : here - there) / 60, " minutes.");
    f.show({slot.token->seen_in}, cat("utcTime is ", label::printable(slot.token->utc_time)));
    f.advice = "Set the token's clock: the dates of keys and certificates and the expiry of PINs depend on it.";
  }
}

}  // namespace p11tape::diagnose::rule_functions
