// SPDX-License-Identifier: Apache-2.0
// A name on the command line becomes a file here: p11-kit's by its search order, NSS's by its folder.
#include "cli/support/client_options.hpp"

#include <cstdlib>

#include "clients/files.hpp"
#include "clients/formats/p11kit.hpp"

namespace p11tape::cli {
namespace {

using clients::client;

// As p11-kit finds it.
std::string config_folder() {
  if (const char* folder = std::getenv("XDG_CONFIG_HOME"); folder != nullptr && *folder != '\0') return folder;
  const std::string home = home_folder();
  return home.empty() ? home : home + "/.config";
}

client_options::target nss_database(std::string folder) {
  for (const std::string_view prefix : {"sql:", "dbm:"})
    if (folder.starts_with(prefix)) folder.erase(0, prefix.size());
  const std::string text = folder + "/pkcs11.txt", old = folder + "/secmod.db";
  if (!clients::exists(text) && clients::exists(old)) return {client::nss, old, "", ""};
  return {client::nss, text, "", ""};
}

client_options::target p11_kit_file(const std::string& name) {
  if (name.find('/') != std::string::npos) return {client::p11_kit, name, "", ""};
  const auto found = clients::find_p11_kit_file(name, config_folder(), clients::exists);
  if (found.path.empty()) {
    std::string where;
    for (const auto& folder : clients::p11_kit_folders(config_folder())) where += (where.empty() ? "" : ", ") + folder;
    return {client::p11_kit, "", name + " was not found in " + where + ".", ""};
  }
  std::string note;
  for (const auto& path : found.also) note += (note.empty() ? found.path + " overrides " : ", ") + path;
  return {client::p11_kit, found.path, "", note};
}

}  // namespace

std::string home_folder() {
  const char* home = std::getenv("HOME");
  return home != nullptr ? home : "";
}

void client_options::add_to(CLI::App& command) {
  command.add_option("--mq-ini", mq_ini, "IBM MQ: an mqclient.ini")->type_name("FILE");
  command
      .add_option("--sslcryp", sslcryp,
                  "IBM MQ: the string of SSLCRYP, MQSSLCRYP or MQSCO, or the output of DISPLAY QMGR. Prefer env:VAR, "
                  "file:PATH or - (standard input), because other users can read the command line")
      ->type_name("STRING");
  command.add_option("--keystore-conf", keystore_conf, "IBM MQ: the keystore.conf of Advanced Message Security")
      ->type_name("FILE");
  command.add_option("--java", java, "Java: a configuration file of SunPKCS11 or IBMPKCS11Impl")->type_name("FILE");
  command.add_option("--openssl", openssl, "OpenSSL: an openssl.cnf with an engine or provider section")
      ->type_name("FILE");
  command.add_option("--nss", nss, "NSS, Firefox, Chrome: the database directory")->type_name("DIR");
  command.add_option("--p11-kit", p11_kit, "p11-kit: the name of a .module file, or its path")->type_name("NAME");
  command.add_option("--strongswan", strongswan, "strongSwan: the file with the pkcs11 section")->type_name("FILE");
  command.add_option("--ssh-config", ssh_config, "OpenSSH: a file with PKCS11Provider")->type_name("FILE");
}

std::vector<client_options::target> client_options::files() const {
  std::vector<target> out;
  const auto add = [&](client kind, const std::string& file) {
    if (!file.empty()) out.push_back({kind, file, "", ""});
  };
  add(client::mq_ini, mq_ini);
  add(client::ams, keystore_conf);
  add(client::java, java);
  add(client::openssl, openssl);
  if (!nss.empty()) out.push_back(nss_database(nss));
  if (!p11_kit.empty()) out.push_back(p11_kit_file(p11_kit));
  add(client::strongswan, strongswan);
  add(client::ssh, ssh_config);
  return out;
}

bool client_options::any() const { return !files().empty() || !sslcryp.empty(); }

}  // namespace p11tape::cli
