// SPDX-License-Identifier: Apache-2.0
// P1 to P8: before any token: loading, configuration, C_Initialize, slots.
#include <filesystem>

#include "cryptoki/pkcs11.hpp"
#include "diagnose/pkcs11_phrases.hpp"
#include "diagnose/rules/client_reaction.hpp"
#include "diagnose/rules/module_habits.hpp"
#include "diagnose/rules/rules.hpp"
#include "diagnose/suggested_commands.hpp"

namespace p11tape::diagnose::rule_functions {
namespace {

using cryptoki::function;

bool has(std::string_view text, std::string_view part) noexcept { return text.find(part) != std::string_view::npos; }

// What kept the recorder from loading the module, taken from its own sentence.
struct load_failure {
  std::string say, advice;
  std::vector<std::string> commands;
  diagnose::fault fault = fault::undecidable;
};

// "PATH: cannot open shared object file: No such file or directory": the object that the dynamic loader is about.
std::string_view object_of(std::string_view loader) noexcept {
  const auto colon = loader.find(": ");
  return colon == std::string_view::npos ? std::string_view() : loader.substr(0, colon);
}

std::string_view file_name(std::string_view path) noexcept { return path.substr(path.rfind('/') + 1); }

load_failure not_named() {
  return {
      "No PKCS#11 module is named, so p11tape.so does not know which one to load.",
      "The variable P11TAPE_MODULE did not reach this process: a service does not have the environment of your shell, "
      "and sudo removes variables. Let p11tape swap put the module into a settings file beside the recorder, or set "
      "the variable where the service gets its environment (systemctl edit: Environment=P11TAPE_MODULE=...; IBM MQ: "
      "the profile of user mqm).",
      {"p11tape settings"},
      fault::configuration};
}

// What dlopen said, and what to do.
load_failure by_loader(std::string_view loader, const rule_input& s) {
  const auto& module = s.d.module;
  const auto shown = label::printable(module);
  const std::string object(object_of(loader));
  const bool is_module = object.empty() || object == module || file_name(object) == file_name(module);
  const auto word = module_word(s);
  if (has(loader, "wrong ELF class") || has(loader, "invalid ELF header") ||
      has(loader, "cannot open shared object file: Exec"))
    return {cat(is_module ? shown : label::printable(object), " is built for another architecture than the program."),
            "Use the build of the module that matches the program: a 64-bit program needs a 64-bit module for the same "
            "processor.",
            {cat("file -L ", word)},
            fault::configuration};
  if (has(loader, "undefined symbol") || has(loader, "version `"))
    return {
        cat("The module ", shown, " does not fit a library that it needs."),
        "The module, or that library, has an unexpected version. Compare the installed versions with those that the "
        "module's documentation names.",
        {cat("readelf -d ", word)},
        fault::environment};
  if (has(loader, "ermission denied"))
    return {
        cat("User ", s.d.tape->property("euid"), " may not read ", is_module ? shown : label::printable(object), "."),
        "Give that user the right to read the file and to enter each directory above it. If the permissions are right, "
        "look for SELinux or AppArmor in the system log: ausearch -m avc -ts recent.",
        {cat("namei -l ", is_module ? word : text::shell_word(object))},
        fault::environment};
  if (has(loader, "No such file") && !is_module)
    return {
        cat("The module ", shown, " needs ", label::printable(object), ", which the dynamic loader did not find."),
        "Install the package that contains that library, or add its directory to /etc/ld.so.conf.d and run ldconfig.",
        {cat("readelf -d ", word), cat("ldconfig -p | grep -F ", text::shell_word(file_name(object)))},
        fault::environment};
  if (has(loader, "No such file"))
    return {
        cat("The module ", shown, " does not exist for this process."),
        "Correct the path. A symbolic link may be broken, and a sandbox (snap, flatpak, container) has its own file "
        "system.",
        {cat("ls -lL ", word)},
        fault::configuration};
  return {cat("The module ", shown, " could not be loaded."),
          "Check the file as the user that runs the program.",
          {cat("p11tape doctor --module ", word)},
          fault::undecidable};
}

load_failure failure_of(std::string_view reason, const rule_input& s) {
  const auto shown = label::printable(s.d.module);
  if (has(reason, "no PKCS#11 module is named")) return not_named();
  if (has(reason, "because a setting is wrong"))
    return {"A setting of p11tape is wrong, so no module is loaded.",
            "Correct the setting.",
            {"p11tape settings"},
            fault::configuration};
  if (has(reason, "is p11tape itself"))
    return {"The recorder is configured to load itself.",
            "Set the setting `module` (or P11TAPE_MODULE) to the path of the real module.",
            {"p11tape settings"},
            fault::configuration};
  if (has(reason, "is not a PKCS#11 module"))
    return {cat(shown, " is not a PKCS#11 module."),
            "Correct the path: the file exports no C_GetFunctionList.",
            {cat("p11tape doctor --module ", module_word(s))},
            fault::configuration};
  constexpr std::string_view before = "cannot load the PKCS#11 module ";
  auto loader = reason;
  if (const auto at = reason.find(before); at != std::string_view::npos)
    if (const auto end = reason.find("): ", at + before.size() + s.d.module.size()); end != std::string_view::npos)
      loader = reason.substr(end + 3);
  return by_loader(loader, s);
}

struct vendor {
  std::string_view part;
  std::string_view advice;
};

// What goes wrong inside C_Initialize, by the module's file name.
constexpr vendor vendors[] = {
    {"softhsm",
     "SoftHSM reads the file that SOFTHSM2_CONF names, or /etc/softhsm/softhsm2.conf. This user must be able to read "
     "it, and the token directory that it names. A daemon does not have the environment variables of your shell."},
    {"Cryptoki2",
     "Luna reads /etc/Chrystoki.conf (or ChrystokiConfigurationPath): check that it is readable, and that the "
     "appliance is reachable."},
    {"cknfast", "nShield needs a running hardserver, and the user in the group nfast."},
    {"opensc", "OpenSC needs a running pcscd, and permission to use it (polkit rejects users without a seat)."},
    {"PKCS11_API", "openCryptoki needs a running pkcsslotd, and the user in the group pkcs11."},
    {"yubihsm",
     "The YubiHSM connector must be running at the address given in the file that YUBIHSM_PKCS11_CONF names."},
};

std::string_view vendor_advice(const std::string& module) noexcept {
  const auto name = std::string_view(module).substr(module.rfind('/') + 1);
  for (const auto& v : vendors)
    if (has(name, v.part)) return v.advice;
  return "Check the module's own log and configuration, as the user that runs the program.";
}

const turn* initialization_after(const rule_input& s, call_number call) noexcept {
  for (const auto& t : s.d.initialization.turns)
    if (!t.finalizes && t.ended && t.value == CKR_OK && t.call > call) return &t;
  return nullptr;
}

}  // namespace

void module_not_loadable(const rule_input& s, const rule& r, findings& out) {
  const auto reason = s.d.tape->property("module.error");
  if (reason.empty()) return;
  auto& f = add(out, s, r);
  f.about = topic::load;
  auto why = failure_of(reason, s);
  f.say = std::move(why.say);
  f.fault = why.fault;
  f.show({}, cat("the recorder reported: ", label::printable(reason)));
  f.show({}, cat("user ", s.d.tape->property("uid"), ", effective user ", s.d.tape->property("euid")));
  f.advice = std::move(why.advice);
  f.commands = std::move(why.commands);
}

void setting_not_understood(const rule_input& s, const rule& r, findings& out) {
  // One configuration, however many tapes: it is told with the first.
  if (s.d.index != 0) return;
  std::vector<const clients::finding*> errors;
  for (const auto& fault : s.set.faults)
    // A label that is too long is understood, and matches nothing: that is P9d. A mask is what people put into a copy that
    // they send to others.
    if (fault.level == clients::severity::error && fault.what != clients::code::CFG132 &&
        fault.what != clients::code::CFG148)
      errors.push_back(&fault);
  if (errors.empty()) return;
  auto& f = add(out, s, r);
  f.about = topic::setting;
  f.say = cat("In ", s.set.source, ": ", errors.front()->title, ".");
  for (const auto* e : errors) {
    const auto where = e->line != 0 ? cat("line ", e->line, ": ") : std::string();
    f.show({}, cat(where, e->title, e->detail.empty() ? "" : ". ", e->detail));
  }
  f.advice = errors.front()->advice;
  f.commands = {"p11tape doctor, with the same configuration"};
}

void initialize_failed(const rule_input& s, const rule& r, findings& out) {
  for (const auto& i : s.d.failed_calls.all()) {
    if (i.which != function::C_Initialize) continue;
    switch (i.value) {  // rules of their own
      case CKR_ARGUMENTS_BAD:
      case CKR_CRYPTOKI_ALREADY_INITIALIZED:
      case CKR_CANT_LOCK:
      case CKR_NEED_TO_CREATE_THREADS:
        continue;
      default:
        break;
    }
    auto& f = add(out, s, r);
    f.about = topic::initialize;
    f.say = cat("C_Initialize failed: the module returned ", short_code(i.value), ".");
    show_incident(f, i);
    f.show({}, cat("run by user ", s.d.tape->property("uid"), ", effective user ", s.d.tape->property("euid"),
                   "; module ", s.d.module));
    f.advice = vendor_advice(s.d.module);
    apply_habits(f, s, i);
    f.commands = {cat("sudo -u '#", s.d.tape->property("euid"), "' ", list_slots(s))};
    soften(f, s, i);
  }
}

void initialize_arguments(const rule_input& s, const rule& r, findings& out) {
  const auto* i = s.d.failed_calls.find(function::C_Initialize, CKR_ARGUMENTS_BAD);
  if (i == nullptr) return;
  auto& f = add(out, s, r);
  f.about = topic::initialize;
  f.say = "The module rejects the arguments of C_Initialize.";
  show_incident(f, *i);
  for (const auto& t : s.d.initialization.turns) {
    if (t.call != i->first) continue;
    if (t.locks.reserved) f.show({t.call}, "pReserved is not NULL: the configuration passes parameters to the module");
    if (t.locks.mutexes != 0 && t.locks.mutexes != 4)
      f.show({t.call}, cat(t.locks.mutexes, " of the four mutex functions were passed: it must be all or none"));
  }
  f.advice =
      "Remove the parameters for the module (NSS: the module's parameters; OpenSSL: INIT_ARGS or "
      "pkcs11-module-init-args; SunPKCS11: nssArgs). If none are configured, the client and the module are not "
      "compatible.";
  if (const auto* later = initialization_after(s, i->last)) {
    f.level = severity::info;
    f.show({later->call}, "the client tried again with other arguments and succeeded");
  }
}

void wrong_slot(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_SLOT_ID_INVALID})) {
    const auto& first = i->samples.front();
    if (stage_of(i->which) < 0) continue;  // a slot that is gone has no sessions left
    if (first.slot == none) continue;      // the log does not show it
    auto& f = add(out, s, r);
    f.about = topic::slot;
    const bool asked = first.slots_asked;
    const bool is_position = asked && !first.slot_listed && first.slot.value() < first.listed_slots.size();
    f.say = !asked ? cat(name_of(i->which), " used slot ID ", first.slot, " before C_GetSlotList was called.")
            : is_position
                ? cat(name_of(i->which), " used slot ID ", first.slot, ", which looks like a position in the list.")
            : first.slot_listed
                ? cat(name_of(i->which), " used slot ID ", first.slot,
                      ", which C_GetSlotList had returned; the module "
                      "rejected it.")
                : cat(name_of(i->which), " used slot ID ", first.slot, ", which C_GetSlotList did not return.");
    show_incident(f, *i);
    std::vector<std::string> ids;
    for (const auto id : first.listed_slots) {
      const auto* slot = s.d.slot(id);
      ids.push_back(cat(id, slot != nullptr && slot->token ? " (" + model::describe(*slot) + ")" : ""));
    }
    if (!ids.empty()) f.show({}, cat("C_GetSlotList had returned: ", listed(ids, 8)));
    if (!asked) {
      f.cause = "likely: the module detects its slots only in C_GetSlotList, or the slot ID is from an earlier run.";
      f.advice = "Make the client call C_GetSlotList before it uses a slot ID, and use an ID that it returned.";
    } else {
      f.cause = is_position ? cat("The client counts slots from 0 and passes the position; the slot IDs are ",
                                  ids.empty() ? std::string("others") : listed(ids, 4), ".")
                            : "The module assigns slot IDs: they can change when tokens are added or initialised "
                              "again.";
      f.advice =
          "Use a slot ID from C_GetSlotList, and select the token by its label if the client supports it. Java: "
          "slotListIndex is a position, slot is an ID.";
    }
    if (first.slot_listed) f.fault = fault::module;
    apply_habits(f, s, *i);
    f.commands = {list_slots(s)};
    soften(f, s, *i);
  }
}

