// The ztshim program as main() sees it. Declared here, defined in cli/, which builds on this
// folder.
#pragma once

namespace ztshim {

// Carries out the command line; the exit code.
int run_program(int count, char** arguments);

}  // namespace ztshim
