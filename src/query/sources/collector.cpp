// SPDX-License-Identifier: Apache-2.0
#include "query/sources/collector.hpp"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>

#include "cryptoki/pkcs11.hpp"
#include "decode/decode.hpp"
#include "model/extract.hpp"
#include "render/words.hpp"
#include "view/completeness.hpp"

namespace p11tape::query {
namespace {

using cryptoki::effect;
using model::object_handle;
using model::session_handle;

constexpr std::size_t most_objects = 65536;  // of one tape

// "2031-12-31T23:59:59Z"
u64 ns_of(const std::string& time) {
  std::tm t{};
  if (std::sscanf(time.c_str(), "%d-%d-%dT%d:%d:%d", &t.tm_year, &t.tm_mon, &t.tm_mday, &t.tm_hour, &t.tm_min,
                  &t.tm_sec) != 6)
    return 0;
  t.tm_year -= 1900;
  t.tm_mon -= 1;
  const auto seconds = ::timegm(&t);
  // Year 2500 and later do not fit; 9999 means that there is no end.
  return seconds < 0 || seconds > 16725225600 ? 0 : static_cast<u64>(seconds) * 1000000000;
}

u64 bit(const model::object& o, model::object_bits which) noexcept { return (o.set & which) != 0 ? 1 : 0; }

}  // namespace

tape_collector::tape_collector(const tape::reader& tape, call_cells& cells, collected_tables& into)
    : tape_(&tape),
      cells_(&cells),
      pool_(&cells.pool()),
      into_(&into),
      first_session_row_(into.sessions.size()),
      first_object_row_(into.objects.size()) {}

void tape_collector::see(const model::call_context& now) {
  library_ = now.process;
  see_tape(now);
  see_session(now);
  see_objects(now);
}

void tape_collector::see_tape(const model::call_context& now) {
  const auto& c = *now.call;
  ++calls_;
  errors_ += now.ended && !now.ok;
  unfinished_ += !now.ended;
  if (first_start_ == 0) first_start_ = c.start();
  last_end_ = std::max(last_end_, c.ended() ? c.leave.wall : c.start_wall());
  if (now.role->does == effect::initialize && !initialized_ && c.state == tape::call_state::returned) {
    initialized_ = true;
    initialize_ = c.duration();
  }
  if (now.role->does != effect::login) return;
  ++logins_;
  failed_logins_ += now.ended && !now.ok;
  if (now.ok && !logged_in_) {
    logged_in_ = true;
    login_after_ = c.leave.time > first_start_ ? c.leave.time - first_start_ : 0;
  }
}

// ---- sessions

tape_collector::open_session& tape_collector::open(const model::call_context& now, session_handle handle,
                                                   bool opened_now) {
  using col = sessions_column;
  const auto& c = *now.call;
  auto& s = open_[handle];
  s = {};
  auto& t = into_->sessions;
  s.row = t.add();
  s.slot = now.slot_id;
  const auto& words = cells_->tape();
  const auto& token = cells_->token(now.slot);
  t.at(s.row, col::tape) = cell::of_symbol(words.id);
  t.at(s.row, col::id) = cell::of(opened_now ? id_of(c) : id_of_old_session(handle));
  t.at(s.row, col::host) = cell::of_symbol(words.host);
  t.at(s.row, col::program) = cell::of_symbol(words.program);
  t.at(s.row, col::pid) = cell::of(words.pid);
  t.at(s.row, col::thread) = cell::of(c.thread.number.value());
  t.at(s.row, col::handle) = cell::of(handle.value());
  t.at(s.row, col::slot) = known(now.slot_id);
  t.at(s.row, col::token) = cell::of_symbol(token.label);
  t.at(s.row, col::serial) = cell::of_symbol(token.serial);
  t.at(s.row, col::token_model) = cell::of_symbol(token.model);
  t.at(s.row, col::firmware) = cell::of_symbol(token.firmware);
  t.at(s.row, col::most_open) = cell::of(open_.size());
  t.at(s.row, col::started_ns) = cell::of(words.started);
  most_open_ = std::max<u64>(most_open_, open_.size());
  if (opened_now) {
    ++sessions_;
    t.at(s.row, col::read_write) = cell::of((now.word(now.role->flags) & CKF_RW_SESSION) != 0 ? 1 : 0);
    t.at(s.row, col::opened_number) = cell::of(c.number.value());
    std::string moment;
    append_moment(c.start_wall(), moment);
    t.at(s.row, col::opened) = cell::of_symbol(pool_->keep(moment));
    t.at(s.row, col::opened_ns) = cell::of(c.start_wall());
  }
  return s;
}

void tape_collector::close(session_handle handle, u64 wall, std::string_view how) {
  const auto i = open_.find(handle);
  if (i == open_.end()) return;
  using col = sessions_column;
  auto& t = into_->sessions;
  t.at(i->second.row, col::closed_ns) = cell::of(wall);
  t.at(i->second.row, col::ended) = cell::of_symbol(how);
  t.at(i->second.row, col::calls) = cell::of(i->second.calls);
  t.at(i->second.row, col::errors) = cell::of(i->second.errors);
  open_.erase(i);
}

void tape_collector::see_session(const model::call_context& now) {
  const auto& c = *now.call;
  const auto close_if = [&](auto wanted, std::string_view how) {
    std::vector<session_handle> handles;
    for (const auto& [handle, s] : open_)
      if (wanted(s)) handles.push_back(handle);
    for (const auto h : handles) close(h, c.leave.wall, how);
  };
  if (now.session_handle != model::none) {
    auto i = open_.find(now.session_handle);
    if (i == open_.end() && now.ok && now.session != nullptr) {
      open(now, now.session_handle, false);
      i = open_.find(now.session_handle);
    }
    if (i != open_.end()) {
      ++i->second.calls;
      i->second.errors += now.ended && !now.ok;
    }
  }
  if (!now.ok) return;
  switch (now.role->does) {
    case effect::open_session:
      if (const auto handles = model::output_numbers(c, now.role->result); handles.size() == 1) {
        const session_handle opened(handles[0]);
        close(opened, c.leave.wall, "replaced");
        open(now, opened, true);
      }
      break;
    case effect::close_session:
      close(now.session_handle, c.leave.wall, "close");
      break;
    case effect::close_all_sessions:
      close_if([&](const open_session& s) { return s.slot == now.slot_id; }, "close_all");
      break;
    case effect::finalize:
      close_if([](const open_session&) { return true; }, "finalize");
      break;
    default:
      break;
  }
}

// ---- objects

tape_collector::certificate_words tape_collector::certificate_in(tape::byte_view payload) {
  const tape::attribute_view* value = nullptr;
  tape::attribute_view found;
  for (const auto& a : tape::sequence<tape::attribute_view>(payload))
    if (a.type == CKA_VALUE && a.form == tape::item_form::bytes && a.flags == 0 && a.payload.size() > 64) {
      found = a;
      value = &found;
    }
  if (value == nullptr) return {};
  const std::string_view bytes(reinterpret_cast<const char*>(value->payload.data()), value->payload.size());
  const auto [i, is_new] = certificates_.try_emplace(hash_of(bytes));
  if (is_new) {
    const auto meaning = decode::certificate(render::as_decode(value->payload));
    for (const auto& f : meaning.facts) {
      if (f.name == "subject") i->second.subject = pool_->keep_safe(f.text);
      if (f.name != "not_after") continue;
      i->second.not_after = pool_->keep_safe(f.text);
      i->second.not_after_ns = ns_of(f.text);
    }
  }
  return i->second;
}

void tape_collector::set_certificate(seen_object& o, const certificate_words& c) {
  if (c.not_after.empty()) return;
  using col = objects_column;
  into_->objects.at(o.row, col::subject) = cell::of_symbol(c.subject);
  into_->objects.at(o.row, col::not_after) = cell::of_symbol(c.not_after);
  into_->objects.at(o.row, col::not_after_ns) = cell::when(c.not_after_ns != 0, c.not_after_ns);
}

tape_collector::seen_object* tape_collector::touch(const model::recorded_process& in, const model::object& o, u64 wall,
                                                   bool uses) {
  using col = objects_column;
  const auto id = id_of_object(o.slot, o.handle);
  auto i = objects_.find(id);
  auto& t = into_->objects;
  if (i == objects_.end()) {
    if (objects_.size() >= most_objects) return nullptr;
    i = objects_.emplace(id, seen_object{}).first;
    i->second.row = t.add();
    const auto row = i->second.row;
    const auto& words = cells_->tape();
    const auto& token = cells_->token(in.find_slot(o.slot));
    t.at(row, col::tape) = cell::of_symbol(words.id);
    t.at(row, col::id) = cell::of(id);
    t.at(row, col::host) = cell::of_symbol(words.host);
    t.at(row, col::program) = cell::of_symbol(words.program);
    t.at(row, col::handle) = cell::of(o.handle.value());
    t.at(row, col::slot) = known(o.slot);
    t.at(row, col::token) = cell::of_symbol(token.label);
    t.at(row, col::serial) = cell::of_symbol(token.serial);
    t.at(row, col::first_seen_ns) = cell::of(wall);
    t.at(row, col::started_ns) = cell::of(words.started);
  }
  auto& seen = i->second;
  seen.last_seen = wall;
  seen.uses += uses;
  const auto& k = cells_->key(o);
  const auto version = k.version ^ u64 { o.said } << 8 ^ u64 { o.set } << 32 ^ (o.created ? u64{1} << 63 : 0);
  if (seen.version == version) return &seen;
  seen.version = version;
  const auto row = seen.row;
  t.at(row, col::object_class) = cell::of_symbol(k.object_class);
  t.at(row, col::label) = cell::of_symbol(k.label);
  t.at(row, col::key_id) = cell::of_symbol(k.id);
  t.at(row, col::key_type) = cell::of_symbol(k.type);
  t.at(row, col::key_bits) = cell::when(k.bits != 0, k.bits);
  t.at(row, col::weakness) = cell::of_symbol(k.weakness);
  t.at(row, col::quantum_safe) = cell::of_symbol(k.quantum_safe);
  t.at(row, col::on_token) = cell::when((o.said & model::bit_token) != 0, bit(o, model::bit_token));
  t.at(row, col::is_private) = cell::when((o.said & model::bit_private) != 0, bit(o, model::bit_private));
  t.at(row, col::is_sensitive) = cell::when((o.said & model::bit_sensitive) != 0, bit(o, model::bit_sensitive));
  t.at(row, col::is_extractable) = cell::when((o.said & model::bit_extractable) != 0, bit(o, model::bit_extractable));
  t.at(row, col::created) = cell::of(o.created ? 1 : 0);
  return &seen;
}

void tape_collector::settle(const model::recorded_process& in) {
  for (const auto& p : pending_)
    if (const auto* o = in.find_object(p.slot, p.handle))
      if (auto* seen = touch(in, *o, p.wall, false)) set_certificate(*seen, {p.subject, p.not_after, p.not_after_ns});
  pending_.clear();
}

void tape_collector::see_objects(const model::call_context& now) {
  const auto& c = *now.call;
  const auto& in = *now.process;
  if (!pending_.empty()) settle(in);
  const auto does = now.role->does;
  const bool on_key = now.role->on != model::operation::no_operation && now.role->on != model::operation::search;
  seen_object* seen = nullptr;
  if (now.object_handle != model::none && now.object_handle.value() != CK_INVALID_HANDLE) {
    // What this very call tells of the object counts at once, so it is looked up again.
    if (const auto* o = in.find_object(now.slot_id, now.object_handle)) seen = touch(in, *o, c.start_wall(), on_key);
  } else if (now.key != nullptr) {
    seen = touch(in, *now.key, c.start_wall(), on_key);
  }
  if (!now.ended) return;
  if (does == effect::describe_object && seen != nullptr && now.role->question >= 0) {
    tape::item_view answer;
    if (c.result().find(static_cast<std::size_t>(now.role->question), answer) &&
        answer.form == tape::item_form::template_)
      set_certificate(*seen, certificate_in(answer.payload));
  }
  if (!now.ok || now.role->result < 0 || does == effect::open_session || does == effect::describe_token) return;
  certificate_words cert;
  if (does == effect::create_object) cert = certificate_in(model::template_of(c, now.role->values));
  for (const auto argument : {now.role->result, now.role->more_result}) {
    if (argument < 0) continue;
    const auto handles = model::output_numbers(c, argument);
    for (std::size_t i = 0; i < handles.size(); ++i)
      pending_.push_back(
          {now.slot_id, object_handle(handles[i]), c.start_wall(), cert.subject, cert.not_after, cert.not_after_ns});
  }
}

// ---- the end

void tape_collector::finish() {
  if (library_ != nullptr) settle(*library_);
  const auto still_open = open_.size();
  for (const auto& [handle, s] : open_) {
    into_->sessions.at(s.row, sessions_column::calls) = cell::of(s.calls);
    into_->sessions.at(s.row, sessions_column::errors) = cell::of(s.errors);
  }
  for (auto r = first_session_row_; r < into_->sessions.size(); ++r)
    into_->sessions.at(r, sessions_column::revision) = cell::of(calls_);
  for (const auto& [id, o] : objects_) {
    into_->objects.at(o.row, objects_column::last_seen_ns) = cell::of(o.last_seen);
    into_->objects.at(o.row, objects_column::uses) = cell::of(o.uses);
    into_->objects.at(o.row, objects_column::revision) = cell::of(calls_);
  }

  using col = tapes_column;
  using tape::counter;
  auto& t = into_->tapes;
  const auto row = t.add();
  const auto& words = cells_->tape();
  const auto text = [&](col column, std::string_view value) {
    t.at(row, column) = cell::of_symbol(pool_->keep_safe(value));
  };
  const auto number = [&](col column, u64 n) { t.at(row, column) = cell::of(n); };
  text(col::tape, words.id);
  text(col::file, std::filesystem::path(tape_->path()).filename().string());
  text(col::host, words.host);
  text(col::program, words.program);
  number(col::pid, words.pid);
  if (const auto uid = tape_->property("uid"); !uid.empty())
    number(col::uid, std::strtoull(std::string(uid).c_str(), nullptr, 10));
  const auto resolved = tape_->property("module.path");
  text(col::module, resolved.empty() ? tape_->property("module") : resolved);
  text(col::module_build, tape_->property("module.build_id"));
  text(col::recorder, tape_->property("version"));
  text(col::profile, view::profile_of(*tape_));
  number(col::filtered, (tape_->header().features & tape::feature_filtered) != 0 ? 1 : 0);
  std::string moment;
  append_moment(words.started, moment);
  text(col::started, moment);
  number(col::started_ns, words.started);
  number(col::ended_ns, last_end_);
  number(col::calls, calls_);
  number(col::errors, errors_);
  number(col::unfinished, unfinished_);
  u64 lost = 0;
  for (const auto which : {counter::no_space, counter::interrupted, counter::orphan_results})
    lost += tape_->counter(which);
  number(col::lost, lost);
  number(col::damaged, tape_->damage().any() ? 1 : 0);
  number(col::logins, logins_);
  number(col::failed_logins, failed_logins_);
  number(col::sessions, sessions_);
  number(col::open_sessions, still_open);
  number(col::most_open_sessions, most_open_);
  if (initialized_) number(col::initialize_ns, initialize_);
  if (logged_in_) number(col::login_after_ns, login_after_);
  number(col::revision, calls_);
}

}  // namespace p11tape::query
