// SPDX-License-Identifier: Apache-2.0
// The values of a call's columns. What is asked for again and again (a token's label, a key's name) is worked out once
// and kept until the model knows more.
#pragma once

#include <optional>

#include "query/sources/tape_words.hpp"

namespace p11tape::query {

struct token_words {
  u64 version = 0;
  std::string_view label, serial, model, firmware;
};

struct key_words {
  u64 version = 0;
  std::string_view label, id, object_class, type, weakness, quantum_safe;
  u64 bits = 0;
};

class call_cells {
 public:
  /// Both must outlive the object.
  call_cells(const tape::reader& tape, symbols& pool);

  /// To be shown every call in order, if columns of origin `model` are wanted.
  void see(const model::call_context& now);

  /// `now`: nullptr if no column of origin `model` is wanted.
  cell at(calls_column column, const model::call& c, const model::call_context* now);

  const tape_words& tape() const noexcept { return words_; }
  symbols& pool() noexcept { return *pool_; }

  const token_words& token(const model::slot* s);
  const key_words& key(const model::object& o);
  cell session_id(const model::call_context& now) const;
  u64 id_of_session(const model::session& s) const;
  std::string_view return_value(const model::call& c);
  std::string_view function_name(const model::call& c) const noexcept;
  std::string_view user(const model::call& c);
  /// CKU_* as passed, `unknown` if the function takes none.
  u64 user_type(const model::call& c) const noexcept;
  std::string_view pin_anomalies(const model::call& c);
  const model::function_role& role(const model::call& c) const noexcept;

 private:
  cell text_of(std::string_view s) const noexcept { return cell::of_symbol(s); }
  cell of_key(calls_column column, const model::call_context& now);
  cell input_bytes(const model::call& c) const;
  cell output_bytes(const model::call& c) const;
  cell pin(calls_column column, const model::call& c);
  std::optional<tape::pin_facts> pin_facts(const model::call& c) const;

  symbols* pool_;
  tape_words words_;
  std::vector<model::function_role> roles_;
  std::unordered_map<model::slot_id, token_words> tokens_;
  std::unordered_map<model::object_number, key_words> keys_;
  std::unordered_map<model::call_number, u64> opened_;  // a call of C_OpenSession -> its id
  std::unordered_map<u64, std::string_view> anomalies_;
  std::string moment_, weakness_;
  const model::object* last_key_ = nullptr;
  model::object_number last_key_number_;
  const key_words* last_words_ = nullptr;
};

/// The size of a key as far as it is known, else 0.
u64 bits_of(const model::object& o);

}  // namespace p11tape::query
