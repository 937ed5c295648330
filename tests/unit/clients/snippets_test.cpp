// SPDX-License-Identifier: Apache-2.0
// The snippets in config/ are what they say: configurations without a fault that name the recorder.
#include <catch2/catch.hpp>
#include <string>

#include "clients/clients.hpp"
#include "corpus.hpp"

using namespace p11tape::clients;

TEST_CASE("the snippets in config/ have no fault and name the recorder") {
  struct row {
    client kind;
    const char* file;
    bool names_module;
  };
  const row rows[] = {{client::mq_ini, "mqclient.ini", true},
                      {client::ams, "keystore.conf", true},
                      {client::java, "java-sunpkcs11.cfg", true},
                      {client::openssl, "openssl-engine.cnf", true},
                      {client::openssl, "openssl-provider.cnf", true},
                      {client::nss, "nss-pkcs11.txt", true},
                      {client::p11_kit, "p11tape.module", true},
                      {client::ssh, "ssh_config", true},
                      {client::strongswan, "strongswan-pkcs11.conf", true},
                      {client::nginx, "nginx.conf", false}};
  for (const auto& r : rows) {
    INFO(r.file);
    const auto read = read_as(r.kind, corpus::read_file(std::filesystem::path(P11TAPE_CONFIG_FOLDER) / r.file), r.file);
    CHECK(read.recognised);
    for (const auto& f : read.found.all()) {
      INFO(f.id() << " " << f.title << " " << f.detail);
      // The PIN is to be filled in, and doctor says so until it is.
      if (f.what == code::CFG148)
        CHECK((r.kind == client::mq_ini || r.kind == client::ams));
      else
        CHECK(f.level == severity::info);
    }
    CHECK(read.modules.size() == (r.names_module ? 1u : 0u));
    if (r.names_module) CHECK(read.modules.at(0).path == "/usr/local/lib/pkcs11/p11tape.so");
  }
}
