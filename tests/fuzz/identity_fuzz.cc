// Identities as text and as bytes: nothing crashes, and what is taken comes out again the same.
#include "service/crypto/identity.h"
#include "tests/fuzz/fuzz.h"

using namespace ztshim;

namespace {

void as_identity_text(ByteView input) {
  const auto identity = Identity::parse(as_text(input));
  if (!identity) return;
  ZTSHIM_MUST_HOLD(!identity->address().is_reserved());
  const auto again =
      Identity::parse(identity->has_secret() ? identity->secret_text() : identity->text());
  ZTSHIM_MUST_HOLD(again && *again == *identity);
  ZTSHIM_MUST_HOLD(again->has_secret() == identity->has_secret());
}

void as_binary_identity(ByteView input) {
  Reader in(input);
  const auto identity = Identity::read(in);
  ZTSHIM_MUST_HOLD(identity.has_value() == !in.failed());
  if (!identity) return;
  Bytes written;
  Writer out(written);
  identity->write(out);
  ZTSHIM_MUST_HOLD(written.size() == Identity::kWireSize);
  // All but the length of the private part, which is not written.
  const std::size_t common = Identity::kWireSize - 1;
  ZTSHIM_MUST_HOLD(equal_constant_time(ByteView(written).first(common), input.first(common)));
  ZTSHIM_MUST_HOLD(input.size() - in.remaining() ==
                   Identity::kWireSize + (identity->has_secret() ? 64u : 0u));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(data, size);
  as_identity_text(input);
  as_binary_identity(input);
  return 0;
}
