// SPDX-License-Identifier: Apache-2.0
// Sends batches to the HTTP interface of the fleet engine, or spans to a collector: again and again with growing pauses, for as long as it is
// told to be patient. A batch leaves the spool when the server has confirmed it, and not before.
#pragma once

#include <atomic>
#include <cstdint>

#include "ship/curl.hpp"
#include "ship/spool.hpp"

namespace p11tape::ship {

struct target {
  std::string url;  ///< without a path
  std::string database = "p11tape";
  bool spans = false;  ///< an OpenTelemetry collector, not the fleet engine
  credentials who;
  std::string ca_file;
  long timeout = 60;            ///< seconds, for one request
  std::uint64_t patience = 60;  ///< seconds, for all attempts of one batch
};

/// The name that batches of spans have in the spool, in the place of a table.
inline constexpr const char* spans_table = "otlp";

struct outcome {
  std::uint64_t batches = 0, rows = 0;  ///< confirmed
  std::string trouble;                  ///< why sending ended early; "" if it did not
};

class sender {
 public:
  sender(target to, const std::atomic<bool>& stop) : to_(std::move(to)), stop_(&stop) {}

  /// "" if the server has the tables of this program's data model, else what is wrong.
  std::string check();
  outcome send(spool& from);

 private:
  response ask(const std::string& sql, std::string_view body, bool gzip);
  response give_spans(std::string_view body, bool gzip);
  response give(const batch& b, const std::string& body);
  std::string words_of(const response& r) const;
  /// Waits for the next attempt. False if there is to be none.
  bool pause(unsigned attempt, double& waited);

  target to_;
  const std::atomic<bool>* stop_;
  curl curl_;
};

}  // namespace p11tape::ship
