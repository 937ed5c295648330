// SPDX-License-Identifier: Apache-2.0
// One program run, logged by the real tools: six versions of pkcs11-spy, two of pkcs11-logger, libpkcs11shim, p11-kit. All
// tell the same story, each as far as it goes. (pkcs11-tool 0.23 signs with RSA-PSS on a SoftHSM token of invented names.)
#include <catch2/catch.hpp>

#include "collected.hpp"
#include "scrub/search.hpp"

using namespace p11tape::import;
using namespace p11tape::import::test;
using kind = value::kind;

namespace {

const std::string pin = "4711-geheim";

struct tool {
  const char* file;
  const char* kind;
  bool shows_pin, shows_bytes, handles;
  p11tape::tape::u64 foreign_lines;  ///< of pkcs11-tool itself
};

const tool tools[] = {
    {"spy-0.15.0", "pkcs11-spy", true, true, true, 0},       {"spy-0.19.0", "pkcs11-spy", true, true, true, 0},
    {"spy-0.22.0", "pkcs11-spy", true, true, true, 0},       {"spy-0.23.0", "pkcs11-spy", true, true, true, 0},
    {"spy-0.26.1", "pkcs11-spy", true, true, true, 0},       {"spy-0.27.1", "pkcs11-spy", true, true, true, 0},
    {"logger-2.2.0", "pkcs11-logger", false, true, true, 0}, {"logger-2.3.0", "pkcs11-logger", false, true, true, 0},
    {"shim-1.9", "libpkcs11shim", false, true, true, 0},     {"p11-kit", "p11-kit", true, false, false, 3},
};

std::string story(const collected& log) {
  std::string s;
  for (const auto& c : log.calls) {
    if (c.row().family == "general" && c.row().name != "C_Initialize" && c.row().name != "C_Finalize") continue;
    s += std::string(c.row().name) + " " + std::to_string(c.result.value_or(99999)) + "\n";
  }
  return s;
}

}  // namespace

TEST_CASE("ten real tools tell the same story") {
  const collected first(file_text(P11TAPE_TEST_LOGS "/spy-0.23.0.log"));
  REQUIRE(first.calls.size() > 10);
  for (const auto& t : tools) {
    CAPTURE(t.file);
    const auto text = file_text(std::string(P11TAPE_TEST_LOGS "/") + t.file + ".log");
    const collected log(text);
    REQUIRE(log.result.kind != nullptr);
    CHECK(log.result.kind->name == t.kind);
    CHECK(log.result.unknown_lines == t.foreign_lines);
    CHECK_FALSE(log.result.facts.gaps);
    if (t.handles) CHECK(story(log) == story(first));

    const auto& login = log.at("C_Login");
    CHECK(in(login, "userType").number == CKU_USER);
    if (t.shows_pin) CHECK(in(login, "pPin").bytes == pin);
    CHECK(in(login, "ulPinLen").number == pin.size());
    const auto& mechanism = in(log.at("C_SignInit"), "pMechanism");
    CHECK(mechanism.number == CKM_RSA_PKCS_PSS);
    const auto& signing = log.at("C_Sign");
    CHECK(in(signing, "ulDataLen").number == 32);
    CHECK(out(signing, "pSignature").length == 256);
    CHECK(part(out(log.at("C_GetTokenInfo"), "pInfo"), "label").bytes == "invented token                  ");

    const directory folder;
    for (const auto& path : tapes_of(text, folder.path)) {
      p11tape::scrub::search s(pin);
      s.feed(file_text(path));
      CHECK(s.hits().empty());
    }
    p11tape::scrub::search s(pin);
    s.feed(log.cleaned);
    CHECK(s.hits().empty());
  }
}

TEST_CASE("the parameter of a mechanism, as structs and as memory") {
  const collected spy(file_text(P11TAPE_TEST_LOGS "/spy-0.26.1.log"));
  const auto& fields = in(spy.at("C_SignInit"), "pMechanism").parts.at(0);
  CHECK(part(fields, "hashAlg").number == CKM_SHA256);
  CHECK(part(fields, "sLen").number == 32);

  const collected logger(file_text(P11TAPE_TEST_LOGS "/logger-2.3.0.log"));
  const auto& memory = in(logger.at("C_SignInit"), "pMechanism").parts.at(0);
  REQUIRE(memory.what == kind::bytes);
  const auto id = p11tape::cryptoki::record_named("CK_RSA_PKCS_PSS_PARAMS");
  const auto v = read_structure(memory.bytes, static_cast<u16>(id), 8);
  REQUIRE(v);
  CHECK(part(*v, "hashAlg").number == CKM_SHA256);
  CHECK(part(*v, "mgf").number == CKG_MGF1_SHA256);
  CHECK(part(*v, "sLen").number == 32);
}
