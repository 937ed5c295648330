// SPDX-License-Identifier: Apache-2.0
#include "query/sources/call_cells.hpp"

#include "cryptoki/pkcs11.hpp"
#include "decode/decode.hpp"
#include "render/words.hpp"
#include "text/numbers.hpp"
#include "text/safe.hpp"

namespace p11tape::query {
namespace {

using model::unknown;

std::string_view unpadded(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\0')) text.remove_suffix(1);
  return text;
}

text::bytes bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// "P-256", "secp384r1", "Ed25519": the digits are the size.
u64 bits_of_curve(const std::string& der) {
  const auto curve = decode::curve(bytes_of(der));
  if (!curve) return 0;
  const auto& name = curve.facts.empty() ? curve.text : curve.facts.back().text;
  if (name.find("25519") != std::string::npos) return 255;
  for (std::size_t i = 0; i + 2 < name.size(); ++i) {
    u64 n = 0;
    auto j = i;
    for (; j < name.size() && name[j] >= '0' && name[j] <= '9'; ++j) n = 10 * n + static_cast<u64>(name[j] - '0');
    if (j - i == 3) return n;
    if (j > i) i = j;
  }
  return 0;
}

// Changes when more is known of the object.
u64 version_of(const model::object& o) noexcept {
  return 1 + (o.label ? 2u : 0u) + (o.id ? 4u : 0u) + (o.ec_params.empty() ? 0u : 8u) + 16 * u64{o.bits} +
         (u64{o.value_length} << 36 ^ o.object_class << 32 ^ o.key_type << 40);
}

}  // namespace

u64 bits_of(const model::object& o) {
  if (!o.ec_params.empty()) return bits_of_curve(o.ec_params);
  if (o.bits != 0) return o.bits;
  return o.object_class == CKO_SECRET_KEY ? 8 * u64{o.value_length} : 0;
}

call_cells::call_cells(const tape::reader& tape, symbols& pool)
    : pool_(&pool), words_(words_of(tape, pool)), roles_(model::roles_of(tape.rows())) {}

void call_cells::see(const model::call_context& now) {
  if (now.role->does == cryptoki::effect::open_session) opened_.emplace(now.call->number, id_of(*now.call));
}

const model::function_role& call_cells::role(const model::call& c) const noexcept {
  static const model::function_role nameless;
  return c.function_number < roles_.size() ? roles_[c.function_number] : nameless;
}

const token_words& call_cells::token(const model::slot* s) {
  static const token_words nothing;
  if (s == nullptr || !s->token) return nothing;
  auto& w = tokens_[s->id];
  const auto& t = *s->token;
  if (const auto version = t.seen_in.value() + 1; w.version != version) {
    w.version = version;
    w.label = pool_->keep_safe(unpadded(t.label));
    w.serial = pool_->keep_safe(unpadded(t.serial));
    w.model = pool_->keep_safe(unpadded(t.model));
    w.firmware = t.firmware == unknown
                     ? std::string_view()
                     : pool_->keep(std::to_string(t.firmware >> 8) + "." + std::to_string(t.firmware & 255));
  }
  return w;
}

const key_words& call_cells::key(const model::object& o) {
  if (last_key_ == &o && last_key_number_ == o.number && last_words_->version == version_of(o)) return *last_words_;
  auto& w = keys_[o.number];
  if (const auto version = version_of(o); w.version != version) {
    w.version = version;
    w.label = o.label ? pool_->keep_safe(*o.label) : std::string_view();
    w.id = o.id ? pool_->keep(text::hex(bytes_of(*o.id))) : std::string_view();
    w.object_class = pool_->constant("object_class", o.object_class);
    w.type = pool_->constant("key_type", o.key_type);
    w.bits = bits_of(o);
    w.weakness = pool_->keep(weakness_of_key(w.type, w.bits));
    w.quantum_safe = quantum_safety_of_key(w.type);
  }
  last_key_ = &o;
  last_key_number_ = o.number;
  last_words_ = &w;
  return w;
}

u64 call_cells::id_of_session(const model::session& s) const {
  const auto i = opened_.find(s.opened_in);
  return i != opened_.end() ? i->second : id_of_old_session(s.handle);
}

cell call_cells::session_id(const model::call_context& now) const {
  return now.session == nullptr ? cell{} : cell::of(id_of_session(*now.session));
}

std::string_view call_cells::return_value(const model::call& c) {
  return c.ended() ? pool_->return_value(c.return_value()) : std::string_view();
}

std::string_view call_cells::function_name(const model::call& c) const noexcept {
  return c.function != nullptr ? c.function->name : std::string_view();
}

u64 call_cells::user_type(const model::call& c) const noexcept {
  const auto& r = role(c);
  return r.user < 0 || !c.begun() ? unknown : c.word(static_cast<std::size_t>(r.user));
}

std::string_view call_cells::user(const model::call& c) { return pool_->constant("user_type", user_type(c)); }

std::optional<tape::pin_facts> call_cells::pin_facts(const model::call& c) const {
  tape::item_view item;
  tape::pin_facts facts{};
  const auto& r = role(c);
  const bool has_pin =
      r.pin >= 0 && c.arguments().find(static_cast<std::size_t>(r.pin), item) && item.form == tape::item_form::pin;
  return has_pin && tape::parse_pin(item.payload, facts) ? std::optional(facts) : std::nullopt;
}

std::string_view call_cells::pin_anomalies(const model::call& c) {
  const auto facts = pin_facts(c);
  if (!facts || facts->anomalies == 0) return {};
  const auto [i, is_new] = anomalies_.try_emplace(facts->anomalies);
  if (is_new) {
    constexpr const char* names[] = {"blank", "newline", "NUL", "quote", "semicolon", "non-ASCII", "protected"};
    std::string all;
    for (std::size_t b = 0; b < std::size(names); ++b)
      if ((facts->anomalies >> b & 1) != 0) (all += all.empty() ? "" : " ") += names[b];
    i->second = pool_->keep(all);
  }
  return i->second;
}

cell call_cells::pin(calls_column column, const model::call& c) {
  const auto& r = role(c);
  if (r.pin < 0 || !c.begun()) return column == calls_column::pin_anomalies ? cell::of_symbol({}) : cell{};
  switch (column) {
    case calls_column::pin_given:
      return cell::of(c.arguments().given(static_cast<std::size_t>(r.pin)) ? 1 : 0);
    case calls_column::pin_length:
      if (const auto facts = pin_facts(c)) return cell::of(facts->length);
      return {};
    case calls_column::pin_number:
      if (const auto facts = pin_facts(c); facts && facts->number != 0) return cell::of(facts->number);
      return {};
    default:
      return cell::of_symbol(pin_anomalies(c));
  }
}

cell call_cells::input_bytes(const model::call& c) const {
  const auto& r = role(c);
  if (r.input < 0 || r.input_length < 0 || !c.begun()) return {};
  const auto arguments = c.arguments();
  const auto pointer = arguments.word(static_cast<std::size_t>(r.input));
  if ((pointer & tape::pointer_length_withheld) != 0) return {};
  return cell::when(arguments.has_word(static_cast<std::size_t>(r.input_length)),
                    arguments.word(static_cast<std::size_t>(r.input_length)));
}

cell call_cells::output_bytes(const model::call& c) const {
  const auto& r = role(c);
  if (r.output < 0 || r.output_length < 0 || c.function == nullptr) return {};
  const auto length = static_cast<std::size_t>(r.output_length);
  if (c.begun() && (c.arguments().word(static_cast<std::size_t>(r.output)) & tape::pointer_length_withheld) != 0)
    return {};
  if (c.function->arguments[length].kind == cryptoki::shape::number)
    return cell::when(c.begun() && c.arguments().has_word(length), c.arguments().word(length));
  tape::item_view item;
  return cell::when(c.ended() && c.result().find(length, item) && item.form == tape::item_form::number, item.number());
}

cell call_cells::of_key(calls_column column, const model::call_context& now) {
  if (column == calls_column::object)
    return known(now.object_handle == model::none && now.key != nullptr ? now.key->handle : now.object_handle);
  if (column == calls_column::object_id) {
    const auto handle = now.key != nullptr ? now.key->handle : now.object_handle;
    return handle == model::none ? cell{} : cell::of(id_of_object(now.slot_id, handle));
  }
  static const key_words nothing;
  const auto& k = now.key != nullptr ? key(*now.key) : nothing;
  switch (column) {
    case calls_column::key_label:
      return text_of(k.label);
    case calls_column::key_id:
      return text_of(k.id);
    case calls_column::object_class:
      return text_of(k.object_class);
    case calls_column::key_type:
      return text_of(k.type);
    case calls_column::key_bits:
      return cell::when(k.bits != 0, k.bits);
    case calls_column::weakness: {
      const auto& m = pool_->mechanism(now.mechanism);
      if (k.weakness.empty() || now.mechanism == unknown) return text_of(m.weakness);
      if (m.weakness.empty()) return text_of(k.weakness);
      ((weakness_ = m.weakness) += ", ") += k.weakness;
      return text_of(pool_->keep(weakness_));
    }
    default:  // quantum_safe
      return text_of(now.mechanism == unknown ? std::string_view() : pool_->mechanism(now.mechanism).quantum_safe);
  }
}

cell call_cells::at(calls_column column, const model::call& c, const model::call_context* now) {
  using col = calls_column;
  switch (column) {
    case col::tape:
      return text_of(words_.id);
    case col::id:
      return cell::of(id_of(c));
    case col::number:
      return cell::of(c.number.value());
    case col::host:
      return text_of(words_.host);
    case col::program:
      return text_of(words_.program);
    case col::pid:
      return cell::of(words_.pid);
    case col::thread:
      return cell::of(c.thread.number.value());
    case col::time:
      moment_.clear();
      append_moment(c.shown_start_wall(), moment_);
      return cell::of_text(moment_);
    case col::time_ns:
      return cell::of(c.shown_start_wall());
    case col::function:
      return text_of(function_name(c));
    case col::family:
      return text_of(c.function != nullptr ? c.function->family : std::string_view());
    case col::state:
      return text_of(render::state_word(c.state));
    case col::rv:
      return text_of(return_value(c));
    case col::rv_code:
      return c.ended() ? cell::of(c.return_value()) : cell{};
    case col::duration_ns:
      return c.has_duration() ? cell::of(c.duration()) : cell{};
    case col::depth:
      return cell::of(c.depth);
    case col::outer:
      return known(c.outer);
    case col::input_bytes:
      return input_bytes(c);
    case col::output_bytes:
      return output_bytes(c);
    case col::user:
      return text_of(user(c));
    case col::pin_given:
    case col::pin_length:
    case col::pin_number:
    case col::pin_anomalies:
      return pin(column, c);
    case col::started_ns:
      return cell::of(words_.started);
    default:
      break;
  }
  if (now == nullptr) return {};
  switch (column) {
    case col::slot:
      return known(now->slot_id);
    case col::token:
      return text_of(token(now->slot).label);
    case col::serial:
      return text_of(token(now->slot).serial);
    case col::token_model:
      return text_of(token(now->slot).model);
    case col::firmware:
      return text_of(token(now->slot).firmware);
    case col::session:
      return known(now->session_handle);
    case col::session_id:
      return session_id(*now);
    case col::mechanism:
      return text_of(pool_->mechanism(now->mechanism).name);
    default:
      return of_key(column, *now);
  }
}

}  // namespace p11tape::query
