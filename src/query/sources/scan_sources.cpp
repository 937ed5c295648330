// SPDX-License-Identifier: Apache-2.0
#include "query/sources/scan_sources.hpp"

#include "cryptoki/pkcs11.hpp"
#include "render/words.hpp"
#include "text/numbers.hpp"

namespace p11tape::query {

bool is_login(const model::function_role& r) noexcept {
  using cryptoki::effect;
  return r.does == effect::login || r.does == effect::init_pin || r.does == effect::set_pin ||
         r.does == effect::init_token;
}

namespace {

// A column that a table has from its call has the name that it has in calls.
cell cell_of_call(table t, unsigned column, call_cells& cells, const model::call& c, const model::call_context* now) {
  static const auto all = [] {
    std::vector<std::vector<calls_column>> same(tables().size());
    for (const auto& from : tables())
      for (const auto& f : from.columns)
        same[static_cast<std::size_t>(id_of(from))].push_back(
            static_cast<calls_column>(find_column(row(table::calls), f.name)));
    return same;
  }();
  const auto in_calls = all[static_cast<std::size_t>(t)][column];
  return static_cast<std::size_t>(in_calls) < row(table::calls).columns.size() ? cells.at(in_calls, c, now) : cell{};
}

// What the token last said of the PIN: SO PIN for the security officer, else user PIN.
u64 alarm_of(const model::slot* s, u64 user) noexcept {
  if (s == nullptr || !s->token) return 0;
  const auto& t = *s->token;
  const bool so = user == CKU_SO;
  if (t.has(so ? CKF_SO_PIN_LOCKED : CKF_USER_PIN_LOCKED)) return 3;
  if (t.has(so ? CKF_SO_PIN_FINAL_TRY : CKF_USER_PIN_FINAL_TRY)) return 2;
  return t.has(so ? CKF_SO_PIN_COUNT_LOW : CKF_USER_PIN_COUNT_LOW) ? 1 : 0;
}

}  // namespace

cell login_cell(logins_column column, call_cells& cells, const model::call& c, const model::call_context* now) {
  using col = logins_column;
  if (column == col::ok) return cell::of(c.ended() && c.return_value() == CKR_OK ? 1 : 0);
  if (column == col::pin_alarm) return cell::of(now != nullptr ? alarm_of(now->slot, cells.user_type(c)) : 0);
  return cell_of_call(table::logins, static_cast<unsigned>(column), cells, c, now);
}

bool logins_source::next() {
  while (scan_.next())
    if (is_login(scan_.cells().role(scan_.call()))) return true;
  return false;
}

// ---- attributes

namespace {

using tape::item_form;

void append_value(const tape::attribute_view& a, symbols& pool, std::string& out) {
  const auto* row = cryptoki::find_attribute(a.type);
  const std::string_view bytes(reinterpret_cast<const char*>(a.payload.data()), a.payload.size());
  const auto append_number = [&](u64 n) {
    if (row != nullptr && row->kind == cryptoki::form::flag) {
      out += n != 0 ? "true" : "false";
    } else if (row != nullptr && (!row->meaning.empty() || row->kind == cryptoki::form::mechanisms)) {
      out += pool.constant(row->kind == cryptoki::form::mechanisms ? "mechanism" : row->meaning, n);
    } else {
      out += std::to_string(n);
    }
  };
  switch (a.form) {
    case item_form::number:
      append_number(a.number());
      break;
    case item_form::numbers:
      for (std::size_t i = 0; i < a.payload.size() / 8; ++i) {
        if (i != 0) out += ' ';
        append_number(tape::load<u64>(a.payload, 8 * i));
      }
      break;
    case item_form::template_:
      out += "template of " + std::to_string(tape::sequence<tape::attribute_view>(a.payload).size());
      break;
    case item_form::bytes:
      if (row != nullptr && row->kind == cryptoki::form::flag && bytes.size() == 1) {
        append_number(static_cast<unsigned char>(bytes[0]));
        break;
      }
      if (row != nullptr && (row->kind == cryptoki::form::text || row->kind == cryptoki::form::date)) {
        out += safe(bytes);
        break;
      }
      [[fallthrough]];
    case item_form::sum:
      text::append_hex(a.payload, out);
      break;
    default:
      break;
  }
}

std::string_view what_is_recorded(const tape::attribute_view& a) noexcept {
  if (a.has(tape::item_unreadable)) return "unreadable";
  if (a.form == item_form::sum) return "sum";
  if (a.form == item_form::none || a.has(tape::item_withheld)) return a.has(tape::item_withheld) ? "length" : "none";
  return a.has(tape::item_cut) ? "cut" : "whole";
}

}  // namespace

void call_attributes::read(const model::call& c, const model::function_role& role) {
  found_.clear();
  if (c.function == nullptr || (role.values < 0 && role.question < 0)) return;
  const auto add = [&](const tape::item_view& item, bool out) {
    if (item.form != item_form::template_ || item.field >= c.function->arguments.size()) return;
    for (const auto& a : tape::sequence<tape::attribute_view>(item.payload))
      found_.push_back({a, out, c.function->arguments[item.field].name});
  };
  tape::item_view answer;
  const bool answered =
      role.question >= 0 && c.ended() && c.result().find(static_cast<std::size_t>(role.question), answer);
  for (const auto& item : c.arguments().items())
    if (!answered || item.field != role.question) add(item, false);
  for (const auto& item : c.result().items()) add(item, true);
}

cell call_attributes::at(attributes_column column, std::size_t position, call_cells& cells, const model::call& c) {
  using col = attributes_column;
  const auto& a = found_[position];
  switch (column) {
    case col::call_id:
      return cell::of(id_of(c));
    case col::position:
      return cell::of(position);
    case col::direction:
      return cell::of_symbol(a.out ? "out" : "in");
    case col::argument:
      return cell::of_symbol(a.argument);
    case col::object: {
      const auto& r = cells.role(c);
      return cell::when(r.object >= 0 && c.begun(),
                        r.object >= 0 ? c.arguments().word(static_cast<std::size_t>(r.object)) : 0);
    }
    case col::attribute:
      return cell::of_symbol(cells.pool().constant("attribute", a.view.type));
    case col::attribute_code:
      return cell::of(a.view.type);
    case col::length: {
      const u64 unavailable = c.tape->word_size() == 4 ? 0xffffffffu : ~u64{0};
      return cell::when(a.view.length != unavailable, a.view.length);
    }
    case col::recorded:
      return cell::of_symbol(what_is_recorded(a.view));
    case col::value:
      value_.clear();
      append_value(a.view, cells.pool(), value_);
      return cell::of_text(value_);
    default:
      return cell_of_call(table::attributes, static_cast<unsigned>(column), cells, c, nullptr);
  }
}

bool attributes_source::next() {
  if (++position_ < found_.size()) return true;
  while (scan_.next()) {
    found_.read(scan_.call(), scan_.cells().role(scan_.call()));
    position_ = 0;
    if (found_.size() != 0) return true;
  }
  return false;
}

// ---- exchanges

cell exchange_cell(exchanges_column column, const card::described& e, std::size_t position, call_cells& cells,
                   const model::call& c) {
  using col = exchanges_column;
  const auto& raw = e.raw;
  auto& pool = cells.pool();
  switch (column) {
    case col::call_id:
      return cell::of(id_of(c));
    case col::position:
      return cell::of(position);
    case col::time_ns: {
      // The exchange has times of the monotonic clock; the call has both.
      const auto since = raw.began > c.start() ? raw.began - c.start() : 0;
      return cell::of(c.start_wall() + since);
    }
    case col::duration_ns:
      return cell::of(raw.duration());
    case col::command: {
      std::string words(e.command.empty() ? e.function : e.command);
      if (!e.target.empty()) words += " " + e.target;
      return cell::of_symbol(pool.keep_safe(words));
    }
    case col::header: {
      if (!raw.has(tape::exchange_command)) return cell::of_symbol({});
      const std::byte bytes[] = {std::byte{raw.cla}, std::byte{raw.ins}, std::byte{raw.p1}, std::byte{raw.p2}};
      std::string hex;
      text::append_hex(bytes, hex);
      return cell::of_symbol(pool.keep(hex));
    }
    case col::status:
      return cell::of_symbol(raw.has(tape::exchange_has_status) || raw.has(tape::exchange_inner_status)
                                 ? pool.keep(card::status_hex(raw.status()))
                                 : std::string_view());
    case col::meaning:
      return cell::of_symbol(pool.keep_safe(e.status));
    case col::result:
      return cell::of(raw.result);
    case col::trouble:
      return cell::of(e.is_trouble() ? 1 : 0);
    case col::sent_bytes:
      return cell::when(!raw.has(tape::exchange_length_withheld), raw.length);
    case col::received_bytes:
      return cell::of(raw.received);
    default:
      return cell_of_call(table::exchanges, static_cast<unsigned>(column), cells, c, nullptr);
  }
}

bool exchanges_source::next() {
  for (;;) {
    if (position_ < found_.size()) {
      described_ = describer_->tell(found_[position_++]);
      return true;
    }
    if (!scan_.next()) return false;
    if (&scan_.tape() != tape_) {
      tape_ = &scan_.tape();
      exchanges_ = std::make_unique<model::call_exchanges>(std::span(&tape_, 1));
      describer_ = std::make_unique<card::describer>();
    }
    found_ = exchanges_->none() ? std::span<const tape::exchange_view>() : exchanges_->of(scan_.call());
    position_ = 0;
  }
}

}  // namespace p11tape::query
