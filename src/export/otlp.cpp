// SPDX-License-Identifier: Apache-2.0
#include "export/otlp.hpp"

#include <map>

#include "query/escape.hpp"
#include "query/sources/collector.hpp"
#include "query/sources/findings.hpp"
#include "text/numbers.hpp"

namespace p11tape::exporting {
namespace {

using cryptoki::effect;

constexpr int kind_internal = 1, kind_client = 3;  // SpanKind

std::string hex16(u64 n) {
  std::string out;
  text::append_hex_digits(n, 16, out);
  return out;
}

void append_resource(const tape::reader& tape, std::string& out) {
  query::symbols pool;
  const auto words = query::words_of(tape, pool);
  bool first = true;
  const auto text = [&](const char* key, std::string_view value) {
    if (value.empty()) return;
    ((out += first ? "{\"key\":\"" : ",{\"key\":\"") += key) += "\",\"value\":{\"stringValue\":";
    query::append_json_text(value, out);
    out += "}}";
    first = false;
  };
  out += "{\"resourceSpans\":[{\"resource\":{\"attributes\":[";
  text("service.name", words.program);
  text("host.name", words.host);
  text("p11tape.tape", words.id);
  text("p11tape.module", query::safe(tape.property("module")));
  out += first ? "" : ",";
  out += "{\"key\":\"process.pid\",\"value\":{\"intValue\":\"" + std::to_string(words.pid) + "\"}}";
  out += "]},\"scopeSpans\":[{\"scope\":{\"name\":\"p11tape\"},\"spans\":[";
}

// The JSON of protobuf: 64-bit integers are texts, names are lowerCamelCase; OTLP has identifiers in hexadecimal.
class span_writer {
 public:
  span_writer(const tape::reader& tape, std::size_t most_bytes, const otlp_receiver& to)
      : most_bytes_(most_bytes), to_(to) {
    append_resource(tape, start_);
    line_ = start_;
  }

  /// Gives what has not been given yet. False if the receiver wants no more.
  bool flush() {
    if (spans_ == 0) return good_;
    line_ += "]}]}]}\n";
    good_ = good_ && to_(line_, spans_);
    line_ = start_;
    spans_ = 0;
    first_ = true;
    return good_;
  }
  bool good() const noexcept { return good_; }

  void begin(const std::string& trace, const std::string& span, const std::string& parent, const std::string& name,
             int kind, u64 start, u64 end) {
    line_ += first_ ? "{" : ",{";
    first_ = false;
    first_attribute_ = true;
    field("traceId", trace);
    line_ += ',';
    field("spanId", span);
    if (!parent.empty()) {
      line_ += ',';
      field("parentSpanId", parent);
    }
    line_ += ',';
    field("name", name);
    line_ += ",\"kind\":" + std::to_string(kind) + ",";
    field("startTimeUnixNano", std::to_string(start));
    line_ += ',';
    field("endTimeUnixNano", std::to_string(end));
    line_ += ",\"attributes\":[";
  }
  void text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    attribute(key);
    line_ += "\"stringValue\":";
    query::append_json_text(value, line_);
    line_ += "}}";
  }
  void number(std::string_view key, u64 value) {
    attribute(key);
    line_ += "\"intValue\":\"" + std::to_string(value) + "\"}}";
  }
  void end(bool error, std::string_view message, const std::string& link_trace = {},
           const std::string& link_span = {}) {
    line_ += "]";
    if (!link_span.empty())
      line_ += ",\"links\":[{\"traceId\":\"" + link_trace + "\",\"spanId\":\"" + link_span + "\"}]";
    line_ += ",\"status\":{";
    if (error) {
      line_ += "\"code\":2,\"message\":";
      query::append_json_text(message, line_);
    }
    line_ += "}}";
    ++spans_;
    if (line_.size() >= most_bytes_) flush();
  }

