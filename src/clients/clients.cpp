// SPDX-License-Identifier: Apache-2.0
// The one switch over the kinds of client; everything else goes through it.
#include "clients/clients.hpp"

#include <cstddef>
#include <iterator>

#include "clients/formats/ams.hpp"
#include "clients/formats/ccdt.hpp"
#include "clients/formats/java.hpp"
#include "clients/formats/mq_ini.hpp"
#include "clients/formats/mq_sslcryp.hpp"
#include "clients/formats/nss.hpp"
#include "clients/formats/openssl.hpp"
#include "clients/formats/p11kit.hpp"
#include "clients/formats/servers.hpp"
#include "clients/formats/ssh.hpp"

namespace p11tape::clients {
namespace {

constexpr std::string_view names[] = {"mq-ini", "mq-string", "keystore-conf", "ccdt",       "java",  "openssl",
                                      "nss",    "p11-kit",   "ssh",           "strongswan", "nginx", "httpd"};
static_assert(std::size(names) == static_cast<std::size_t>(client::httpd) + 1);

}  // namespace

reading read_as(client kind, std::string_view text, std::string_view file_name) {
  switch (kind) {
    case client::mq_ini:
      return read_mq_ini(text);
    case client::mq_string:
      return read_pasted_mq_string(text);
    case client::ams:
      return read_keystore_conf(text);
    case client::ccdt:
      return read_ccdt(text, file_name);
    case client::java:
      return read_java(text);
    case client::openssl:
      return read_openssl(text);
    case client::nss:
      return read_nss(text);
    case client::p11_kit:
      return read_p11_kit(text, file_name);
    case client::ssh:
      return read_ssh_config(text);
    case client::strongswan:
      return read_strongswan(text);
    case client::nginx:
      return read_nginx(text);
    case client::httpd:
      return read_httpd(text);
  }
  return {};
}

std::string_view name_of(client kind) noexcept { return names[static_cast<std::size_t>(kind)]; }

std::optional<client> client_named(std::string_view name) noexcept {
  for (std::size_t i = 0; i < std::size(names); ++i)
    if (names[i] == name) return static_cast<client>(i);
  return std::nullopt;
}

}  // namespace p11tape::clients