void no_token(const rule_input& s, const rule& r, findings& out) {
  const auto& l = s.d.slot_queries;
  const bool counted_none = l.slots_with_token != unknown && l.most_with_token == 0;
  const bool no_slot = l.slots_with_token == unknown && l.slots_without_token == 0;
  if (!counted_none && !no_slot) return;
  auto& f = add(out, s, r);
  f.about = topic::no_token;
  f.say = "The module shows no token.";
  if (l.counted_in != none) f.show({l.counted_in}, "C_GetSlotList returned 0 slots with a token");
  u64 readers = 0;
  for (const auto& [id, slot] : s.d.slots) readers += slot.info_in != none;
  if (l.slots_without_token != unknown && l.slots_without_token != 0) {
    f.show({}, cat("there are ", l.slots_without_token, " slots, all empty: the reader is present, the card is not"));
    f.advice =
        "Insert the card. If it is inserted, the module does not support it, or another program uses it exclusively.";
  } else {
    f.advice =
        "Check the device: is it connected, is its service running (pcscd, the HSM's client), is a partition assigned "
        "to this client, and is this user allowed to use it? pcscd asks polkit, which rejects users who are not "
        "logged in locally.";
  }
  f.commands = {list_slots(s), "systemctl status pcscd", "pcsc_scan"};
}

