// SPDX-License-Identifier: Apache-2.0
// PKCS#11 URIs as RFC 7512 has them, values as SunPKCS11 parses them, and nginx by its grammar.
#include <catch2/catch.hpp>

#include "clients/clients.hpp"
#include "clients/doctor/doctor.hpp"
#include "clients/formats/java.hpp"
#include "clients/formats/servers.hpp"
#include "clients/formats/uri.hpp"

namespace p11tape::clients {
namespace {

std::vector<std::string> ids(std::string_view uri) {
  findings found;
  std::vector<std::string> files;
  check_uri(uri, 1, found, files);
  std::vector<std::string> out;
  for (const auto& f : found.all()) out.emplace_back(f.id());
  return out;
}

using list = std::vector<std::string>;

TEST_CASE("a PKCS#11 URI is checked attribute by attribute") {
  CHECK(ids("pkcs11:token=My%20Token;object=web;type=private;id=%01%02?pin-source=file:/etc/pin&module-name=soft")
            .empty());
  CHECK(ids("pkcs11:token=t;object=web;type=private;pin-source=file:/etc/pin").empty());
  CHECK(ids("pkcs11:token=My Token;object=web") == list{"CFG828"});
  CHECK(ids("pkcs11:token=t;label=web") == list{"CFG829"});
  CHECK(ids("pkcs11:token=t;object=web;type=privat") == list{"CFG830"});
  CHECK(ids("pkcs11:token=t;id=0001") == list{"CFG831"});
  CHECK(ids("pkcs11:token=t;id=%0") == list{"CFG832"});
  CHECK(ids("pkcs11:token=My%20Token&object=web") == list{"CFG833"});
  CHECK(ids("pkcs11:token=t;object=a%26b").empty());
  CHECK(ids("https://example.org/").empty());
}

TEST_CASE("the PIN of a URI is in no finding, and its file is noted") {
  findings found;
  std::vector<std::string> files;
  check_uri("pkcs11:token=t;pin-value=my secret", 1, found, files);
  for (const auto& f : found.all()) CHECK(f.detail.find("secret") == std::string::npos);
  check_uri("pkcs11:token=t?pin-source=file:/etc/a%20pin", 1, found, files);
  CHECK(files == list{"/etc/a pin"});
}

TEST_CASE("CFG834: a PIN file that cannot be read is a finding of the doctor's") {
  doctor_options options;
  options.load = false;
  const auto examine = [&](const std::string& file) {
    return examine_text(client::nginx, "ssl_certificate_key \"store:pkcs11:token=t?pin-source=file:" + file + "\";", "",
                        "t", options);
  };
  CHECK(examine("/nonexistent/pin").found.has(code::CFG834));
  CHECK_FALSE(examine("/dev/null").found.has(code::CFG834));
}

TEST_CASE("nginx is read by its grammar, not by its lines") {
  const auto r = read_nginx("http { server { ssl_certificate_key \"engine:pkcs11:pkcs11:token=t;label=web\"; } }");
  CHECK(r.found.has(code::CFG829));
  CHECK_FALSE(r.found.has(code::CFG821));
  const auto commented = read_nginx("http {\n # ssl_certificate_key \"engine:pkcs11:pkcs11:token=t\";\n}\n");
  CHECK(commented.found.has(code::CFG821));
  const auto broken = read_nginx("ssl_certificate_key\n  \"store:pkcs11:token=t;object=o\"\n;");
  CHECK_FALSE(broken.found.has(code::CFG821));
}

TEST_CASE("attribute values as SunPKCS11 parses them") {
  const auto with = [](std::string_view value) {
    return read_java("name = T\nlibrary = /m.so\nattributes(*,CKO_PRIVATE_KEY,CKK_RSA) = {\n  CKA_SIGN = true\n  " +
                     std::string(value) + "\n}\n")
        .found;
  };
  CHECK(with("CKA_ID = \"0x21\"").has(code::CFG714));
  CHECK(with("CKA_ID = yes").has(code::CFG714));
  CHECK(with("CKA_ID = 0x21").has(code::CFG715));
  CHECK(with("CKA_IDS = 0h21").has(code::CFG716));
  const auto fine = with("CKA_ID = 0h0021");
  CHECK_FALSE((fine.has(code::CFG714) || fine.has(code::CFG715) || fine.has(code::CFG716)));
  CHECK_FALSE(with("CKA_TOKEN = null").has(code::CFG714));
}

}  // namespace
}  // namespace p11tape::clients
