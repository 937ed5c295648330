// SPDX-License-Identifier: Apache-2.0
// The tables whose rows are made while the calls go by: calls, logins, attributes, exchanges.
#pragma once

#include "card/description.hpp"
#include "model/exchanges.hpp"
#include "query/sources/call_scan.hpp"

namespace p11tape::query {

class calls_source : public row_source {
 public:
  explicit calls_source(call_scan scan) : scan_(std::move(scan)) {}
  bool next() override { return scan_.next(); }
  cell at(unsigned column) override { return scan_.at(static_cast<calls_column>(column)); }

 private:
  call_scan scan_;
};

/// True for calls that a login row is made of.
bool is_login(const model::function_role& r) noexcept;

/// A login's column; the others of calls are those of the call. `now` may be nullptr, as in call_cells::at.
cell login_cell(logins_column column, call_cells& cells, const model::call& c, const model::call_context* now);

class logins_source : public row_source {
 public:
  explicit logins_source(call_scan scan) : scan_(std::move(scan)) {}
  bool next() override;
  cell at(unsigned column) override {
    return login_cell(static_cast<logins_column>(column), scan_.cells(), scan_.call(), scan_.now());
  }

 private:
  call_scan scan_;
};

/// The attributes of one call.
class call_attributes {
 public:
  void read(const model::call& c, const model::function_role& role);
  std::size_t size() const noexcept { return found_.size(); }
  cell at(attributes_column column, std::size_t position, call_cells& cells, const model::call& c);

 private:
  struct one {
    tape::attribute_view view;
    bool out = false;
    std::string_view argument;
  };
  std::vector<one> found_;
  std::string value_;
};

class attributes_source : public row_source {
 public:
  explicit attributes_source(call_scan scan) : scan_(std::move(scan)) {}
  bool next() override;
  cell at(unsigned column) override {
    return found_.at(static_cast<attributes_column>(column), position_, scan_.cells(), scan_.call());
  }

 private:
  call_scan scan_;
  call_attributes found_;
  std::size_t position_ = 0;
};

cell exchange_cell(exchanges_column column, const card::described& e, std::size_t position, call_cells& cells,
                   const model::call& c);

class exchanges_source : public row_source {
 public:
  explicit exchanges_source(call_scan scan) : scan_(std::move(scan)) {}
  bool next() override;
  cell at(unsigned column) override {
    return exchange_cell(static_cast<exchanges_column>(column), described_, position_ - 1, scan_.cells(), scan_.call());
  }

 private:
  call_scan scan_;
  const tape::reader* tape_ = nullptr;
  std::unique_ptr<model::call_exchanges> exchanges_;
  std::unique_ptr<card::describer> describer_;
  std::span<const tape::exchange_view> found_;
  card::described described_;
  std::size_t position_ = 0;
};

}  // namespace p11tape::query