void token_not_recognised(const rule_input& s, const rule& r, findings& out) {
  for (const auto* i : s.d.failed_calls.with({CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_NOT_PRESENT})) {
    const auto& first = i->samples.front();
    const bool should_be_there = first.slot_known && (first.slot_flags & CKF_TOKEN_PRESENT) != 0;
    // Tools ask every slot for its token: an empty one that says so is no finding.
    if (i->value == CKR_TOKEN_NOT_PRESENT && !should_be_there && i->which != function::C_OpenSession) continue;
    // A blank token is there, and another rule's.
    if (first.token_known && (first.token_flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    auto& f = add(out, s, r);
    f.about = topic::no_token;
    f.say = i->value == CKR_TOKEN_NOT_RECOGNIZED
                ? cat("There is a card in ", first.slot_name, " that the module does not support.")
                : cat("The token in ", first.slot_name, " is missing when it is used.");
    show_incident(f, *i);
    if (should_be_there) f.show({}, "C_GetSlotInfo had reported a token");
    f.advice =
        "Use the module for this card, or a newer version. Many clients must be restarted after a card was inserted "
        "or removed. (On z/OS, these codes mean that ICSF is down or that the caller is not authorised.)";
    f.commands = {list_slots(s), "opensc-tool --name"};
  }
}

void module_twice(const rule_input& s, const rule& r, findings& out) {
  const auto loops = s.d.tape->counter(tape::counter::loops);
  const auto path = s.d.tape->property("module.path");
  const auto name = std::filesystem::path(path.empty() ? s.d.module : std::string(path)).filename().string();
  const bool is_proxy = name == "p11-kit-proxy.so" || name.starts_with("libp11-kit");
  const bool is_self = !path.empty() && path == s.d.tape->property("shim");
  if (loops == 0 && !is_proxy && !is_self) return;
  auto& f = add(out, s, r);
  f.about = topic::load;
  f.say = is_self    ? "The recorder is configured to record itself."
          : is_proxy ? "The recorder records p11-kit's proxy, which loads all configured modules, including the "
                       "recorder."
                     : "The module calls the recorder again.";
  if (loops != 0) f.show({}, cat(loops, " calls were refused because they were part of a loop"));
  f.show({},
         cat("module ", s.d.module, path.empty() || path == s.d.module ? "" : " -> ", path == s.d.module ? "" : path));
  f.advice =
      "Name the real module in the settings of p11tape. With p11-kit, put the recorder into the .module file of one "
      "module.";
}

}  // namespace p11tape::diagnose::rule_functions
