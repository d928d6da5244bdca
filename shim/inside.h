// The mark "this call comes from us", which hooks look at first: see common/inside.h.
#pragma once

#include "common/inside.h"
