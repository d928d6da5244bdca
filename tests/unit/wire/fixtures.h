// Identities and small helpers for the tests of wire formats.
#pragma once

#include "common/writer.h"
#include "service/crypto/identity.h"

namespace ztshim {

// The two of the notes (vl1-crypto 8.1), with their private parts.
inline Identity identity_a() {
  return *Identity::parse(
      "8e4df28b72:0:ac3d46abe0c21f3cfe7a6c8d6a85cfcffcb82fbd55af6a4d6350657c68200843"
      "fa2e16f9418bbd9702cae365f2af5fb4c420908b803a681d4daef6114d78a2d7:"
      "bd8dd6e4ce7022d2f812797a80c6ee8ad180dc4ebf301dec8b06d1be08832bdd"
      "d63a2f1cfa7b2c504474c75bdc8898ba476ef92e8e2d0509f8441985171ff16e");
}
inline Identity identity_b() {
  return *Identity::parse(
      "5861f6d21f:0:8e1d4bfac4f125527e3be5a619a40e06c7e8f49587229f3e66816bca4e62d537"
      "78ea836de95c5686721463b0b824ce95462e58cc154cec7882794bce80f7cc03:"
      "d367686c7a9877ce619cceea895f6a624c335ae7fc47032e7b7138f5321ca927"
      "ea348da3974e681dba2f83b19b00778399dffc8b6f34d7ef1760bfc860afc351");
}

template <typename T>
Bytes written(const T& value) {
  Bytes bytes;
  Writer out(bytes);
  value.write(out);
  return bytes;
}

// The bytes of a hexadecimal text in which blanks may stand.
inline Bytes bytes_of(std::string text) {
  std::erase(text, ' ');
  return from_hex(text).value();
}

}  // namespace ztshim
