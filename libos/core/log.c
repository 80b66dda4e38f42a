/* The --debug log and the end of a sandbox whose library OS is broken. */
#include "../../abi/host_abi.h"
#include "lib.h"

#define LINE_SIZE 512

void klog(const char *fmt, ...)
{
    char line[LINE_SIZE];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    host_report(HOST_REPORT_LOG, 0, 0, line);
}

void panic(const char *fmt, ...)
{
    char line[LINE_SIZE];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    host_report(HOST_REPORT_PANIC, 0, 0, line);
    host_space_exit();
}
