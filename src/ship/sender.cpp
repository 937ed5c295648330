// SPDX-License-Identifier: Apache-2.0
#include "ship/sender.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>
#include <stdexcept>
#include <thread>

#include "query/model.hpp"
#include "query/symbols.hpp"

namespace p11tape::ship {
namespace {

constexpr double longest_pause = 30;  // seconds

std::string url_encoded(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
    if (plain) {
      out += c;
    } else {
      char hex[4];
      std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += hex;
    }
  }
  return out;
}

// The first line of what a server says, made safe; it can be anything.
std::string first_line(const std::string& body) {
  auto line = body.substr(0, std::min(body.find('\n'), std::size_t{200}));
  return query::safe(line);
}

// What no later attempt mends.
bool is_final(const response& r) noexcept { return r.status == 401 || r.status == 403 || r.status == 404; }

bool has_code(const response& r, std::initializer_list<int> codes) {
  return std::any_of(codes.begin(), codes.end(), [&](int c) {
    return r.body.find("Code: " + std::to_string(c) + ",") != std::string::npos ||
           r.body.find("Code: " + std::to_string(c) + ".") != std::string::npos;
  });
}

// Unknown table, database, column or identifier; wrong password or user.
bool is_other_schema(const response& r) { return has_code(r, {60, 81, 16, 47, 8}); }
bool is_refused(const response& r) { return r.status == 401 || r.status == 403 || has_code(r, {192, 193, 194, 516}); }

std::string advice_for(const response& r) {
  if (is_refused(r)) return " (check the user and the password file)";
  if (r.status == 404 && r.body.find("Code: ") == std::string::npos) return " (check the address)";
  if (is_other_schema(r)) return " (apply config/fleet/tables.sql of this version to the server)";
  return {};
}

}  // namespace

// Servers repeat what they were sent; the password is not repeated here.
std::string sender::words_of(const response& r) const {
  if (r.status == 0) return "no response: " + r.trouble;
  auto body = r.body;
  if (const auto& secret = to_.who.password; !secret.empty())
    for (auto at = body.find(secret); at != std::string::npos; at = body.find(secret, at + 3))
      body.replace(at, secret.size(), "***");
  const auto line = first_line(body);
  return "HTTP status " + std::to_string(r.status) + (line.empty() ? "" : ": " + line);
}

response sender::ask(const std::string& sql, std::string_view body, bool gzip) {
  request r;
  r.url = to_.url + "/?query=" + url_encoded(sql);
  if (body.data() != nullptr)
    // The server confirms only what has arrived at its shards; unknown columns are those of a newer p11tape.
    r.url += "&insert_distributed_sync=1&input_format_skip_unknown_fields=1";
  r.body = body;
  r.gzip = gzip;
  r.who = &to_.who;
  r.ca_file = to_.ca_file;
  r.timeout = to_.timeout;
  return curl_.perform(r);
}

response sender::give_spans(std::string_view body, bool gzip) {
  request r;
  r.url = to_.url + "/v1/traces";
  r.body = body;
  r.gzip = gzip;
  r.content_type = "application/json";
  r.who = &to_.who;
  r.ca_file = to_.ca_file;
  r.timeout = to_.timeout;
  return curl_.perform(r);
}

response sender::give(const batch& b, const std::string& body) {
  if ((b.table == spans_table) != to_.spans)
    throw std::runtime_error(b.path + ": the spool holds " + (to_.spans ? "rows for ClickHouse" : "spans") +
                             " (name another one with --spool)");
  return to_.spans ? give_spans(body, true)
                   : ask("INSERT INTO " + to_.database + "." + b.table + " FORMAT JSONEachRow", body, true);
}

bool sender::pause(unsigned attempt, double& waited) {
  static thread_local std::minstd_rand random(static_cast<unsigned>(::getpid()));
  // Doubling, with some chance, so that ten thousand hosts do not come back in the same second.
  const auto base = std::min(longest_pause, 0.25 * static_cast<double>(1u << std::min(attempt, 10u)));
  const auto seconds = base * std::uniform_real_distribution<double>(0.5, 1)(random);
  if (waited + seconds > static_cast<double>(to_.patience)) return false;
  waited += seconds;
  for (double left = seconds; left > 0 && !stop_->load(); left -= 0.1)
    std::this_thread::sleep_for(std::chrono::duration<double>(std::min(left, 0.1)));
  return !stop_->load();
}

std::string sender::check() {
  double waited = 0;
  for (unsigned attempt = 0;; ++attempt) {
    const auto r = to_.spans ? give_spans("{\"resourceSpans\":[]}", false)
                             : ask("SELECT max(version) FROM " + to_.database + ".model_version", {}, false);
    if (r.status == 200 && to_.spans) return {};
    if (r.status == 200) {
      const auto version = first_line(r.body);
      if (version == std::to_string(query::model_version)) return {};
      return "the server has version " + version + " of the data model, this program has version " +
             std::to_string(query::model_version) + " (apply config/fleet/tables.sql of this version to the server)";
    }
    if (is_final(r) || is_refused(r) || is_other_schema(r) || !pause(attempt, waited))
      return words_of(r) + advice_for(r);
  }
}

outcome sender::send(spool& from) {
  outcome done;
  for (const auto& b : from.waiting()) {
    const auto body = from.read(b);
    double waited = 0;
    for (unsigned attempt = 0;; ++attempt) {
      if (stop_->load()) {
        done.trouble = "interrupted";
        return done;
      }
      const auto r = give(b, body);
      if (r.status == 200) break;
      if (is_final(r) || is_refused(r) || is_other_schema(r) || !pause(attempt, waited)) {
        done.trouble = words_of(r) + advice_for(r);
        return done;
      }
    }
    from.remove(b);
    ++done.batches;
    done.rows += b.rows;
  }
  return done;
}

}  // namespace p11tape::ship
