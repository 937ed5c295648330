// SPDX-License-Identifier: Apache-2.0
#include "query/named.hpp"

#include <algorithm>

#include "query/model.hpp"
#include "text/json_writer.hpp"

namespace p11tape::query {
namespace {

constexpr named_query queries[] = {
#define QUERY(name, description, sqlite, clickhouse) {name, description, sqlite, clickhouse},
#include "query/named.def"
#undef QUERY
};

std::string padded(std::string_view text, std::size_t width) {
  std::string out(text);
  out.resize(std::max(out.size() + 1, width), ' ');
  return out;
}

}  // namespace

std::span<const named_query> named_queries() noexcept { return queries; }

const named_query* find_named(std::string_view name) noexcept {
  for (const auto& q : queries)
    if (q.name == name) return &q;
  return nullptr;
}

std::string schema_text() {
  std::string out = "Version " + std::to_string(model_version) + " of the data model\n";
  for (const auto& t : tables()) {
    out += "\n" + std::string(t.name) + ": " + std::string(t.sentence) + " (key: " + std::string(t.key) + ")\n";
    for (const auto& c : t.columns)
      out += "  " + padded(c.name, 20) + padded(words_of(c.type), 26) + std::string(c.sentence) + "\n";
  }
  return out + "\nFunctions besides SQLite's: quantile(value, share), p50(value), p90(value), p95(value), p99(value)\n";
}

std::string schema_json() {
  std::string out;
  text::json_writer json(out);
  json.begin_object();
  json.field("model_version", model_version);
  json.key("tables");
  json.begin_array();
  for (const auto& t : tables()) {
    json.begin_object();
    json.field("name", t.name);
    json.field("key", t.key);
    json.field("description", t.sentence);
    json.key("columns");
    json.begin_array();
    for (const auto& c : t.columns) {
      json.begin_object();
      json.field("name", c.name);
      json.field("type", words_of(c.type));
      json.field("description", c.sentence);
      json.end_object();
    }
    json.end_array();
    json.end_object();
  }
  json.end_array();
  json.end_object();
  json.end_line();
  return out;
}

}  // namespace p11tape::query
