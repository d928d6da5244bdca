// All kinds of credentials. Layouts, signatures and agreement; who keeps which is VL2's business.
// Notes: vl2 5.
#pragma once

#include "service/wire/credentials/capability.h"
#include "service/wire/credentials/membership.h"
#include "service/wire/credentials/ownership.h"
#include "service/wire/credentials/revocation.h"
#include "service/wire/credentials/tag.h"
