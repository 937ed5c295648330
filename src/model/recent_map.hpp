// SPDX-License-Identifier: Apache-2.0
// A hash map that remembers what was looked up last. Most calls are of the session, the key and the thread of the call before,
// and the division that it takes to find a bucket would be a good part of what a call costs to analyse.
#pragma once

#include <cstddef>
#include <unordered_map>
#include <utility>

namespace p11tape::model {

/// Elements stay where they are until they are erased.
template <class Key, class Value>
class recent_map {
  using map = std::unordered_map<Key, Value>;

 public:
  using iterator = typename map::iterator;

  recent_map() = default;
  recent_map(const recent_map& other) : map_(other.map_) {}
  recent_map(recent_map&& other) noexcept : map_(std::move(other.map_)) { other.clear(); }
  recent_map& operator=(const recent_map& other) {
    if (this == &other) return *this;
    last_ = nullptr;
    map_ = other.map_;
    return *this;
  }
  recent_map& operator=(recent_map&& other) noexcept {
    if (this == &other) return *this;
    last_ = nullptr;
    map_ = std::move(other.map_);
    other.clear();
    return *this;
  }
  ~recent_map() = default;

  /// The value of a key; nullptr where there is none.
  Value* look_up(const Key& key) { return const_cast<Value*>(std::as_const(*this).look_up(key)); }
  const Value* look_up(const Key& key) const {
    if (last_ != nullptr && last_->first == key) return &last_->second;
    const auto found = map_.find(key);
    if (found == map_.end()) return nullptr;
    last_ = &*found;
    return &found->second;
  }

  /// The value of a key, made where there is none.
  Value& operator[](const Key& key) {
    if (auto* const known = look_up(key)) return *known;
    const auto made = map_.try_emplace(key).first;
    last_ = &*made;
    return made->second;
  }

  bool contains(const Key& key) const { return look_up(key) != nullptr; }
  std::size_t size() const noexcept { return map_.size(); }
  bool empty() const noexcept { return map_.empty(); }
  auto begin() noexcept { return map_.begin(); }
  auto end() noexcept { return map_.end(); }
  auto begin() const noexcept { return map_.begin(); }
  auto end() const noexcept { return map_.end(); }
  iterator find(const Key& key) { return map_.find(key); }

  iterator erase(iterator at) {
    last_ = nullptr;
    return map_.erase(at);
  }
  std::size_t erase(const Key& key) {
    last_ = nullptr;
    return map_.erase(key);
  }
  template <class Predicate>
  std::size_t erase_if(Predicate is_unwanted) {
    last_ = nullptr;
    return std::erase_if(map_, is_unwanted);
  }
  void clear() noexcept {
    last_ = nullptr;
    map_.clear();
  }

 private:
  map map_;
  mutable const typename map::value_type* last_ = nullptr;
};

}  // namespace p11tape::model
