// The ztshim program.
#include "service/program.h"

int main(int count, char** arguments) { return ztshim::run_program(count, arguments); }
