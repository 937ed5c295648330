// SPDX-License-Identifier: Apache-2.0
// Units of systemd, directives of httpd, dates of certificates, and the PIN that a configuration contains.
#include <catch2/catch.hpp>

#include "clients/doctor/doctor.hpp"
#include "clients/formats/servers.hpp"
#include "clients/formats/unit.hpp"
#include "clients/password.hpp"

using namespace p11tape::clients;

TEST_CASE("a unit is read as systemd reads it") {
  service_unit unit;
  read_unit(
      "[Unit]\nUser=wrong\n[Service]\nUser=web\nGroup=hsm\n; a comment\n"
      "Environment=\"A=1 2\" B=two 'C=it''s'\\\n  D=4\nEnvironment=A=again\nEnvironmentFile=/etc/default/web\n"
      "EnvironmentFile=-/etc/default/more\n",
      unit);
  CHECK(unit.user == "web");
  CHECK(unit.group == "hsm");
  CHECK(unit.environment == std::vector<std::string>{"A=again", "B=two", "C=its", "D=4"});
  CHECK(unit.files == std::vector<std::string>{"/etc/default/web", "-/etc/default/more"});
  // A drop-in replaces single settings, and an empty value clears a list.
  read_unit("[Service]\nUser=other\nEnvironment=\nEnvironment=E=5\nEnvironmentFile=\n", unit);
  CHECK(unit.user == "other");
  CHECK(unit.environment == std::vector<std::string>{"E=5"});
  CHECK(unit.files.empty());
  CHECK(read_environment_file("# x\nA=1\n B = \"two words\"\nno variable\nA=2\n") ==
        std::vector<std::string>{"A=2", "B=two words"});
  std::vector<std::string> problems;
  CHECK_FALSE(find_unit("no-such-unit-of-p11tape", problems));
  unit.environment = {"PATH=/mine"};
  unit.files = {"/nowhere/variables", "-/nowhere/optional"};
  CHECK(environment_of(unit, problems).front() == "PATH=/mine");
  CHECK(problems.size() == 1);  // CFG625
}

TEST_CASE("httpd is read by its grammar, not by its lines") {
  const auto joined = read_httpd(
      "SSLCryptoDevice pkcs11\n<VirtualHost *:443>\n  SSLCertificateKeyFile \\\n    \"pkcs11:token=t;label=web\"\n</VirtualHost>");
  CHECK(joined.found.has(code::CFG829));
  CHECK_FALSE(joined.found.has(code::CFG825));
  // A comment ends with its line, also with a continued one; a # elsewhere is text.
  CHECK(read_httpd("# SSLCertificateKeyFile \\\n \"pkcs11:token=t\"\n").found.has(code::CFG821));
  const auto quoted =
      read_httpd("SSLCertificateKeyFile \"pkcs11:token=say%20\\\"hi\\\"\" # no comment\nInclude more.conf\n");
  CHECK_FALSE(quoted.found.has(code::CFG821));
  CHECK(quoted.found.has(code::CFG828));
  CHECK(quoted.found.has(code::CFG732));
  CHECK_FALSE(read_httpd("SSLCertificateKeyFile \"pkcs11:token=t;object=web\"\n").found.has(code::CFG829));
}

TEST_CASE("dates of certificates") {
  constexpr std::int64_t now = 1'800'000'000, day = 86400;
  probe_result probe;
  probe.tokens.resize(1);
  probe.tokens[0].label = "token";
  const auto add = [&](const char* label, std::int64_t from, std::int64_t until) {
    probe.certificates.push_back({0, label, "CN=x", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", from, until});
  };
  add("good", now - day, now + 15 * day);
  findings silent;
  check_dates(silent, {"good"}, probe, now);
  CHECK(silent.all().empty());
  add("old", now - 9 * day, now - 1);
  add("early", now + 1, now + 99 * day);
  add("soon", now - day, now + 13 * day);
  findings out;
  check_dates(out, {"token:early"}, probe, now);
  CHECK(out.has(code::CFG619));
  CHECK(out.has(code::CFG620));
  CHECK(out.has(code::CFG621));
  for (const auto& f : out.all())
    CHECK(f.level == (f.what == code::CFG620   ? severity::error
                      : f.what == code::CFG619 ? severity::warning
                                               : severity::info));
}

TEST_CASE("the PIN of a configuration is kept for who asks for it, and for nobody else") {
  constexpr std::string_view text = "GSK_PKCS11=/p.so;token;12345678;SYMMETRIC_CIPHER_ON;";
  {
    const password_keeper keeper;
    const auto r = read_as(client::mq_string, text, "");
    CHECK(r.password.length == 8);
    CHECK(keeper.kept().view() == "12345678");
    {
      const password_keeper inner;
      read_as(client::mq_string, "GSK_PKCS11=/p.so;token;abcd;SYMMETRIC_CIPHER_ON;", "");
      CHECK(inner.kept().view() == "abcd");
    }
    CHECK(keeper.kept().view() == "12345678");
  }
  const password_keeper later;
  CHECK(later.kept().empty());
  // Without one, CFG623 says why no PIN can be tried; CFG622 and CFG624 say as whom the module was loaded.
  CHECK(password_facts::of("1234").length == 4);
  CHECK(later.kept().view() == "1234");
}
