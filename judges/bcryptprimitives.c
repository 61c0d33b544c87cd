/*
 * bcryptprimitives.dll for Wine 8, which lacks it: Rust's standard library takes its random numbers from
 * ProcessPrng. For tests only; on Windows the system has its own.
 */
#include <stddef.h>

/* RtlGenRandom by its exported name (advapi32). */
__declspec(dllimport) unsigned char __stdcall SystemFunction036(void *buffer, unsigned long length);

__declspec(dllexport) int __stdcall ProcessPrng(unsigned char *buffer, size_t length)
{
    while (length > 0) {
        unsigned long part = length > 0x10000 ? 0x10000 : (unsigned long)length;
        if (!SystemFunction036(buffer, part)) {
            return 0;
        }
        buffer += part;
        length -= part;
    }
    return 1;
}
