// SPDX-License-Identifier: Apache-2.0
#include "profile/formats/stacks.hpp"

#include <algorithm>

#include "diagnose/pkcs11_phrases.hpp"

namespace p11tape::profile {
namespace {

// A semicolon would begin another frame, and a line break another line.
std::string frame_of(std::string_view text) {
  auto out = label::printable(text);
  std::replace(out.begin(), out.end(), ';', ',');
  return out;
}

}  // namespace

void stacks::see(const call_context& now) {
  const auto& c = *now.call;
  if (now.role->does == cryptoki::effect::wait) return;
  auto& open = open_[c.thread.number];
  while (!open.empty() && open.back().depth >= c.depth) open.pop_back();
  const auto parent = open.empty() ? 0 : open.back().node;
  const key k{parent, c.thread.id, now.which, now.mechanism};
  auto at = index_.find(k);
  if (at == index_.end()) {
    if (nodes_.size() == most) return;
    nodes_.push_back({parent, c.thread.id, now.which, now.mechanism, 0, 0});
    at = index_.emplace(k, nodes_.size() - 1).first;
  }
  nodes_[at->second].time += now.duration;
  if (parent != 0) nodes_[parent].inside += now.duration;
  open.push_back({c.depth, at->second});
}

void stacks::append(std::string_view program, std::string& out) const {
  std::vector<std::string> lines;
  for (std::size_t i = 1; i < nodes_.size(); ++i) {
    const auto& leaf = nodes_[i];
    const auto own = leaf.time > leaf.inside ? leaf.time - leaf.inside : 0;
    if (own < 500) continue;
    std::string line;
    for (auto n = i; n != 0; n = nodes_[n].parent) {
      auto frame = frame_of(diagnose::name_of(nodes_[n].which));
      if (nodes_[n].mechanism != unknown) frame += ";" + frame_of(diagnose::mechanism(nodes_[n].mechanism));
      line = ";" + frame + line;
    }
    lines.push_back(frame_of(program) + ";thread " + std::to_string(leaf.thread) + line + " " +
                    std::to_string((own + 500) / 1000) + "\n");
  }
  std::sort(lines.begin(), lines.end());
  for (const auto& l : lines) out += l;
}

}  // namespace p11tape::profile
