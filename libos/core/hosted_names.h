/* In hosted builds the C library's memory functions stay in use, because sanitizers watch
 * them; string.c gets other names, under which tests/unit knows it. */
#ifdef BAILEY_HOSTED
#define memcpy  libos_memcpy
#define memmove libos_memmove
#define memset  libos_memset
#define memcmp  libos_memcmp
#define memchr  libos_memchr
#define strlen  libos_strlen
#define strnlen libos_strnlen
#define strcmp  libos_strcmp
#define strncmp libos_strncmp
#define strchr  libos_strchr
#define strrchr libos_strrchr
#define strstr  libos_strstr
#endif
