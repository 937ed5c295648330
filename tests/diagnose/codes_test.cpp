// SPDX-License-Identifier: Apache-2.0
// explain, the words of clients, the rows of the rules, and MQ's error log.
#include <catch2/catch.hpp>
#include <set>

#include "clients/config_finding.hpp"
#include "cryptoki/tables.hpp"
#include "diagnose/facts/mq_error_log.hpp"
#include "diagnose/report/explain.hpp"
#include "diagnose/tables/client_messages.hpp"

namespace p11tape::test {
namespace {

using namespace diagnose;

bool means(std::string_view word, std::string_view name) {
  for (const auto& e : explain(word))
    if (e.word == name || e.word.starts_with(std::string(name) + " ")) return true;
  return false;
}

TEST_CASE("explain knows codes by every way of writing them") {
  CHECK(means("0xA0", "CKR_PIN_INCORRECT"));
  CHECK(means("160", "CKR_PIN_INCORRECT"));
  CHECK(means("ckr_pin_incorrect", "CKR_PIN_INCORRECT"));
  CHECK(means("AMQ9669E", "AMQ9669E"));
  CHECK(means("AMQ9669", "AMQ9669E"));
  CHECK(means("9669", "AMQ9669E"));
  CHECK(means("CTGSK2137W", "CTGSK2137W"));
  CHECK(means("2382", "MQRC_CRYPTO_HARDWARE_ERROR"));
  CHECK(means("MQRC_CRYPTO_HARDWARE_ERROR", "MQRC_CRYPTO_HARDWARE_ERROR"));
  CHECK(means("407", "GSK_ERROR_BAD_KEYFILE_LABEL"));
  CHECK(means("63C2", "63C2"));
  CHECK(means("CKM_RSA_PKCS_PSS", "CKM_RSA_PKCS_PSS"));
  CHECK(means("0xD", "CKM_RSA_PKCS_PSS"));
  CHECK(means("CKA_LABEL", "CKA_LABEL"));
  CHECK(means("C_Login", "C_Login"));
  CHECK(means("login", "C_Login"));
  CHECK(means("P9g", "P9g"));
  CHECK(means("label-word-order", "P9g"));
  CHECK(means("SCARD_W_REMOVED_CARD", "SCARD_W_REMOVED_CARD"));
  CHECK(explain("no such thing").empty());
  CHECK(explain("").empty());
}

TEST_CASE("explain says what causes a code and which findings show it") {
  const auto all = explain("AMQ9669E");
  REQUIRE(all.size() == 1);
  CHECK(all[0].what.find("token") != std::string::npos);
  CHECK_FALSE(all[0].why.empty());
  REQUIRE_FALSE(all[0].rules.empty());
  CHECK(all[0].rules[0]->id == "P9");
  CHECK(explain("AMQ9671E")[0].hint);
  const auto pin = explain("63C2");
  REQUIRE_FALSE(pin.empty());
  CHECK(pin[0].what.find('2') != std::string::npos);
}

TEST_CASE("ids and slugs of the rules are unique, and their words exist") {
  std::set<std::string_view> names;
  for (const auto& r : rules()) {
    INFO(r.id);
    CHECK(names.insert(r.id).second);
    CHECK(names.insert(r.slug).second);
    CHECK_FALSE(r.title.empty());
  }
  // What is marked error or warning in every list of this field's failures has a row.
  for (int n = 1; n <= 62; ++n) CHECK(find_rule("P" + std::to_string(n)) != nullptr);
  std::set<int> topics;
  for (const auto& w : words()) topics.insert(static_cast<int>(w.about));
  CHECK(topics.size() == static_cast<std::size_t>(topic::write));
}

// What the program can print, and what its users meet: each with a meaning, a cause, what to do and a command.
TEST_CASE("every id, return value, mechanism and attribute is explained") {
  const auto whole = [](std::string_view word) {
    INFO(word);
    const auto all = explain(word);
    REQUIRE_FALSE(all.empty());
    CHECK_FALSE(all[0].what.empty());
    CHECK_FALSE(all[0].why.empty());
    CHECK_FALSE(all[0].cure.empty());
  };
  for (const auto& r : rules()) {
    whole(r.id);
    whole(r.slug);
  }
  for (const auto& f : clients::finding_rows()) {
    whole(f.id);
    CHECK(explain(f.id)[0].what == std::string(f.title) + ".");
    CHECK_FALSE(explain(f.id)[0].command.empty());
  }
  for (const auto& c : cryptoki::constants()) {
    if (c.alias || (c.group != "return_value" && c.group != "mechanism" && c.group != "attribute")) continue;
    INFO(c.name);
    const auto all = explain(c.name);
    REQUIRE_FALSE(all.empty());
    CHECK(all[0].word == c.name);
    CHECK_FALSE(all[0].what.empty());
    if (c.value == 0 && c.group == "return_value") continue;  // CKR_OK
    CHECK_FALSE(all[0].why.empty());
    CHECK_FALSE(all[0].cure.empty());
    CHECK_FALSE(all[0].command.empty());
  }
  for (const auto* code : {"AMQ5530E", "AMQ7026E", "AMQ9633E", "AMQ9640E", "AMQ9716E", "CTGSK3026W",
                           "SEC_ERROR_BAD_PASSWORD", "findSigner", "getX509Certificate"}) {
    INFO(code);
    const auto all = explain(code);
    REQUIRE_FALSE(all.empty());
    CHECK(all[0].word == code);
    CHECK_FALSE(all[0].what.empty());
    CHECK_FALSE(all[0].why.empty());
  }
  CHECK(means("-8177", "SEC_ERROR_BAD_PASSWORD"));
  // Messages of these programs that no row is about are not taken for misspelt.
  CHECK(means("AMQ1234E", "AMQ1234E"));
  CHECK(means("CTGSK9999W", "CTGSK9999W"));
  for (const auto& word : known_words()) {
    INFO(word);
    CHECK_FALSE(explain(word).empty());
  }
}

TEST_CASE("a misspelt word is answered with the nearest one") {
  CHECK(explain("CKR_PIN_INCORECT").empty());
  CHECK(nearest_word("CKR_PIN_INCORECT") == "CKR_PIN_INCORRECT");
  CHECK(nearest_word("ckm_rsa_pkcs_ps") == "CKM_RSA_PKCS_PSS");
  CHECK(nearest_word("C_Logn") == "C_Login");
  CHECK(nearest_word("completely different").empty());
}

constexpr std::string_view log_text =
    "----- amqccisa.c : 12 --------------------------------------------------------\n"
    "11/21/26 18:05:02 - Process(4711.1) User(app) Program(amqsputc)\n"
    "                    Host(host) Installation(Installation1)\n"
    "                    VRMF(9.3.0.0)\n"
    "                    Time(2026-11-21T18:05:02.250Z)\n"
    "                    RemoteHost(10.0.0.1)\n"
    "\n"
    "AMQ9669E: The PKCS #11 token could not be found.\n"
    "\n"
    "EXPLANATION:\n"
    "The PKCS #11 driver failed to find the token. AMQ0000 is no message here.\n"
    "-------------------------------------------------------------------------------\n"
    "{\"ibm_messageId\":\"AMQ9999E\",\"ibm_datetime\":\"2026-11-21T18:05:03.500Z\",\"ibm_processId\":\"4711\","
    "\"ibm_processName\":\"amqsputc\",\"message\":\"AMQ9999E: Channel ended abnormally.\"}\n"
    "garbage { without a header\n";

TEST_CASE("MQ's error log is read, as text and as JSON") {
  constexpr std::uint64_t near = 1795284301000000000;  // 2026-11-21 18:05:01 UTC
  const auto all = parse_amq_log(log_text, near);
  REQUIRE(all.size() == 2);
  CHECK(all[0].code == "AMQ9669E");
  CHECK(all[0].text == "The PKCS #11 token could not be found.");
  CHECK(all[0].pid == 4711);
  CHECK(all[0].program == "amqsputc");
  CHECK(all[0].wall == near + 1250000000);
  CHECK_FALSE(all[0].only_seconds);
  CHECK(all[1].code == "AMQ9999E");
  CHECK(all[1].text == "Channel ended abnormally.");
  CHECK(all[1].wall == near + 2500000000);
  CHECK(parse_amq_log("", near).empty());
  CHECK(parse_amq_log("AMQ9669E: without a header\n", near).empty());
  SECTION("an old log without Time(): the date is taken as is nearest") {
    const auto old = parse_amq_log("21/11/26 18:05:02 - Process(1.1) User(x) Program(y)\nAMQ9669E: text\n", near);
    REQUIRE(old.size() == 1);
    CHECK(old[0].only_seconds);
    const auto hours = (old[0].wall > near ? old[0].wall - near : near - old[0].wall) / 3600000000000;
    CHECK(hours < 24);  // whatever this machine's zone
  }
}

}  // namespace
}  // namespace p11tape::test
