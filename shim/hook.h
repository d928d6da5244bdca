// How an interposed function is declared. The names are listed once more in exports.map, which
// exports them and nothing else.
#pragma once

#define ZTSHIM_HOOK __attribute__((visibility("default")))
