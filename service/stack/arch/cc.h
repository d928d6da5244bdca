/* What lwIP wants to know about the compiler and the platform. */
#ifndef ZTSHIM_STACK_ARCH_CC_H
#define ZTSHIM_STACK_ARCH_CC_H

#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/time.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Defined in lwip_glue.cc. */
uint32_t ztshim_lwip_random(void);
uint16_t ztshim_lwip_checksum(const void* data, int length);
void ztshim_lwip_assertion_failed(const char* message, const char* file, int line);

#ifdef __cplusplus
}
#endif

#define LWIP_RAND() ztshim_lwip_random()
/* An assertion of lwIP guards its own structures: going on would corrupt a stranger's memory. */
#define LWIP_PLATFORM_ASSERT(message) ztshim_lwip_assertion_failed(message, __FILE__, __LINE__)
#define LWIP_PLATFORM_DIAG(arguments) \
  do {                                \
  } while (0)
/* The C library has them, and lwIP's macros would replace its names in our own files. */
#define LWIP_DONT_PROVIDE_BYTEORDER_FUNCTIONS

#endif