 private:
  void field(const char* key, const std::string& value) {
    ((line_ += '"') += key) += "\":";
    query::append_json_text(value, line_);
  }
  void attribute(std::string_view key) {
    ((line_ += first_attribute_ ? "{\"key\":\"" : ",{\"key\":\"") += key) += "\",\"value\":{";
    first_attribute_ = false;
  }
  std::size_t most_bytes_;
  const otlp_receiver& to_;
  std::string start_, line_;
  u64 spans_ = 0;
  bool first_ = true, first_attribute_ = true, good_ = true;
};

struct span_name {
  std::string trace, span;
};

// An operation that has begun.
struct open_operation {
  u64 id = 0;
  model::call_number number;
  u64 start = 0;
};

class tape_spans {
 public:
  tape_spans(const tape::reader& tape, std::size_t most_bytes, const otlp_receiver& to)
      : tape_(&tape), spans_(tape, most_bytes, to) {}

  bool write() {
    const tape::reader* one = tape_;
    query::call_scan scan(std::span(&one, 1), pool_, {});
    query::collected_tables collected;
    std::unique_ptr<query::tape_collector> collector;
    words_ = query::words_of(*tape_, pool_);
    while (spans_.good() && scan.next()) {
      if (!collector) collector = std::make_unique<query::tape_collector>(*tape_, scan.cells(), collected);
      collector->see(*scan.now());
      see(scan);
    }
    if (collector) collector->finish();
    for (std::size_t r = 0; r < collected.sessions.size(); ++r) write_session(collected, r);
    query::stored_table findings(query::table::findings);
    query::collect_findings(std::span(&one, 1), pool_, findings);
    for (std::size_t r = 0; r < findings.size(); ++r) write_finding(findings, r);
    return spans_.flush();
  }

 private:
  std::string trace_of(u64 session) const { return std::string(words_.id) + hex16(session); }
  // A call and a session that it opened have one id; the spans are told apart by a bit that ids do not use.
  static std::string span_of_session(u64 id) { return hex16(id | u64{1} << 63); }

  void see(query::call_scan& scan) {
    const auto& now = *scan.now();
    const auto& c = scan.call();
    const auto session = scan.cells().session_id(now);
    if (session.what == query::cell::kind::null || !c.begun()) return;
    const auto does = now.role->does;
    if (does == effect::login) return write_call(scan, session.number, {query::id_of(c), c.number, c.start_wall()});
    const auto key = std::pair(session.number, now.role->on);
    if (now.role->on == model::operation::no_operation || now.role->on == model::operation::search) {
      // Making and wrapping keys is one call.
      if (c.function != nullptr && c.function->family == "key")
        write_call(scan, session.number, {query::id_of(c), c.number, c.start_wall()});
      return;
    }
    if (does == effect::begin) {
      if (now.ok)
        open_[key] = {query::id_of(c), c.number, c.start_wall()};
      else
        write_call(scan, session.number, {query::id_of(c), c.number, c.start_wall()});
      return;
    }
    if (does != effect::single && does != effect::finish) return;
    // Asking for a length does not end the operation.
    if (now.ok && now.asks) return;
    const auto i = open_.find(key);
    write_call(scan, session.number,
               i != open_.end() ? i->second : open_operation{query::id_of(c), c.number, c.start_wall()});
    if (i != open_.end()) open_.erase(i);
  }

