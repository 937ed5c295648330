// SPDX-License-Identifier: Apache-2.0
// The answering side: runs in a process of its own, with the module.
#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "clients/doctor/probe.hpp"
#include "clients/no_core_dumps.hpp"
#include "cryptoki/pkcs11.hpp"
#include "cryptoki/tables.hpp"
#include "text/numbers.hpp"

namespace p11tape::clients {
namespace {

using nlohmann::json;
constexpr CK_ULONG most_slots = 4096;
constexpr std::size_t most_objects = 1000;
constexpr CK_ULONG longest_label = 4096;
constexpr CK_ULONG longest_certificate = 65536;
constexpr std::size_t most_certificates = 100;

std::string hex(const void* bytes, std::size_t size) {
  return text::hex(std::string_view(static_cast<const char*>(bytes), size));
}

template <std::size_t N>
std::string hex(const CK_UTF8CHAR (&field)[N]) {
  return hex(field, N);
}

std::string name_of(CK_RV rv) {
  auto name = cryptoki::display_name("return_value", rv);
  if (!name.empty()) return name;
  char text[32];
  std::snprintf(text, sizeof text, "0x%lx", static_cast<unsigned long>(rv));
  return text;
}

// The first 32 bytes are enough to show what library this is; they are text padded with blanks.
std::string trimmed(const CK_UTF8CHAR* text, std::size_t size) {
  std::string out(reinterpret_cast<const char*>(text), size);
  out.resize(std::strlen(out.c_str()));
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

class questions {
 public:
  questions(int out, CK_FUNCTION_LIST* f) : out_(out), f_(f) {}

  void say(const json& answer) const {
    // Labels are in hex; other texts come from the module and need not be UTF-8.
    const std::string line = answer.dump(-1, ' ', true, json::error_handler_t::replace) + '\n';
    for (std::size_t done = 0; done < line.size();) {
      const ssize_t n = write(out_, line.data() + done, line.size() - done);
      if (n <= 0) return;
      done += static_cast<std::size_t>(n);
    }
  }

  // Modules exist whose lists have holes.
  bool complete() const {
    const bool whole = f_->C_Initialize && f_->C_Finalize && f_->C_GetSlotList && f_->C_GetSlotInfo &&
                       f_->C_GetTokenInfo && f_->C_OpenSession && f_->C_CloseSession && f_->C_Login &&
                       f_->C_FindObjectsInit && f_->C_FindObjects && f_->C_FindObjectsFinal && f_->C_GetAttributeValue;
    if (!whole) say({{"stage", "loading"}, {"trouble", "its function list contains null pointers"}});
    return whole;
  }

  bool start() {
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    const CK_RV rv = f_->C_Initialize(&arguments);
    if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) return true;
    say({{"stage", "starting"}, {"trouble", "C_Initialize returned " + name_of(rv)}});
    return false;
  }

  void library() {
    CK_INFO info{};
    if (f_->C_GetInfo == nullptr || f_->C_GetInfo(&info) != CKR_OK) return;
    answer_["library"] = trimmed(info.manufacturerID, sizeof info.manufacturerID) + ", " +
                         trimmed(info.libraryDescription, sizeof info.libraryDescription) + " " +
                         std::to_string(info.libraryVersion.major) + "." + std::to_string(info.libraryVersion.minor);
  }

  void tokens() {
    answer_["stage"] = "tokens";
    answer_["slots"] = slots(CK_FALSE).size();
    answer_["tokens"] = json::array();
    for (const CK_SLOT_ID slot : slots(CK_TRUE)) {
      CK_TOKEN_INFO token{};
      if (const CK_RV rv = f_->C_GetTokenInfo(slot, &token); rv != CKR_OK) {
        answer_["trouble"] = "C_GetTokenInfo of slot " + std::to_string(slot) + " returned " + name_of(rv);
        continue;
      }
      CK_SLOT_INFO info{};
      const bool described = f_->C_GetSlotInfo(slot, &info) == CKR_OK;
      answer_["tokens"].push_back({{"slot", slot},
                                   {"label", hex(token.label)},
                                   {"manufacturer", hex(token.manufacturerID)},
                                   {"model", hex(token.model)},
                                   {"serial", hex(token.serialNumber, sizeof token.serialNumber)},
                                   {"description", described ? hex(info.slotDescription) : ""},
                                   {"flags", token.flags},
                                   {"min_pin", token.ulMinPinLen},
                                   {"max_pin", token.ulMaxPinLen}});
    }
    say(answer_);
  }

  // Public objects, and after a login the private ones: names that may have been taken for the token's.
  void objects() {
    for (auto& token : answer_["tokens"]) {
      if ((token["flags"].get<std::uint64_t>() & CKF_TOKEN_INITIALIZED) == 0) continue;
      CK_SESSION_HANDLE session = 0;
      if (f_->C_OpenSession(token["slot"].get<CK_SLOT_ID>(), CKF_SERIAL_SESSION, nullptr, nullptr, &session) != CKR_OK)
        continue;
      token["objects"] = labels(session);
      token["certificates"] = certificates(session);
      f_->C_CloseSession(session);
    }
    say(answer_);
  }

  void login(CK_SLOT_ID slot, const secret_buffer& pin, bool yes_final_try) {
    // Another program may have given a wrong PIN since the token was looked at.
    CK_TOKEN_INFO token{};
    constexpr CK_FLAGS few_tries = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY;
    const bool locked = f_->C_GetTokenInfo(slot, &token) == CKR_OK && (token.flags & CKF_USER_PIN_LOCKED) != 0;
    if (locked || ((token.flags & few_tries) != 0 && !yes_final_try)) {
      answer_["trouble"] = "wrong PINs were given in the meantime";
      return say(answer_);
    }
    if (const CK_RV rv = f_->C_OpenSession(slot, CKF_SERIAL_SESSION, nullptr, nullptr, &session_); rv != CKR_OK) {
      answer_["login"] = "C_OpenSession: " + name_of(rv);
    } else {
      auto* bytes = reinterpret_cast<CK_UTF8CHAR_PTR>(const_cast<char*>(pin.view().data()));
      answer_["login"] = name_of(f_->C_Login(session_, CKU_USER, bytes, pin.size()));
    }
    say(answer_);
  }

  void end() {
    if (session_ != 0) f_->C_CloseSession(session_);
    f_->C_Finalize(nullptr);
  }

 private:
  std::vector<CK_SLOT_ID> slots(CK_BBOOL with_token) {
    CK_ULONG count = 0;
    if (f_->C_GetSlotList(with_token, nullptr, &count) != CKR_OK) return {};
    std::vector<CK_SLOT_ID> list(std::min(count, most_slots));
    count = list.size();
    if (count == 0 || f_->C_GetSlotList(with_token, list.data(), &count) != CKR_OK) return {};
    list.resize(std::min<std::size_t>(count, list.size()));
    return list;
  }

  json labels(CK_SESSION_HANDLE session) {
    json out = json::array();
    for (const auto object : find(session, nullptr, 0, most_objects)) {
      const auto label = value_of(session, object, CKA_LABEL, longest_label);
      if (!label.empty()) out.push_back(hex(label.data(), label.size()));
    }
    return out;
  }

  // The value of an attribute; "" if there is none, or it is too long.
  std::string value_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG longest) {
    CK_ATTRIBUTE attribute{type, nullptr, 0};
    if (f_->C_GetAttributeValue(session, object, &attribute, 1) != CKR_OK || attribute.ulValueLen == 0 ||
        attribute.ulValueLen > longest)
      return {};
    std::string value(attribute.ulValueLen, '\0');
    attribute.pValue = value.data();
    if (f_->C_GetAttributeValue(session, object, &attribute, 1) != CKR_OK) return {};
    value.resize(std::min<std::size_t>(attribute.ulValueLen, value.size()));
    return value;
  }

