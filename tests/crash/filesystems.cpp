// SPDX-License-Identifier: Apache-2.0
// Tapes on file systems where they are not mapped, but written: Btrfs and one in user space, each in an image of its own.
#include <sys/wait.h>

#include <cstdlib>

#include "../contract/private_mounts.hpp"
#include "numbered.hpp"

using namespace p11tape;
using namespace p11tape::contract;
using namespace p11tape::crash;

namespace {

struct file_system {
  const char* name;
  const char* tool;  ///< that makes it
  const char* make;  ///< commands that put it onto "$1", with the image "$2"
  const char* undo;
};

constexpr file_system file_systems[] = {
    {"btrfs", "mkfs.btrfs", "truncate -s 128M \"$2\" && mkfs.btrfs -q \"$2\" && mount -o loop \"$2\" \"$1\"",
     "umount \"$1\""},
    {"FUSE", "fuse2fs", "truncate -s 16M \"$2\" && mke2fs -q -t ext4 \"$2\" && fuse2fs \"$2\" \"$1\" -o rw",
     "umount \"$1\""},
};

bool shell(const std::string& commands, const std::string& folder, const std::string& image) {
  const std::string line = "PATH=$PATH:/usr/sbin:/sbin; set -- '" + folder + "' '" + image + "'; { " + commands +
                           "; } </dev/null >/dev/null 2>&1";
  const int status = std::system(line.c_str());
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("file systems that a tape cannot be mapped on: every call is recorded, and the memory stays small") {
  const auto& on = file_systems[GENERATE(0, 1)];
  INFO(on.name);
  if (geteuid() != 0) SKIP("only root can mount an image");
  constexpr std::uint64_t many = 3000;
  const scratch out;
  const auto result = run({.module = null_module()}, [&] {
    const std::filesystem::path folder = getenv("P11TAPE_DIR");
    create_directory(folder);
    if (!private_mounts() || !shell(on.make, folder, out / "image")) _exit(77);
    {
      const shim s;
      const auto* const list = s.list();
      EXPECT_EQ(list->C_Initialize(nullptr), CK_RV{CKR_OK});
      call_numbered(list, 1, 1, many);
      EXPECT_EQ(list->C_Finalize(nullptr), CK_RV{CKR_OK});
    }
    for (const auto& path : tapes(folder)) copy_file(path, out / path.filename().string());
    // The tape is open: the mount goes with the namespace.
    shell(std::string(on.undo) + " -l", folder, out / "image");
  });
  if (WIFEXITED(result.status) && WEXITSTATUS(result.status) == 77)
    SKIP(on.name << " cannot be mounted here (" << on.tool << ", loop devices, /dev/fuse)");
  INFO(result.describe());
  CHECK(result.clean());
  CHECK(messages(result.err) == 0);
  const auto t = read_only(out.path());
  check_sound(t);
  CHECK(t.lost() == 0);
  CHECK(t.returned.at(1).size() == many);
}