  void write_call(query::call_scan& scan, u64 session, const open_operation& from) {
    using col = query::calls_column;
    const auto& c = scan.call();
    const auto text = [&](col column) { return scan.at(column).text; };
    const auto function = std::string(text(col::function));
    const auto rv = std::string(text(col::rv));
    const span_name name{trace_of(session), hex16(from.id)};
    spans_.begin(name.trace, name.span, span_of_session(session), function, kind_client, from.start,
                 c.ended() ? c.leave.wall : c.start_wall());
    spans_.text("p11tape.function", function);
    spans_.text("p11tape.rv", rv);
    spans_.number("p11tape.call", c.number.value());
    spans_.text("p11tape.token", text(col::token));
    spans_.text("p11tape.serial", text(col::serial));
    spans_.text("p11tape.mechanism", text(col::mechanism));
    spans_.text("p11tape.key_label", text(col::key_label));
    spans_.text("p11tape.user", text(col::user));
    if (const auto d = scan.at(col::duration_ns); d.what == query::cell::kind::number)
      spans_.number("p11tape.duration_ns", d.number);
    spans_.end(!c.ended() || c.return_value() != 0, c.ended() ? rv : "the call did not return");
    by_number_[c.number] = name;
    by_number_[from.number] = name;
  }

  void write_session(query::collected_tables& all, std::size_t r) {
    using col = query::sessions_column;
    auto& t = all.sessions;
    const auto id = t.at(r, col::id).number;
    const auto opened = t.at(r, col::opened_ns).number, closed = t.at(r, col::closed_ns).number;
    const auto last = all.tapes.at(0, query::tapes_column::ended_ns).number;
    const auto start = opened != 0 ? opened : words_.started;
    spans_.begin(trace_of(id), span_of_session(id), {}, "session", kind_internal, start,
                 std::max(start, closed != 0 ? closed : last));
    spans_.text("p11tape.token", t.at(r, col::token).text);
    spans_.text("p11tape.serial", t.at(r, col::serial).text);
    spans_.text("p11tape.ended", t.at(r, col::ended).text);
    spans_.number("p11tape.calls", t.at(r, col::calls).number);
    spans_.end(false, {});
    if (const auto number = t.at(r, col::opened_number); number.what == query::cell::kind::number)
      by_number_.try_emplace(model::call_number(number.number), span_name{trace_of(id), span_of_session(id)});
  }

  void write_finding(query::stored_table& t, std::size_t r) {
    using col = query::findings_column;
    const auto id = t.at(r, col::id).number;
    const auto time = t.at(r, col::time_ns).number;
    const auto number = t.at(r, col::number);
    const auto link = by_number_.find(model::call_number(number.number));
    const auto start = time != 0 ? time : words_.started;
    spans_.begin(std::string(words_.id) + hex16(id), hex16(id), {}, "finding " + std::string(t.at(r, col::rule).text),
                 kind_internal, start, start);
    spans_.text("p11tape.rule", t.at(r, col::rule).text);
    spans_.text("p11tape.severity", t.at(r, col::severity).text);
    spans_.text("p11tape.headline", t.at(r, col::headline).text);
    spans_.text("p11tape.explained_by", t.at(r, col::explained_by).text);
    const bool linked = number.what == query::cell::kind::number && link != by_number_.end();
    spans_.end(t.at(r, col::severity).text == "error", t.at(r, col::headline).text,
               linked ? link->second.trace : std::string(), linked ? link->second.span : std::string());
  }

  const tape::reader* tape_;
  query::symbols pool_;
  query::tape_words words_;
  span_writer spans_;
  std::map<std::pair<u64, model::operation>, open_operation> open_;
  std::unordered_map<model::call_number, span_name> by_number_;
};

}  // namespace

bool give_otlp(const tape::reader& tape, std::size_t most_bytes, const otlp_receiver& to) {
  return tape_spans(tape, most_bytes, to).write();
}

bool write_otlp(query::tape_list tapes, std::FILE* to) {
  constexpr std::size_t most_bytes = 4u << 20;  // what collectors take in one request
  for (const auto* t : tapes) {
    // Spans are made of times; a log without any has none to give.
    if ((t->header().source_lacks & tape::lacks_start_times) != 0) continue;
    const bool good = give_otlp(*t, most_bytes, [&](const std::string& line, u64) {
      return std::fwrite(line.data(), 1, line.size(), to) == line.size();
    });
    if (!good) return false;
  }
  return std::fflush(to) == 0;
}

}  // namespace p11tape::exporting