  std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE session, CK_ATTRIBUTE* wanted, CK_ULONG count,
                                     std::size_t most) {
    std::vector<CK_OBJECT_HANDLE> found;
    if (f_->C_FindObjectsInit(session, wanted, count) != CKR_OK) return found;
    CK_OBJECT_HANDLE object = 0;
    for (CK_ULONG got = 0; found.size() < most && f_->C_FindObjects(session, &object, 1, &got) == CKR_OK && got == 1;)
      found.push_back(object);
    f_->C_FindObjectsFinal(session);
    return found;
  }

  json certificates(CK_SESSION_HANDLE session) {
    json out = json::array();
    CK_OBJECT_CLASS of = CKO_CERTIFICATE;
    CK_ATTRIBUTE wanted{CKA_CLASS, &of, sizeof of};
    for (const auto object : find(session, &wanted, 1, most_certificates)) {
      const auto value = value_of(session, object, CKA_VALUE, longest_certificate);
      const auto label = value_of(session, object, CKA_LABEL, longest_label);
      if (!value.empty())
        out.push_back({{"label", hex(label.data(), label.size())}, {"value", hex(value.data(), value.size())}});
    }
    return out;
  }

  int out_;
  CK_FUNCTION_LIST* f_;
  CK_SESSION_HANDLE session_ = 0;
  json answer_ = json::object();
};

secret_buffer read_pin() {
  char buffer[1024];
  const ssize_t n = read(0, buffer, sizeof buffer);
  secret_buffer pin(std::string_view(buffer, n > 0 ? static_cast<std::size_t>(n) : 0));
  explicit_bzero(buffer, sizeof buffer);
  return pin;
}

}  // namespace

int answer_probe(const char* module, const char* login_slot, bool yes_final_try) {
  no_core_dumps();
  // What the module prints must not get between the lines of the answer.
  const int out = fcntl(1, F_DUPFD_CLOEXEC, 100);
  dup2(2, 1);
  secret_buffer pin;
  if (login_slot != nullptr) pin = read_pin();

  const questions nobody(out, nullptr);
  void* library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    nobody.say({{"stage", "loading"}, {"trouble", why != nullptr ? why : "unknown"}});
    return 0;
  }
  const auto entry = reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* functions = nullptr;
  const CK_RV rv = entry != nullptr ? entry(&functions) : CKR_FUNCTION_NOT_SUPPORTED;
  if (rv != CKR_OK || functions == nullptr) {
    nobody.say({{"stage", "loading"},
                {"trouble", entry == nullptr ? "it does not export C_GetFunctionList"
                                             : "C_GetFunctionList returned " + name_of(rv)}});
    return 0;
  }
  questions ask(out, functions);
  if (!ask.complete() || !ask.start()) return 0;
  ask.library();
  ask.tokens();
  if (login_slot != nullptr) ask.login(std::strtoul(login_slot, nullptr, 10), pin, yes_final_try);
  pin = secret_buffer();
  ask.objects();
  ask.end();
  // Not through exit: destructors of the module have been seen to hang after C_Finalize.
  _exit(0);
}

}  // namespace p11tape::clients
