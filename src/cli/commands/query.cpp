// SPDX-License-Identifier: Apache-2.0
// p11tape query: SQL over tapes.
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>

#include "cli/support/commands.hpp"
#include "cli/support/output.hpp"
#include "cli/support/tapes.hpp"
#include "query/formats.hpp"
#include "query/named.hpp"
#include "text/exit_codes.hpp"

namespace p11tape::cli {
namespace {

enum class engine { sqlite, clickhouse };

struct query_options {
  std::string question;
  std::vector<std::string> paths;
  query::result_format format = query::result_format::table;
  engine by = engine::sqlite;
  bool schema = false, list = false, print = false;
};

query::database* running = nullptr;

// Once more, and it ends at once: what happens between two looks at the flag can take long.
void stop(int signal) {
  if (running != nullptr) running->stop();
  std::signal(signal, SIG_DFL);
}

// The line of the statement in which it went wrong, and a mark below the place.
void show_place(const std::string& sql, int place) {
  if (place < 0 || static_cast<std::size_t>(place) > sql.size()) return;
  const auto at = static_cast<std::size_t>(place);
  const auto begin = at == 0 ? 0 : sql.rfind('\n', at - 1) + 1;
  const auto end = std::min(sql.find('\n', at), sql.size());
  const auto line = sql.substr(begin, end - begin);
  std::fprintf(stderr, "  %s\n  %*s^ here\n", line.c_str(), static_cast<int>(at - begin), "");
}

int show_list(const query_options& o) {
  output out;
  if (o.by == engine::clickhouse) {
    out.text() = query::clickhouse_views();
  } else {
    for (const auto& q : query::named_queries()) {
      std::string name(q.name);
      name.resize(24, ' ');
      out.text() += name + std::string(q.description) + "\n";
    }
  }
  out.flush();
  return out.error() == 0 ? exit_fine : exit_unusable;
}

int show_schema(const query_options& o) {
  output out;
  out.text() = o.by == engine::clickhouse               ? query::clickhouse_tables()
               : o.format == query::result_format::json ? query::schema_json()
                                                        : query::schema_text();
  out.flush();
  return out.error() == 0 ? exit_fine : exit_unusable;
}

int wrong_usage(const char* text) {
  std::fprintf(stderr, "p11tape query: %s\n", text);
  return exit_usage;
}

int run(const query_options& o) {
  if (o.list) return show_list(o);
  if (o.schema) return show_schema(o);
  if (o.question.empty()) return wrong_usage("name a query or give a SELECT statement (--list shows the names)");
  const auto* named = query::find_named(o.question);
  if (o.print) {
    if (named == nullptr) return wrong_usage("--print takes the name of a query (--list shows the names)");
    std::printf("%s\n", std::string(o.by == engine::clickhouse ? named->clickhouse : named->sqlite).c_str());
    return exit_fine;
  }
  if (o.by == engine::clickhouse)
    return wrong_usage("--engine clickhouse only prints: with --schema, --list or --print");
  if (o.paths.empty()) return wrong_usage("name a tape, or a directory with tapes, after the query");

  const std::string sql(named != nullptr ? named->sqlite : std::string_view(o.question));
  const auto tapes = open(o.paths);
  report(tapes);
  if (tapes.tapes.empty()) return exit_unusable;
  const auto readers = tapes.readers();
  query::database database(readers);
  running = &database;
  std::signal(SIGINT, stop);
  std::signal(SIGTERM, stop);
  output out;
  const auto writer = query::make_writer(o.format, {&out.text(), [&out] {
                                                      out.flush_if_full();
                                                      return !out.closed();
                                                    }});
  int result = exit_fine;
  try {
    database.run(sql, *writer);
    writer->end();
  } catch (const query::query_error& e) {
    out.flush();
    std::fprintf(stderr, "p11tape query: %s\n", e.what());
    show_place(sql, e.place);
    if (sql.find(' ') == std::string::npos)
      std::fprintf(stderr, "  (it is neither a SELECT statement nor the name of a query; --list shows the names)\n");
    result = exit_unusable;
  } catch (const query::interrupted&) {
    out.flush();
    std::fprintf(stderr, "p11tape query: interrupted\n");
    result = exit_unusable;
  }
  running = nullptr;
  out.flush();
  report_damages(tapes);
  return out.error() != 0 || !tapes.troubles.empty() ? static_cast<int>(exit_unusable) : result;
}

}  // namespace

void add_query(CLI::App& app, status& result) {
  auto* command = app.add_subcommand("query", "Answers questions in SQL over tapes, or named questions");
  auto o = std::make_shared<query_options>();
  command->add_option("QUERY", o->question, "SELECT statement, or name of a query");
  command->add_option("TAPE", o->paths, "Tapes, or directories with tapes");
  const std::map<std::string, query::result_format> formats = {
      {"table", query::result_format::table}, {"csv", query::result_format::csv}, {"json", query::result_format::json}};
  command->add_option("--format", o->format, "Form of the result: table, csv or json")
      ->transform(CLI::CheckedTransformer(formats).description(""))
      ->type_name("FORMAT");
  command->add_flag("--list", o->list, "List the named queries");
  command->add_flag("--schema", o->schema, "Print the tables and their columns");
  command->add_flag("--print", o->print, "Print the text of a named query instead of running it");
  const std::map<std::string, engine> engines = {{"sqlite", engine::sqlite}, {"clickhouse", engine::clickhouse}};
  command
      ->add_option("--engine", o->by,
                   "Engine whose text --print, --list and --schema print: sqlite (here) or clickhouse (config/fleet)")
      ->transform(CLI::CheckedTransformer(engines).description(""))
      ->type_name("ENGINE");
  command->footer(
      "Examples:\n"
      "  p11tape query pin-risk /var/tmp/p11tape-1000\n"
      "  p11tape query 'SELECT function, count(*), p99(duration_ns) FROM calls GROUP BY function' my.p11tape\n"
      "  p11tape query --format csv \"SELECT * FROM calls WHERE rv = 'CKR_PIN_INCORRECT'\" tapes/\n"
      "Exit status: 0; 2 if the statement or a tape cannot be used; 64 for wrong usage.");
  command->callback([o, &result] { result = run(*o); });
}

}  // namespace p11tape::cli
