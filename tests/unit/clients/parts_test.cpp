// SPDX-License-Identifier: Apache-2.0
// The small parts: search order, allow-list, passwords, escapes, the catalogue of findings.
#include <catch2/catch.hpp>
#include <filesystem>
#include <set>
#include <string>
#include <type_traits>

#include "clients/formats/mq_ini.hpp"
#include "clients/formats/mq_search.hpp"
#include "clients/formats/mq_sslcryp.hpp"
#include "clients/formats/openssl.hpp"
#include "clients/formats/p11kit.hpp"
#include "clients/formats/servers.hpp"
#include "clients/formats/ssh.hpp"
#include "clients/secret_buffer.hpp"
#include "corpus.hpp"

using namespace p11tape::clients;

namespace {

mq_search_result search(const mq_surroundings& around, const std::set<std::string>& files) {
  return find_mq_ini(around, [&](const std::string& path) { return files.contains(path); });
}

const mq_surroundings usual{"", false, "/job", "/var/mqm", "/home/alice"};

}  // namespace

TEST_CASE("MQ's search order: MQCLNTCF, current folder, data folder, home") {
  CHECK(search(usual, {"/home/alice/mqclient.ini"}).effective == "/home/alice/mqclient.ini");
  CHECK(search(usual, {"/home/alice/mqclient.ini", "/var/mqm/mqclient.ini"}).effective == "/var/mqm/mqclient.ini");
  const auto hidden_one = search(usual, {"/job/mqclient.ini", "/var/mqm/mqclient.ini"});
  CHECK(hidden_one.effective == "/job/mqclient.ini");
  CHECK(hidden_one.found.has(code::CFG302));
  auto named = usual;
  for (const auto* url : {"/etc/mq.ini", "file:/etc/mq.ini", "FILE:///etc/mq.ini"}) {
    named.mqclntcf = url;
    CHECK(search(named, {"/etc/mq.ini", "/job/mqclient.ini"}).effective == "/etc/mq.ini");
  }
  const auto wrong = search(named, {"/job/mqclient.ini"});
  CHECK(wrong.found.has(code::CFG303));
  CHECK(search(usual, {}).found.has(code::CFG306));
  CHECK(search(usual, {"/job/mqclient.ini"}).found.has(code::CFG301));
  auto variable = usual;
  variable.has_mqsslcryp = true;
  CHECK(search(variable, {}).found.has(code::CFG304));
  CHECK(!search(variable, {}).found.has(code::CFG306));
}

TEST_CASE("ssh-agent's allow-list") {
  CHECK(ssh_agent_accepts("/usr/lib/softhsm/libsofthsm2.so"));
  CHECK(ssh_agent_accepts("/usr/lib64/pkcs11/p11tape.so"));
  CHECK(ssh_agent_accepts("/usr/local/lib/pkcs11/p11tape.so"));
  CHECK(!ssh_agent_accepts("/opt/p11tape.so"));
  CHECK(!ssh_agent_accepts("/usr/libexec.so"));
  CHECK(!ssh_agent_accepts("/x/usr/lib/a.so"));
  CHECK(ssh_agent_accepts("/opt/a.so", "/opt/*"));
  CHECK(!ssh_agent_accepts("/opt/a.so", "/opt/*,!/opt/a*"));
  findings f;
  check_ssh_agent(f, "/usr/lib/link.so", "/opt/real.so");
  CHECK(f.has(code::CFG781));
  findings fine;
  check_ssh_agent(fine, "/usr/lib/a.so", "/usr/lib/a.so");
  CHECK(fine.has(code::CFG782));
  CHECK(!fine.has(code::CFG781));
}

TEST_CASE("a password leaves only facts behind") {
  const auto plain = password_facts::of("abc 'd");
  CHECK((plain.given && plain.length == 6 && plain.quotes && !plain.edge_blanks && !plain.control));
  CHECK(password_facts::of(" abcd").edge_blanks);
  CHECK(password_facts::of("abcd\r").control);
  CHECK(password_facts::of("p\u00E4ss").non_ascii);
  CHECK(!password_facts::of("").given);
  const auto whole = password_facts::of("<P11>!2!gvU9hHcDb5c=!kP0xTqB1Yz8wRr2m");
  CHECK((whole.is_protected && !whole.damaged));
  for (const auto* text : {"<P11>", "<P11>!2!abc", "<P11>!x!YWJj!YWJj", "<P11>!2!YWJj!", "<P11>!2!YW-j!YWJj"}) {
    INFO(text);
    CHECK(password_facts::of(text).damaged);
  }
}

TEST_CASE("wiped text is moved, never copied") {
  STATIC_REQUIRE(!std::is_copy_constructible_v<secret_buffer>);
  std::string source = "a secret that is too long to be kept in place";
  secret_buffer a(std::move(source));
  secret_buffer b(std::move(a));
  CHECK(b.view().starts_with("a secret"));
  std::string gone = "short";
  secret_buffer::wipe(gone);
  CHECK(gone.empty());
}

