// SPDX-License-Identifier: Apache-2.0
// A child's tape names its parent's: by the path that it had at the fork, or has now.
#include "model/fork_parent.hpp"

#include <catch2/catch.hpp>

#include "diagnose/synthetic.hpp"

using namespace p11tape;
using namespace p11tape::test;

TEST_CASE("the tape of a parent is found among those that are read") {
  tape_story parent, moved, stranger;
  parent.initialize();
  moved.property("tape", "/var/tmp/moved.p11tape").initialize();
  stranger.property("tape", "/var/tmp/stranger.p11tape").initialize();
  const tape::reader p(parent.write()), m(moved.write()), s(stranger.write());
  const auto index_for = [&](const std::string& from) {
    tape_story child;
    if (!from.empty()) child.property("forked_from", from);
    child.initialize();
    const tape::reader c(child.write());
    CHECK(model::is_forked(c) == !from.empty());
    const tape::reader* all[] = {&s, &c, &m, &p};
    return model::fork_parent(all, 1);
  };
  CHECK(index_for(p.path()) == 3);
  CHECK(index_for("/var/tmp/moved.p11tape") == 2);
  CHECK_FALSE(index_for("/var/tmp/gone.p11tape"));
  CHECK_FALSE(index_for(""));
}
