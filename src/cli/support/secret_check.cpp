// SPDX-License-Identifier: Apache-2.0
#include "cli/support/secret_check.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "cli/support/tapes.hpp"
#include "decode/decode.hpp"
#include "model/call_stream.hpp"
#include "render/render.hpp"
#include "view/view_of_call.hpp"

namespace p11tape::cli {
namespace {

// A file, or "-" for stdin; nothing where it cannot be read.
std::optional<std::string> read_all(const std::string& from) {
  std::string all;
  if (from == "-") {
    char buffer[4096];
    for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, stdin)) > 0;) all.append(buffer, n);
    return std::ferror(stdin) == 0 ? std::optional(std::move(all)) : std::nullopt;
  }
  std::ifstream file(from, std::ios::binary);
  if (!file) return std::nullopt;
  all.assign(std::istreambuf_iterator<char>(file), {});
  return file.bad() ? std::nullopt : std::optional(std::move(all));
}

}  // namespace

secret_check::secret_check(const std::string& from) {
  auto read = read_all(from);
  if (!read) throw std::runtime_error(from + ": cannot read the secret");
  auto& secret = *read;
  if (!secret.empty() && secret.back() == '\n') secret.pop_back();
  if (secret.empty()) throw std::runtime_error(from + ": the file is empty, so there is no secret to look for");
  if (secret.size() < scrub::shortest_certain)
    std::fprintf(stderr, "p11tape: the secret is shorter than %zu bytes, so matches may be coincidental\n",
                 scrub::shortest_certain);
  search_.emplace(secret);
  std::fill(secret.begin(), secret.end(), '\0');
}

bool secret_check::report(const std::string& where) const {
  for (const auto& hit : search_->hits())
    std::printf("%s: found %s, at byte %llu\n", where.c_str(), std::string{hit.form}.c_str(),
                static_cast<unsigned long long>(hit.offset));
  return !search_->hits().empty();
}

bool secret_check::in_text(std::string_view text, const std::string& where) {
  search_->restart();
  search_->feed(text);
  return report(where);
}

bool secret_check::in_file(const std::string& path, const std::string& where) {
  search_->restart();
  std::ifstream file(path, std::ios::binary);
  std::string buffer(1 << 20, '\0');
  while (file.read(buffer.data(), static_cast<std::streamsize>(buffer.size())), file.gcount() > 0)
    search_->feed({buffer.data(), static_cast<std::size_t>(file.gcount())});
  return report(where);
}

bool secret_check::in_records(const tape::reader& tape, const std::string& where) {
  bool found = false;
  for (std::size_t t = 0; t < tape.threads().size(); ++t) {
    auto records = tape.records(t);
    tape::record_view record;
    while (records.next(record) || records.next_in_flight(record)) {
      search_->restart();
      search_->feed({reinterpret_cast<const char*>(record.body.data()), record.body.size()});
      if (search_->hits().empty()) continue;
      found = true;
      std::printf("%s: found %s, in record %u of thread %zu\n", where.c_str(),
                  std::string{search_->hits().front().form}.c_str(), record.ordinal, t + 1);
    }
  }
  return found;
}

bool secret_check::in_tape(const tape::reader& tape, const std::string& where) {
  const bool stored = in_file(tape.path(), where) || in_records(tape, where);
  const bool text = in_shown(tape, where, false), json = in_shown(tape, where, true);
  return stored || text || json;
}

bool secret_check::in_shown(const tape::reader& tape, const std::string& where, bool json) {
  search_->restart();
  model::call_stream calls(tape);
  std::string text;
  render::options whole;
  whole.decoder = decode::attribute;
  whole.most_bytes = ~std::size_t{0};
  const auto program = program_of(tape);
  while (const auto* call = calls.next()) {
    text.clear();
    const auto view = view::view_of(*call, program, false);
    json ? render::append_json(view, whole, text) : render::append_text(view, whole, text);
    search_->feed(text);
  }
  return report(where + (json ? " (as JSON)" : " (as text)"));
}

}  // namespace p11tape::cli