TEST_CASE("mqclient.ini: what escapes and what does not") {
  CHECK(ini_document::unescape("a\\;b\\#c\\\\d\\ne\\").view() == "a;b#c\\d\\ne\\");
  const ini_document doc("ssl:\n  A = x\\\\;comment\n  b=1 ; c\n a = y\nSSL:\n A=z\n");
  REQUIRE(doc.find("SSL", "a") != nullptr);
  CHECK(doc.find("SSL", "a")->value == "y");
  CHECK(doc.lines()[1].value == "x\\\\");
  CHECK(doc.lines()[1].comment == ";comment");
  CHECK(doc.find("SSL", "B")->value == "1");
  CHECK(doc.find("TCP", "A") == nullptr);
  for (const auto* path : {"/a;b", "/a#b", "/a\\b", "/a\\;#"})
    CHECK(ini_document::unescape(escape(path, escaping::mq_ini)).view() == path);
}

TEST_CASE("SSLCRYP as it is printed and typed") {
  CHECK(find_sslcryp("SSLCRYP( ) SSLEV(X)")->empty());
  CHECK(find_sslcryp("sslcryp('it''s')")->view() == "it's");
  CHECK(find_sslcryp("SSLCRYP(a (b) c) X(Y)")->view() == "a (b) c");
  CHECK(find_sslcryp("SSLCRYP('a+\n   b-\n  c')")->view() == "ab  c");
  CHECK(!find_sslcryp("XSSLCRYP(a)"));
  CHECK(!find_sslcryp(""));
  CHECK(mqsc_quoted("bob's") == "'bob''s'");
  CHECK(mqsco_text(std::string("abc   ") + std::string(300, ' ')) == "abc");
}

TEST_CASE("variables override openssl.cnf") {
  const std::string_view provider = "[p]\npkcs11-module-path = /a.so\n";
  CHECK(read_openssl(provider, {false, true}).found.has(code::CFG727));
  CHECK(!read_openssl(provider, {true, false}).found.has(code::CFG727));
  CHECK(read_openssl("[p]\nMODULE_PATH = /a.so\n", {true, false}).found.has(code::CFG727));
}

TEST_CASE("p11-kit: the first folder decides, relative names lie in its module folder") {
  const std::set<std::string> files{"/h/.config/pkcs11/modules/x.module", "/usr/share/p11-kit/modules/x.module",
                                    "/usr/lib64/pkcs11/x.so"};
  const auto there = [&](const std::string& path) { return files.contains(path); };
  const auto found = find_p11_kit_file("x", "/h/.config", there);
  CHECK(found.path == "/h/.config/pkcs11/modules/x.module");
  CHECK(found.also.size() == 1);
  CHECK(find_p11_kit_file("x.module", "", there).path == "/usr/share/p11-kit/modules/x.module");
  CHECK(find_p11_kit_file("y", "/h/.config", there).path.empty());
  CHECK(p11_kit_module_path("x.so", there) == "/usr/lib64/pkcs11/x.so");
  CHECK(p11_kit_module_path("/x.so", there) == "/x.so");
}

TEST_CASE("a PIN in an address is hidden wherever it stands") {
  CHECK(without_pin_value("pkcs11:a?pin-value=1234&x=y") == "pkcs11:a?pin-value=(*********)&x=y");
  CHECK(without_pin_value("pin-value=1;pin-value=2") == "pin-value=(*********);pin-value=(*********)");
  CHECK(without_pin_value("pkcs11:a") == "pkcs11:a");
}

TEST_CASE("the certificate's label of a mqclient.ini is the one beside the driver") {
  const auto r = read_mq_ini(
      "SSL:\n SSLCryptoHardware=GSK_PKCS11=/m.so\\;t\\;pin4\\;\n certificatelabel = my\\#cert ; why\nTCP:\n "
      "CertificateLabel=x\n");
  CHECK(r.certificate_labels == std::vector<std::string>{"my#cert"});
}

TEST_CASE("every finding has a title, and advice where it is an error") {
  for (const auto& r : finding_rows()) {
    INFO(r.id);
    CHECK(r.id.size() == 6);
    CHECK(!r.title.empty());
    CHECK(!r.title.ends_with('.'));
    const bool said_elsewhere = r.id == "CFG605";  // the label check has advice of its own
    if (r.level == severity::error && !said_elsewhere) CHECK(r.advice.ends_with('.'));
  }
}

TEST_CASE("every finding is named by a test, or by an expected verdict of the corpus") {
  std::string tests;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(P11TAPE_TESTS))
    if (entry.is_regular_file()) tests += corpus::read_file(entry.path());
  for (const auto& r : finding_rows()) {
    INFO(r.id);
    CHECK(tests.find(r.id) != std::string::npos);
  }
}
