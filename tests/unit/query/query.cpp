// SPDX-License-Identifier: Apache-2.0
// SQL over tapes: what is pushed down changes the time, never the rows; nothing but reading is possible.
#include <catch2/catch.hpp>
#include <filesystem>

#include "query/asked.hpp"
#include "query/formats.hpp"

using namespace p11tape;
using namespace p11tape::test;

namespace {

// Two sessions, one of them left open; a wrong and a right PIN; a key that is looked up, described and used.
struct working_day : tape_story {
  explicit working_day(const std::string& host = "alpha") {
    property("host", host);
    initialize().slot_list({5}).token_info(5, {.label = "Pay\xff \"1\"", .serial = "4711"});
    open(5, 1).open(5, 2).login(1, CKR_PIN_INCORRECT).login(1);
    find(1, CKO_PRIVATE_KEY, "signer", "", {42});
    describe(1, 42, CKO_PRIVATE_KEY, "signer", "\x01");
    for (u64 i = 0; i < 10; ++i) lasting(1000 * (i + 1)).sign_init(1, CKM_SHA1_RSA_PKCS, 42).sign(1);
    lasting(1000).close(2);
  }
};

}  // namespace

TEST_CASE("calls have what the tape and the model know of them") {
  working_day s;
  asked_tapes t({&s});
  CHECK(t.ask("SELECT count(*), count(DISTINCT id), min(number), max(number) FROM calls") == "32|32|1|32\n");
  CHECK(t.ask("SELECT function, rv, user, pin_length, pin_number, serial FROM calls WHERE rv = 'CKR_PIN_INCORRECT'") ==
        "C_Login|CKR_PIN_INCORRECT|CKU_USER|8|1|4711\n");
  CHECK(t.ask("SELECT DISTINCT mechanism, weakness, quantum_safe, key_label, key_id, object_class FROM calls "
              "WHERE function = 'C_Sign'") == "CKM_SHA1_RSA_PKCS|SHA-1|no|signer|01|CKO_PRIVATE_KEY\n");
  CHECK(t.ask("SELECT p50(duration_ns), quantile(duration_ns, 1), quantile(duration_ns, 0) FROM calls "
              "WHERE function = 'C_Sign'") == "6000|10000|1000\n");
  CHECK(t.ask("SELECT time, time_ns FROM calls WHERE number = 1") ==
        "2026-11-21 18:05:01.000001000|1795284301000001000\n");
}

TEST_CASE("a label that is not UTF-8 is escaped whole, any other stands as it is") {
  working_day s;
  asked_tapes t({&s});
  CHECK(t.ask("SELECT DISTINCT token FROM sessions") == "Pay\\xff \\\"1\\\"\n");
}

TEST_CASE("a label that is not UTF-8 stays valid JSON and CSV, however it is put together") {
  working_day s;
  asked_tapes t({&s});
  // The second column is made of bytes that are no text: half of a character.
  const std::string sql = "SELECT token, CAST(x'c3' AS TEXT) || label AS half FROM objects";
  for (const auto& [format, expected] :
       {std::pair{query::result_format::csv, "token,half\n\"Pay\\xff \\\"\"1\\\"\"\",\xef\xbf\xbdsigner\n"},
        std::pair{query::result_format::json,
                  "[{\"token\":\"Pay\\\\xff \\\\\\\"1\\\\\\\"\",\"half\":\"\xef\xbf\xbdsigner\"}]\n"}}) {
    std::string text;
    const auto writer = query::make_writer(format, {&text, [] { return true; }});
    t.database().run(sql, *writer);
    writer->end();
    CHECK(text == expected);
  }
}

