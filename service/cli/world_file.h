// Worlds and their signing keys as files. A key file is 64 bytes public followed by 64 bytes
// private (vl1-packets 8.5), mode 0600.
#pragma once

#include <string>

#include "service/host/home_files.h"
#include "service/wire/world.h"

namespace ztshim::cli {

Result<Bytes, std::string> read_file(const std::string& path);
// Whole or not at all.
Result<void, std::string> write_file(const std::string& path, ByteView content, mode_t mode);

// The signing key in `path`; a new one, stored there, when there is no such file.
Result<Identity, std::string> load_or_make_signer(const std::string& path, RandomSource& random);
Result<Identity, std::string> load_signer(const std::string& path);

// A new planet with a random ID that no public world has.
World make_planet(std::vector<WorldRoot> roots, const Identity& signer, RandomSource& random);
// May `signer` sign the revision after `present`?
bool names_signer(const World& present, const Identity& signer);
World make_moon(std::uint64_t id, std::vector<WorldRoot> roots, const Identity& signer);
// The next revision of `present` with these roots; an error when `signer` is not whom it names.
Result<World, std::string> revise(const World& present, std::vector<WorldRoot> roots,
                                  const Identity& signer);

}  // namespace ztshim::cli
