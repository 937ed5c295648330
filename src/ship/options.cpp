// SPDX-License-Identifier: Apache-2.0
#include "ship/options.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace p11tape::ship {
namespace {

namespace fs = std::filesystem;

std::string read_password(const std::string& path) {
  struct stat st {};
  if (::stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0007) != 0)
    throw std::runtime_error(path + ": others can read it (run: chmod o= " + path + ")");
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line) && line.empty())
    throw std::runtime_error(path + ": holds no password, or cannot be read");
  if (line.ends_with('\r')) line.pop_back();
  return line;
}

}  // namespace

void options::add_to(CLI::App& app) {
  app.add_option("TAPE", paths, "Tapes, or directories with tapes at any depth")->required();
  app.add_option("--to", to, "Address of the server, https://HOST:PORT or http://HOST:PORT")
      ->required()
      ->type_name("URL");
  app.add_option("--spool", spool, "Directory for what waits to be sent, and for the state")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--spool-limit", spool_bytes, "Maximum size of the spool, for example 256M")
      ->transform(CLI::AsSizeValue(false).description(""))
      ->type_name("SIZE")
      ->default_str("256M");
  app.add_option("--tables", tables, "Tables to send, separated by commas")->type_name("NAMES")->capture_default_str();
  app.add_option("--every", every, "Go on as a service, and look for new calls every N seconds")->type_name("N");
  app.add_option("--user", user, "User at the server; environment variable P11TAPE_SHIP_USER")
      ->envname("P11TAPE_SHIP_USER")
      ->type_name("NAME");
  app.add_option("--password-file", password_file,
                 "File with the password, not readable by others; without it, environment variable "
                 "P11TAPE_SHIP_PASSWORD")
      ->type_name("FILE");
  app.add_option("--ca", ca_file, "Certificates of the authorities to trust; default: those of the system")
      ->check(CLI::ExistingFile)
      ->type_name("FILE");
  app.add_option("--patience", patience, "Seconds to go on trying to send a batch")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--timeout", timeout, "Seconds that one request may take")->type_name("N")->capture_default_str();
  app.add_option("--batch", batch_rows, "Maximum number of rows in a batch")
      ->check(CLI::Range(1, 1000000))
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--database", database, "Database at the server")->type_name("NAME")->capture_default_str();
  app.add_flag("--otlp", spans,
               "Send the spans of ended processes to an OpenTelemetry collector (POST /v1/traces) instead of rows to "
               "ClickHouse; needs a spool of its own");
  app.add_flag("--check", check_only, "Only test whether the server takes rows of this version");
}

target options::as_target() const {
  target t;
  t.url = to;
  while (t.url.ends_with('/')) t.url.pop_back();
  const auto scheme = t.url.find("://");
  if (scheme == std::string::npos || (!t.url.starts_with("http://") && !t.url.starts_with("https://")))
    throw std::runtime_error("--to takes http://HOST:PORT or https://HOST:PORT");
  // The address stands in the list of processes, so the text is not repeated here either.
  if (t.url.find('@') != std::string::npos)
    throw std::runtime_error("--to must not contain a user or a password (use --user and --password-file)");
  if (t.url.find_first_of("/?#", scheme + 3) != std::string::npos)
    throw std::runtime_error("--to takes host and port only, without a path");
  if (database.empty() ||
      !std::all_of(database.begin(), database.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; }))
    throw std::runtime_error("--database takes letters, digits and underscores");
  t.database = database;
  t.spans = spans;
  t.who.user = user;
  if (!password_file.empty())
    t.who.password = read_password(password_file);
  else if (const char* p = std::getenv("P11TAPE_SHIP_PASSWORD"); p != nullptr)
    t.who.password = p;
  t.ca_file = ca_file;
  t.timeout = timeout;
  t.patience = patience;
  return t;
}

std::vector<std::string> tapes_below(const std::vector<std::string>& paths) {
  std::set<std::string> found;
  for (const auto& path : paths) {
    std::error_code error;
    if (!fs::is_directory(path, error)) {
      found.insert(path);
      continue;
    }
    for (fs::recursive_directory_iterator i(path, fs::directory_options::skip_permission_denied, error), end;
         !error && i != end; i.increment(error))
      if (i->path().extension() == ".p11tape") found.insert(i->path().string());
  }
  return {found.begin(), found.end()};
}

}  // namespace p11tape::ship