TEST_CASE("a constraint that is pushed down lets through what the same expression without pushdown does") {
  working_day a("alpha"), b("beta");
  asked_tapes t({&a, &b});
  // `+column` keeps SQLite from handing the constraint to the table.
  for (const std::string column : {"function = 'C_Sign'",
                                   "function IN ('C_Login', 'C_Sign')",
                                   "rv = 'CKR_OK'",
                                   "rv IN ('', 'CKR_PIN_INCORRECT')",
                                   "number = 7",
                                   "number BETWEEN 3 AND 9",
                                   "number IN (2, 5, 11)",
                                   "host = 'beta'",
                                   "host IN ('alpha', 'gamma')",
                                   "number > 30",
                                   "number < 2",
                                   "time_ns >= 1795284301000020000",
                                   "time_ns < 1795284301000020000",
                                   "time > '2026-11-21 18:05:01.00002'",
                                   "time <= '2026-11-21 18:05:01.00002'",
                                   "time < '2026-11-21'",
                                   "time >= '2026'",
                                   "time = '2026-11-21 18:05:01.000001000'",
                                   "function = 5",
                                   "number = 7.0",
                                   "function = NULL",
                                   "id IN (SELECT id FROM logins)",
                                   "id = (SELECT max(id) FROM calls)"}) {
    INFO(column);
    const std::string sql = "SELECT host, number, function FROM calls WHERE ";
    CHECK(t.ask(sql + column + " ORDER BY 1, 2") == t.ask(sql + "+" + column + " ORDER BY 1, 2"));
  }
}

TEST_CASE("grouping at the source gives the groups that sorting gives") {
  working_day a("alpha"), b("beta");
  asked_tapes t({&a, &b});
  for (const std::string columns : {"function", "host, function", "rv", "token, mechanism", "key_bits", "slot, rv"}) {
    INFO(columns);
    const auto all = "SELECT " + columns + ", count(*), sum(duration_ns) FROM ";
    for (const auto& order : {std::string(), " ORDER BY " + columns, " ORDER BY " + columns + " DESC"})
      CHECK(t.ask(all + "calls GROUP BY " + columns + order) ==
            t.ask(all + "(SELECT * FROM calls LIMIT -1 OFFSET 0) GROUP BY " + columns + order));
  }
  CHECK(t.ask("SELECT DISTINCT host FROM calls ORDER BY host DESC") == "beta\nalpha\n");
}

TEST_CASE("an equality on a kept table finds the rows that the same expression without an index does") {
  working_day a("alpha"), b("beta");
  asked_tapes t({&a, &b});
  for (const std::string equality :
       {"handle = 2", "handle = 2.0", "handle = NULL", "host = 'beta'", "host = 5",
        "id = (SELECT max(session_id) FROM calls)", "tape = (SELECT max(tape) FROM tapes) AND handle = 1"}) {
    INFO(equality);
    const std::string sql = "SELECT host, handle FROM sessions WHERE ";
    CHECK(t.ask(sql + equality + " ORDER BY 1, 2") ==
          t.ask("SELECT host, handle FROM (SELECT * FROM sessions LIMIT -1 OFFSET 0) WHERE " + equality +
                " ORDER BY 1, 2"));
  }
}

TEST_CASE("a join finds the rows that the same expression without an index does, whichever side comes first") {
  working_day a("alpha"), b("beta");
  asked_tapes t({&a, &b});
  const std::string all = "(SELECT * FROM calls LIMIT -1 OFFSET 0)",
                    sessions = "(SELECT * FROM sessions LIMIT -1 OFFSET 0)";
  for (const std::string on :
       {"s.tape = c.tape AND s.id = c.session_id", "s.id = c.session_id", "s.host = c.host",
        "s.tape = c.tape AND s.handle = c.session", "s.handle = c.session || ''", "s.handle = c.session + 0.0"}) {
    INFO(on);
    const std::string what = "SELECT s.host, s.handle, c.host, c.number FROM ";
    for (const std::string kind : {" JOIN ", " LEFT JOIN "}) {
      CHECK(t.ask(what + "calls c" + kind + "sessions s ON " + on + " ORDER BY 1, 2, 3, 4") ==
            t.ask(what + all + " c" + kind + sessions + " s ON " + on + " ORDER BY 1, 2, 3, 4"));
      CHECK(t.ask(what + "sessions s" + kind + "calls c ON " + on + " ORDER BY 1, 2, 3, 4") ==
            t.ask(what + sessions + " s" + kind + all + " c ON " + on + " ORDER BY 1, 2, 3, 4"));
    }
  }
  // Scans as the inner side: of the same table, and with texts that no two rows share.
  CHECK(
      t.ask(
          "SELECT count(*), count(DISTINCT d.time) FROM calls c LEFT JOIN calls d ON d.tape = c.tape AND d.id = c.id AND "
          "d.time = c.time") == "64|32\n");
  CHECK(
      t.ask("SELECT count(*) FROM logins l JOIN calls c ON c.tape = l.tape AND c.number >= l.number") ==
      t.ask("SELECT sum((SELECT count(*) FROM calls c WHERE c.tape = l.tape AND c.number >= l.number)) FROM logins l"));
}

