// SPDX-License-Identifier: Apache-2.0
// Does what `p11tape probe-module` does.
#include "clients/doctor/probe.hpp"

int main(int argc, char** argv) {
  return argc < 3 ? 64 : p11tape::clients::answer_probe(argv[2], argc > 3 ? argv[3] : nullptr, argc > 4);
}
