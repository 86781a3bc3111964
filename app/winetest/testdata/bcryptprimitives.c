/* A stand-in for the one function that Go programs take from bcryptprimitives.dll, for Wine before version 9, which has no such
   library. It is for test prefixes only. The random bytes are those of RtlGenRandom, which goes by this name in advapi32. */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE buffer, SIZE_T length)
{
	return SystemFunction036(buffer, (ULONG)length);
}

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, LPVOID reserved)
{
	return TRUE;
}