TEST_CASE("calls join their sessions, logins and attributes") {
  working_day s;
  asked_tapes t({&s});
  CHECK(t.ask("SELECT handle, ended FROM sessions ORDER BY handle") == "1|\n2|close\n");
  CHECK(t.ask("SELECT count(*) FROM calls c JOIN sessions s ON s.tape = c.tape AND s.id = c.session_id") ==
        t.ask("SELECT sum(calls) FROM sessions"));
  CHECK(
      t.ask(
          "SELECT c.function, l.ok FROM logins l JOIN calls c ON c.tape = l.tape AND c.id = l.id ORDER BY c.number") ==
      "C_Login|0\nC_Login|1\n");
  CHECK(t.ask("SELECT a.value FROM attributes a JOIN calls c ON c.tape = a.tape AND c.id = a.call_id "
              "WHERE c.function = 'C_GetAttributeValue' ORDER BY a.position") == "CKO_PRIVATE_KEY\nsigner\n01\n");
  CHECK(t.ask("SELECT label, uses, handle FROM objects") == "signer|20|42\n");
  CHECK(t.ask("SELECT calls, errors, logins, failed_logins, sessions, open_sessions FROM tapes") == "32|1|2|1|2|1\n");
}

TEST_CASE("nothing but one SELECT can be run") {
  working_day s;
  asked_tapes t({&s});
  for (const auto* sql : {"ATTACH '/tmp/x.db' AS x",
                          "PRAGMA table_list",
                          "CREATE TABLE x(a)",
                          "CREATE TEMP TABLE x AS SELECT 1",
                          "INSERT INTO calls(host) VALUES('x')",
                          "DELETE FROM calls",
                          "UPDATE calls SET host = 'x'",
                          "VACUUM INTO '/tmp/x'",
                          "SELECT load_extension('x')",
                          "SELECT * FROM pragma_database_list",
                          "DETACH main",
                          "ANALYZE",
                          "REINDEX",
                          "BEGIN",
                          "SAVEPOINT x",
                          "SELECT readfile('/etc/passwd')",
                          "SELECT writefile('/tmp/x', 'x')",
                          "SELECT edit('x')",
                          "SELECT fts3_tokenizer('x', x'00')",
                          "SELECT * FROM dbstat",
                          "SELECT zeroblob(1000000000)",
                          "CREATE VIRTUAL TABLE x USING calls"}) {
    INFO(sql);
    CHECK(t.refusal(sql).find("ran") == std::string::npos);
  }
  CHECK(t.refusal("SELECT 1; SELECT 2") == "more than one statement");
  CHECK(t.refusal("SELECT ?") == "the statement has parameters (?)");
  CHECK(t.refusal("") == "there is no statement");
  CHECK(t.refusal("ATTACH ':memory:' AS x") == "only SELECT is possible: tapes are read-only");
  CHECK(t.ask("SELECT 1;  ") == "1\n");
}

TEST_CASE("an error in a statement has its place") {
  working_day s;
  asked_tapes t({&s});
  try {
    t.ask("SELECT number FROM calls WHERE nonsense = 1");
    FAIL("it ran");
  } catch (const query::query_error& e) {
    CHECK(std::string(e.what()) == "no such column: nonsense");
    CHECK(e.place == 31);
  }
}

TEST_CASE("a statement that runs for ever can be stopped") {
  working_day s;
  asked_tapes t({&s});
  t.database().stop();
  CHECK_THROWS_AS(
      t.ask("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n, calls"),
      query::interrupted);
}

TEST_CASE("of a damaged tape there are the rows up to the damage") {
  working_day s;
  const auto path = s.write();
  const auto bytes = std::filesystem::file_size(path);
  for (const auto cut : {bytes / 8, bytes / 3, bytes / 2}) {
    std::filesystem::resize_file(path, bytes - cut);
    tape::reader reader(path);
    const tape::reader* one = &reader;
    query::database database(std::span(&one, 1));
    lines_sink sink;
    database.run("SELECT count(*) <= 32 FROM calls", sink);
    CHECK(sink.text == "1\n");
  }
}
